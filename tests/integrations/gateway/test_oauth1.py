"""A call signed by OAuth 1 through the gateway: what arrives verifies, and none of its secrets is anywhere."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import unquote

import pytest

from integrations import tokens
from integrations.injecting.oauth1 import Signer
from integrations.models import Connection
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.secret import Secret
from tests.integrations.gateway.conftest import World, make_provider

pytestmark = pytest.mark.django_db(transaction=True)

FIELDS = {
    "username": "consumer-key",
    "password": "consumer-CANARY-secret",
    "oauth_token": "token-CANARY-0001",
    "oauth_token_secret": "token-CANARY-secret",
}
WORDS = [{"name": name, "words": name, "kinds": ["basic"]} for name in FIELDS]
SLOT = "oauth1:HMAC-SHA256/123_SB1"
FORM = (b"content-type", b"application/x-www-form-urlencoded")


@pytest.fixture
def made(world):
    """Return what makes a connection that signs, bound to a slot."""

    def make(slot: str = SLOT) -> World:
        place = {"in": "oauth1", "method": "HMAC-SHA256", "realm": "123_SB1"}
        key = make_provider(world.upstream, "custom-signed", injections={"basic": place}, credential_fields=WORDS)
        stored = vault.store(
            actor=SYSTEM,
            client=world.client,
            environment=world.connection.environment,
            kind="basic",
            label="signed",
            fields={name: Secret(text) for name, text in FIELDS.items()},
            policy=vault.Policy((world.upstream.host,), (slot,)),
        )
        connection = Connection.objects.create(
            slug="signed",
            client=world.client,
            environment=world.connection.environment,
            provider_key=key,
            kind="basic",
            secret=stored,
            status=Connection.Status.CONNECTED,
        )
        token, text = tokens.make(world.client, "signed", [connection], actor=SYSTEM)
        return World(world.client, connection, world.upstream, token, text.expose())

    return make


def bearer(world: World) -> list[tuple[bytes, bytes]]:
    return [(b"authorization", b"Bearer " + world.text.encode())]


def verified(world: World, raw: bytes) -> dict[str, str]:
    """Return the fields of the header that arrived, once they are what the consumer and the token would sign."""
    head, _, body = raw.partition(b"\r\n\r\n")
    method, target, _ = head.split(b"\r\n")[0].split(b" ")
    (text,) = re.findall(rb"\r\nAuthorization: OAuth ([^\r]*)", head)
    told = {name: unquote(value) for name, value in re.findall(r'(\w+)="([^"]*)"', text.decode())}
    is_form = b"x-www-form-urlencoded" in head
    signer = Signer(
        (FIELDS["username"], FIELDS["password"]),
        (FIELDS["oauth_token"], FIELDS["oauth_token_secret"]),
        method="HMAC-SHA256",
        realm="123_SB1",
        nonce=lambda: told["oauth_nonce"],
    )
    ((_, again),) = signer.headers(
        method.decode(),
        base=world.upstream.url,
        target=target,
        headers=[FORM] if is_form else [],
        body=body if is_form else b"",
        now=datetime.fromtimestamp(int(told["oauth_timestamp"]), UTC),
    )
    assert text in again
    return told


def test_address_query_and_form_arrive_signed_and_untouched(made):
    world = made()
    answer = world.call(
        "/1.1/statuses", method="POST", query=b"b=2&a=x%20y", headers=[*bearer(world), FORM], body=b"status=Hi+%26+you"
    )
    assert answer.status == 200
    (raw,) = world.upstream.requests
    assert raw.startswith(b"POST /api/1.1/statuses?b=2&a=x%20y HTTP/1.1\r\n")
    assert raw.endswith(b"\r\n\r\nstatus=Hi+%26+you")
    told = verified(world, raw)
    assert (told["realm"], told["oauth_consumer_key"], told["oauth_token"]) == (
        "123_SB1",
        FIELDS["username"],
        FIELDS["oauth_token"],
    )


def test_what_the_caller_signed_goes_nowhere(made):
    world = made()
    headers = [(b"x-keylodge-token", world.text.encode()), (b"authorization", b'OAuth oauth_token="theirs"')]
    world.call(headers=headers)
    (raw,) = world.upstream.requests
    assert b"theirs" not in raw
    verified(world, raw)


def test_no_secret_is_in_what_is_sent_or_in_the_log(made):
    world = made()
    world.upstream.answers = [
        b"HTTP/1.1 302 Found\r\nLocation: /elsewhere?t=token-CANARY-0001\r\nContent-Length: 0\r\n\r\n"
    ]
    answer = world.call(query=b"q=consumer-CANARY-secret")
    assert answer.status == 302
    assert len(world.upstream.requests) == 1, "a redirect is the caller's to follow: nothing is signed for it"
    (raw,) = world.upstream.requests
    assert b"token-CANARY-secret" not in raw
    signature = verified(world, raw)["oauth_signature"]
    (call,) = world.calls()
    shown = f"{call.__dict__}"
    assert "CANARY" not in shown
    assert signature not in shown


@pytest.mark.parametrize("slot", ["oauth1:HMAC-SHA1/123_SB1", "oauth1:HMAC-SHA256/999", "header:authorization"])
def test_nothing_is_signed_that_the_policy_does_not_bind(made, slot):
    world = made(slot)
    assert world.call().status == 403
    assert world.upstream.requests == []


def test_a_form_that_streams_cannot_be_signed_and_other_bodies_can(made):
    world = made()
    pieces = [b"a=" + b"x" * 400_000, b"y" * 400_000]
    refused = world.call(method="POST", headers=[*bearer(world), FORM], body=pieces)
    assert refused.status == 400
    assert world.upstream.requests == []
    octets = (b"content-type", b"application/octet-stream")
    assert world.call(method="POST", headers=[*bearer(world), octets], body=pieces).status == 200


def test_each_attempt_has_a_signature_of_its_own(made):
    world = made()
    world.upstream.answers = [
        b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ]
    world.call()
    nonces = [verified(world, raw)["oauth_nonce"] for raw in world.upstream.requests]
    assert len(set(nonces)) == len(nonces) == 2
