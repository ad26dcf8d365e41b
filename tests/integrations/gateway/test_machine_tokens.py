"""A call through a connection whose tokens nobody consents to: the first call asks, a refused one asks again."""

from __future__ import annotations

import pytest

from integrations import tokens
from integrations.connections.granting import connect_app
from integrations.models import Connection
from integrations.oauth.app import make_app
from secrets_vault.actor import SYSTEM
from secrets_vault.secret import Secret
from tests.factories import make_client
from tests.fake_upstream import OK
from tests.integrations.gateway.conftest import World, make_provider
from tests.integrations.gateway.test_behaviour import answered, code
from tests.integrations.oauth.world import NOW

pytestmark = pytest.mark.django_db(transaction=True)

SLOT = {"in": "header", "name": "Authorization", "template": "Bearer {token}"}


def token_answer(text: str) -> bytes:
    """Return what the token endpoint says."""
    return answered(200, body=b'{"access_token": "%b", "expires_in": 3600}' % text.encode())


@pytest.fixture
def machine(upstream, settings):
    """Return a world whose connection has an OAuth app and no token yet; the upstream is its token endpoint too."""
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]
    client = make_client()
    oauth = {"token_url": f"{upstream.url}/token", "grants": ["client_credentials"]}
    key = make_provider(upstream, oauth=oauth, injections={"client_credentials": SLOT})
    app = make_app("Fake app", key, client_id="the-app", client_secret=Secret("the-client-secret"), actor=SYSTEM)
    connection = Connection.objects.create(
        slug="acme-fake",
        client=client,
        environment=client.environments.first(),
        provider_key=key,
        kind="client_credentials",
        oauth_app=app,
    )
    connect_app(connection, actor=SYSTEM, now=NOW)
    token, text = tokens.make(client, "n8n", [connection], actor=SYSTEM)
    return World(client, connection, upstream, token, text.expose())


def arrived(machine) -> list[bytes]:
    """Return the first line and the credential of what came upstream."""
    return [request.split(b"\r\n")[0].split(b" ")[1] for request in machine.upstream.requests]


def test_the_first_call_asks_for_the_token_and_the_second_uses_it(machine):
    machine.upstream.answers = [token_answer("first-token"), OK, OK]
    assert [machine.call("/things").status for _ in range(2)] == [200, 200]
    assert arrived(machine) == [b"/token", b"/api/things", b"/api/things"]
    assert all(b"Bearer first-token" in request for request in machine.upstream.requests[1:])
    assert b"client_secret=the-client-secret" in machine.upstream.requests[0]


def test_a_call_that_the_token_may_not_make_asks_for_nothing(machine):
    tokens.change(machine.token, actor=SYSTEM, paths=["/other"])
    assert code(machine.call("/things")) == (403, "not_allowed")
    assert machine.upstream.requests == []


def test_an_app_that_is_refused_lets_no_call_out(machine):
    machine.upstream.answers = [answered(401, body=b'{"error": "invalid_client"}')]
    assert machine.call("/things").status == 503
    assert arrived(machine) == [b"/token"]


def test_a_refused_token_is_replaced_by_force_once_it_is_not_brand_new(machine):
    machine.upstream.answers = [token_answer("first-token"), OK]
    machine.call("/things")
    Connection.objects.update(refreshed_at=NOW)
    machine.upstream.answers = [answered(401), token_answer("second-token"), OK]
    assert machine.call("/things").status == 200
    assert b"Bearer second-token" in machine.upstream.requests[-1]
