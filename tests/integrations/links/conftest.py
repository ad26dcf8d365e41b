"""A connect link to the sandbox, and the phone of a client who has no account."""

from __future__ import annotations

import pytest
from django.utils import timezone

from integrations.links import Ask, make_link, make_request
from secrets_vault.actor import Actor
from tests.factories import make_client
from tests.integrations.links.vendor import Vendor, make_key_connection
from tests.integrations.oauth.conftest import ada, browser_of, connection, reachable, sandbox, shared_sandbox

__all__ = ["ada", "browser_of", "connection", "reachable", "sandbox", "shared_sandbox"]


@pytest.fixture
def phone(browser_of):
    """A browser that nobody is signed in with; it checks CSRF as a real one would be."""
    return browser_of(enforce_csrf_checks=True)


@pytest.fixture
def link_of(connection, ada):
    """Return a function that makes a link and returns (link, path)."""

    def made(**options):
        options = {"actor": Actor.of(ada), "now": timezone.now()} | options
        link, url = make_link(connection, **options)
        return link, url.removeprefix("http://localhost:8000")

    return made


@pytest.fixture
def acme(db):
    return make_client("acme", name="Acme")


@pytest.fixture
def vendor(settings):
    with Vendor() as running:
        settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [*settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS, running.host]
        yield running


@pytest.fixture
def gadgets(acme, vendor):
    """A connection that waits for a key."""
    return make_key_connection(acme, vendor)


@pytest.fixture
def request_of(ada):
    """Return a function that makes a request link for connections and returns (link, path)."""

    def made(*connections, lands_as="current", **options):
        options = {"actor": Actor.of(ada), "now": timezone.now(), "sent_to": "office@acme.example"} | options
        asks = [Ask(connection, lands_as) for connection in connections]
        link, url = make_request(connections[0].client, asks, **options)
        return link, url.removeprefix("http://localhost:8000")

    return made
