"""Keylodge at a certified authorization server that somebody else wrote (oidc-provider)."""

from __future__ import annotations

import pytest
from django.utils import timezone
from joserfc.jwk import RSAKey

from integrations.connections.granting import connect_app
from integrations.connections.probing import probe
from integrations.models import Connection, CustomProvider
from integrations.oauth import flow
from integrations.oauth.app import make_app
from integrations.oauth.errors import ConsentRefused, NeedsReconnecting
from integrations.oauth.flow import Callback
from integrations.oauth.held import read, token_of
from integrations.oauth.keeping import authorization_server
from integrations.oauth.refresh import refresh
from integrations.oauth.revoke import disconnect
from integrations.outbound import send
from integrations.providers.custom import custom_from
from secrets_vault import vault
from secrets_vault.actor import COMMAND, SYSTEM, Actor
from secrets_vault.secret import Secret
from tests.authorization_server import running
from tests.factories import make_client, make_user
from tests.integrations.oauth.machine_world import pem
from tests.integrations.oauth.world import BROWSER

pytestmark = [pytest.mark.processes, pytest.mark.matrix, pytest.mark.django_db(transaction=True)]

KEY = "custom-certified"
APP_SECRET = "app-secret-of-the-test-0123456789"
REDIRECT = "http://localhost:8000/oauth/callback"


def clients() -> list[dict]:
    """Return two apps: one with a client secret, one that signs."""
    common = {
        "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types": ["code"],
        "application_type": "native",
        "scope": "openid offline_access read write",
    }
    public = RSAKey.import_key(pem()).as_dict(private=False) | {"kid": "1", "use": "sig", "alg": "RS256"}
    by_secret = {"client_id": "by-secret", "client_secret": APP_SECRET}
    by_secret["token_endpoint_auth_method"] = "client_secret_post"
    by_key = {"client_id": "by-key", "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [public]}}
    return [common | by_secret, common | by_key]


@pytest.fixture(scope="module")
def shared_server():
    server = running.start(clients())
    yield server
    server.stop()


@pytest.fixture
def server(shared_server, settings):
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [shared_server.host]
    settings.KEYLODGE_PUBLIC_URL = "http://localhost:8000"
    return shared_server


@pytest.fixture
def ada(db):
    return make_user("Ada", is_owner=True)


def make_connection(server, *, kind: str = "oauth2", signs: bool = False) -> Connection:
    """Return Acme's connection to the server, not connected yet."""
    urls = {
        "base_url": server.url,
        "authorize_url": f"{server.url}/auth",
        "token_url": f"{server.url}/token",
        "revoke_url": f"{server.url}/token/revocation",
        "issuer": server.url,
    }
    oauth = {
        "introspect_url": f"{server.url}/token/introspection",
        "jwks_url": f"{server.url}/jwks",
        "requires_iss": True,
        "identity_scopes": ["openid"],
        "pkce": "required",
        "authorize_params": {"prompt": "consent"},
        "token_auth_method": "private_key_jwt" if signs else "client_secret_post",
    }
    facts = custom_from(urls, key=KEY, name="Certified", today=timezone.now().date(), oauth=oauth,
                        probe={"method": "GET", "path": "/me"})  # fmt: skip
    CustomProvider.objects.create(key=KEY, name="Certified", facts=facts)
    client = make_client()
    app = make_app(
        "Certified app",
        KEY,
        client_id="by-key" if signs else "by-secret",
        client_secret=None if signs else Secret(APP_SECRET),
        private_key=Secret(pem()) if signs else None,
        actor=COMMAND,
    )
    return Connection.objects.create(
        slug="acme-certified",
        client=client,
        environment=client.environments.first(),
        provider_key=KEY,
        kind=kind,
        oauth_app=app,
        requested_scopes=["openid", "offline_access", "read"] if kind == "oauth2" else ["read"],
    )


def begun(connection, ada):
    return flow.start(connection, user=ada, actor=Actor.of(ada), browser_secret=BROWSER, now=timezone.now())


def finished(brought, ada, **changes):
    fields = {name: value for name, value in brought.items() if name in ("state", "code", "error", "iss")} | changes
    return flow.finish(Callback(**fields, browser_secret=BROWSER), user=ada, now=timezone.now())


def connected(server, ada, **options) -> Connection:
    connection = make_connection(server, **options)
    finished(server.consent(begun(connection, ada)), ada)
    return read(connection.pk)


def renewed(connection):
    Connection.objects.filter(pk=connection.pk).update(refreshed_at=None)
    return refresh(read(connection.pk), now=timezone.now())


def introspected(connection, token):
    asked = authorization_server(read(connection.pk), send=send)
    return asked.introspect(token, hint="access_token", now=timezone.now())


@pytest.mark.parametrize("signs", [False, True], ids=["client_secret_post", "private_key_jwt"])
def test_a_consent_with_pkce_iss_and_an_id_token_ends_connected(server, ada, signs):
    row = connected(server, ada, signs=signs)
    assert row.status == "connected"
    assert row.account_name == "jo@acme.example" or row.account_id.endswith("jo")
    assert set(row.granted_scopes) >= {"openid", "offline_access", "read"}
    assert introspected(row, token_of(row))["active"] is True


def test_without_the_challenge_of_pkce_the_server_would_refuse(server, ada):
    url = begun(make_connection(server), ada)
    bare = "&".join(part for part in url.split("&") if not part.startswith("code_challenge"))
    brought = server.consent(bare)
    assert (brought["error"], brought["iss"]) == ("invalid_request", server.url)


def test_each_refresh_rotates_and_a_reused_refresh_token_ends_the_grant(server, ada):
    row = connected(server, ada)
    first = vault.use(row.secret, actor=SYSTEM, purpose="test")["refresh_token"]
    assert renewed(row).outcome == "refreshed"
    second = vault.use(read(row.pk).secret, actor=SYSTEM, purpose="test")["refresh_token"]
    assert first.expose() != second.expose()
    vault.replace(read(row.pk).secret, {"access_token": Secret("x"), "refresh_token": first}, actor=SYSTEM)
    with pytest.raises(NeedsReconnecting):
        renewed(row)
    assert read(row.pk).status_code == "invalid_grant"
    vault.replace(read(row.pk).secret, {"access_token": Secret("x"), "refresh_token": second}, actor=SYSTEM)
    Connection.objects.filter(pk=row.pk).update(status="connected", status_code="")
    with pytest.raises(NeedsReconnecting):  # the server detected the reuse: the newer one is dead too
        renewed(row)


def test_disconnecting_revokes_and_the_server_says_so(server, ada):
    row = connected(server, ada)
    token = token_of(row)
    assert introspected(row, token)["active"] is True
    assert disconnect(row, actor=COMMAND, now=timezone.now()).done
    assert introspected(row, token) == {"active": False}


def test_a_person_who_turns_back_is_told_and_nothing_is_stored(server, ada):
    connection = make_connection(server)
    brought = server.consent(begun(connection, ada), is_willing=False)
    assert (brought["error"], brought["iss"]) == ("access_denied", server.url)
    with pytest.raises(ConsentRefused) as refused:
        finished(brought, ada)
    assert refused.value.code == "access_denied"
    assert read(connection.pk).secret is None


@pytest.mark.parametrize("iss", ["", "https://evil.example"])
def test_a_callback_that_names_no_issuer_or_another_is_refused(server, ada, iss):
    connection = make_connection(server)
    brought = server.consent(begun(connection, ada))
    with pytest.raises(ConsentRefused):
        finished(brought, ada, iss=iss)
    assert read(connection.pk).secret is None


def test_a_code_that_is_brought_twice_is_refused(server, ada):
    connection = make_connection(server)
    brought = server.consent(begun(connection, ada))
    finished(brought, ada)
    with pytest.raises(ConsentRefused):
        finished(brought, ada)
    assert read(connection.pk).status == "connected"


@pytest.mark.parametrize("signs", [False, True], ids=["client_secret_post", "private_key_jwt"])
def test_an_app_gets_a_token_of_its_own(server, ada, signs):
    connection = make_connection(server, kind="client_credentials", signs=signs)
    connect_app(connection, actor=COMMAND, now=timezone.now())
    before = server.granted().get("client_credentials", 0)
    assert renewed(connection).outcome == "refreshed"
    row = read(connection.pk)
    assert introspected(row, token_of(row))["scope"] == "read"
    assert server.granted()["client_credentials"] == before + 1


def test_the_token_opens_the_servers_own_api(server, ada):
    row = connected(server, ada)
    assert probe(row, actor=COMMAND).outcome == "works"
