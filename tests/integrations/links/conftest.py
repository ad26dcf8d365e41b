"""A connect link to the sandbox, and the phone of a client who has no account."""

from __future__ import annotations

import pytest
from django.utils import timezone

from integrations.links import make_link
from secrets_vault.actor import Actor
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
