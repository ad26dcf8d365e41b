"""Acme's HubSpot, an OAuth app of the agency, and what a test needs to walk the steps."""

import pytest
from django.utils import timezone

from integrations.connections import probing
from integrations.models import Connection
from integrations.oauth.app import make_app
from secrets_vault.actor import SYSTEM
from secrets_vault.secret import Secret
from tests.integrations.oauth.machine_world import Endpoint
from tests.proving import prove

READ, WRITE = "crm.objects.contacts.read", "crm.objects.contacts.write"
APP_SECRET = "0f0f0f0f-1e1e-4d4d-8c8c-7b7b7b7b7b7b"


@pytest.fixture
def production(acme):
    return acme.environments.get(slug="production")


@pytest.fixture
def app(db):
    """The agency's HubSpot app: one scope always asked for, one when it is ticked."""
    return make_app(
        "Agency HubSpot",
        "hubspot",
        client_id="client-of-the-agency",
        client_secret=Secret(APP_SECRET),
        actor=SYSTEM,
        required_scopes=["oauth", READ],
        optional_scopes=[WRITE],
    )


@pytest.fixture
def hubspot(acme, production, app):
    """A connection that waits for its consent."""
    return Connection.objects.create(
        slug="acme-hubspot", client=acme, environment=production, provider_key="hubspot", kind="oauth2", oauth_app=app
    )


@pytest.fixture
def endpoint(monkeypatch):
    """What answers the test call after storing, and its own token requests."""
    answering = Endpoint()
    answering.date = timezone.now()
    monkeypatch.setitem(probing.probe.__kwdefaults__, "send", answering)
    return answering


@pytest.fixture
def signed_in(browser_of, ada):
    """Ada's browser; she has just given her password. (`browser` is Playwright's.)"""
    hers = browser_of(ada)
    prove(hers)
    return hers
