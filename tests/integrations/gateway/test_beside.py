"""What goes beside a token that nobody pasted: bound, injected, masked, and untouched by a refresh."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from integrations import beside, tokens
from integrations.models import Connection
from integrations.oauth.answers import Grant
from integrations.oauth.held import read
from integrations.oauth.keeping import provider_of, store_tokens
from integrations.oauth.revoke import disconnect
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import StoredSecret
from secrets_vault.secret import Secret
from tests.factories import make_client
from tests.integrations.gateway.conftest import World, make_provider

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime.now(UTC)
DEVELOPER = "dev-CANARY-0123456789abcdef"
OTHER = "dev-CANARY-the-second-one"
ACCESS = "ya29.CANARY-access-token-0001"
PLACES = {
    "in": "header",
    "name": "Authorization",
    "template": "Bearer {token}",
    "more": [{"in": "header", "name": "developer-token", "template": "{developer_token}"}],
}
FIELDS = [{"name": "developer_token", "words": "Developer token", "kinds": ["oauth2"]}]
OAUTH = {
    "authorize_url": "https://id.ads.example/authorize",
    "token_url": "https://id.ads.example/token",
    "pkce": "supported",
}


@pytest.fixture
def ads(world) -> World:
    """Return a connection by consent whose calls carry a developer token too."""
    key = make_provider(
        world.upstream, "custom-ads", injections={"oauth2": PLACES}, credential_fields=FIELDS, oauth=OAUTH
    )
    connection = Connection.objects.create(
        slug="ads",
        client=world.client,
        environment=world.connection.environment,
        provider_key=key,
        kind="oauth2",
        status=Connection.Status.CONNECTED,
        access_expires_at=NOW + timedelta(hours=1),
    )
    consent(connection, ACCESS)
    keep(connection, DEVELOPER)
    token, text = tokens.make(world.client, "ads", [connection], actor=SYSTEM)
    return World(world.client, connection, world.upstream, token, text.expose())


def consent(connection, access):
    """Store the tokens of a consent, as a refresh stores them too."""
    grant = Grant(Secret(access), Secret("rt-1"), 3600, None, None)
    connection.secret, _ = store_tokens(connection, grant, actor=SYSTEM, now=NOW)
    connection.save(update_fields=["secret"])


def keep(connection, text):
    """Store what goes beside the token."""
    beside.store_beside(connection, provider_of(connection), {"developer_token": Secret(text)}, actor=SYSTEM)


def test_both_go_to_their_own_places_and_the_callers_stays_out(ads):
    headers = [(b"authorization", b"Bearer " + ads.text.encode()), (b"Developer_Token", b"theirs")]
    assert ads.call("/v1/customers", headers=headers).status == 200
    assert ads.upstream.requests == [
        b"GET /api/v1/customers HTTP/1.1\r\nHost: %b\r\nAuthorization: Bearer %b\r\ndeveloper-token: %b\r\n\r\n"
        % (ads.upstream.host.encode(), ACCESS.encode(), DEVELOPER.encode())
    ]


def test_a_refresh_leaves_it_and_a_new_one_holds_from_the_next_call(ads):
    consent(ads.connection, "ya29.second")
    keep(ads.connection, OTHER)
    ads.call()
    assert b"Authorization: Bearer ya29.second\r\ndeveloper-token: %b\r\n" % OTHER.encode() in ads.upstream.requests[0]
    row = read(ads.connection.pk)
    assert [version.number for version in row.beside_secret.versions.order_by("number")] == [1, 2]
    assert row.beside_secret.policy == {"hosts": [ads.upstream.host], "slots": ["header:developer-token"]}


def test_nothing_is_sent_without_it(ads):
    Connection.objects.filter(pk=ads.connection.pk).update(beside_secret=None)
    ads.connection.refresh_from_db()
    answer = ads.call()
    assert answer.status == 409
    assert ads.upstream.requests == []


@pytest.mark.parametrize(
    ("hosts", "slot"), [(["api.other.example"], "header:developer-token"), (None, "header:authorization")]
)
def test_it_goes_nowhere_that_its_own_policy_does_not_bind(ads, hosts, slot):
    policy = vault.Policy(tuple(hosts or [ads.upstream.host]), (slot,))
    vault.bind_policy(ads.connection.beside_secret, policy, actor=SYSTEM)
    assert ads.call().status == 403
    assert ads.upstream.requests == []


def test_another_clients_is_not_sent(ads):
    other = make_client("other")
    foreign = vault.store(
        actor=SYSTEM,
        client=other,
        environment=other.environments.first(),
        kind=StoredSecret.Kind.KEY_VALUE_SET,
        label="theirs",
        fields={"developer_token": Secret(DEVELOPER)},
        policy=vault.Policy((ads.upstream.host,), ("header:developer-token",)),
    )
    Connection.objects.filter(pk=ads.connection.pk).update(beside_secret=foreign)
    assert ads.call().status == 403
    assert ads.upstream.requests == []


def test_no_log_holds_it_even_where_the_upstream_repeats_it(ads):
    body = b'{"error": "no such token %b"}' % DEVELOPER.encode()
    ads.upstream.answers = [
        b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    ]
    headers = [(b"authorization", b"Bearer " + ads.text.encode()), (b"x-note", DEVELOPER.encode())]
    ads.call(headers=headers, query=b"q=" + DEVELOPER.encode())
    (call,) = ads.calls()
    shown = f"{call.__dict__}"
    assert DEVELOPER not in shown
    assert "****" in shown


def test_disconnecting_puts_it_aside(ads):
    row = read(ads.connection.pk)
    stored = row.beside_secret
    disconnect(row, actor=SYSTEM, now=NOW, send=lambda *_, **__: None)
    stored.refresh_from_db()
    assert stored.deleted_at is not None
    assert read(row.pk).beside_secret is None
