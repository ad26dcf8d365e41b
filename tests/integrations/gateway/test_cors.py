"""Web pages that call the gateway from a browser: those that a token names, and no other learns anything."""

from __future__ import annotations

import pytest
from django.utils import timezone

from integrations import tokens
from integrations.models import GatewayToken
from integrations.tokens import BadTokenLimits
from integrations.web_origins import is_origin
from secrets_vault import generation
from secrets_vault.actor import SYSTEM
from tests.fake_upstream import OK

APP = "https://app.example.com"
PREFLIGHT = [
    (b"origin", APP.encode()),
    (b"access-control-request-method", b"PATCH"),
    (b"access-control-request-headers", b"authorization,content-type"),
]


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        *[(text, True) for text in (APP, "https://a.b:8443", "http://localhost:3000", "http://127.0.0.1")],
        *[(text, False) for text in ("*", "null", "", "http://app.example.com", APP + "/", APP + "/x", "https://")],
        *[(text, False) for text in ("https://A.example", "https://a@b", "https://a b", APP + "\n", "ftp://a", "//a")],
    ],
)
def test_what_is_an_origin(text, is_one):
    assert is_origin(text) is is_one


pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def named(world):
    """Return the world with a token that names a page."""
    GatewayToken.objects.update(origins=[APP])
    return world


def cors_of(answer):
    return {name: value for name, value in answer.headers if name.startswith(b"access-control-")}


def call(world, *extra, **options):
    return world.call(headers=[(b"authorization", b"Bearer " + world.text.encode()), *extra], **options)


def test_a_page_that_a_token_names_may_ask_and_call(named):
    asked = named.call(method="OPTIONS", headers=PREFLIGHT)
    assert (asked.status, asked.body) == (204, b"")
    assert cors_of(asked) == {
        b"access-control-allow-origin": APP.encode(),
        b"access-control-allow-methods": b"PATCH",
        b"access-control-allow-headers": b"authorization,content-type",
        b"access-control-max-age": b"600",
    }
    assert "Origin" in asked.header("vary")
    assert not named.upstream.requests
    answer = call(named, (b"origin", APP.encode()))
    assert answer.status == 200
    assert cors_of(answer) == {
        b"access-control-allow-origin": APP.encode(),
        b"access-control-expose-headers": b"*",
    }
    assert (b"vary", b"Origin") in answer.headers


def test_our_own_refusals_can_be_read_by_the_page_too(named):
    GatewayToken.objects.update(methods=["POST"])
    generation.bump()
    answer = call(named, (b"origin", APP.encode()))
    assert answer.status == 403
    assert answer.header("access-control-allow-origin") == APP


@pytest.mark.parametrize(
    "spoil",
    [
        lambda: GatewayToken.objects.update(origins=[]),
        lambda: GatewayToken.objects.update(origins=["https://other.example"]),
        lambda: GatewayToken.objects.update(revoked_at=timezone.now()),
        lambda: GatewayToken.objects.update(expires_at=timezone.now()),
        lambda: GatewayToken.objects.update(methods=["GET"]),
        lambda: GatewayToken.objects.get().connections.clear(),
    ],
)
def test_no_other_page_learns_whether_the_connection_exists(named, spoil):
    spoil()
    refused = named.call(method="OPTIONS", headers=PREFLIGHT)
    unknown = named.call(method="OPTIONS", headers=PREFLIGHT, slug="no-such-connection")
    assert (refused.status, unknown.status) == (401, 401)
    assert cors_of(refused) == cors_of(unknown) == {}

    def plain(answer):
        return [(name, value) for name, value in answer.headers if name != b"x-keylodge-request-id"]

    assert plain(refused) == plain(unknown)


@pytest.mark.parametrize(
    "headers",
    [
        PREFLIGHT[1:],
        [PREFLIGHT[0], PREFLIGHT[2]],
        [*PREFLIGHT, PREFLIGHT[0]],
        [(b"origin", b"null"), *PREFLIGHT[1:]],
        [(b"origin", APP.upper().encode()), *PREFLIGHT[1:]],
        [*PREFLIGHT[:2], (b"access-control-request-headers", b"a\r\nb")],
        [*PREFLIGHT[:2], (b"access-control-request-headers", b"a" * 3000)],
        [PREFLIGHT[0], (b"access-control-request-method", b"GET\x00")],
    ],
)
def test_what_is_no_plain_question_is_a_call_without_a_token(named, headers):
    answer = named.call(method="OPTIONS", headers=headers)
    assert answer.status == 401
    assert cors_of(answer) == {}


def test_another_pages_answer_has_no_word_for_it(named):
    answer = call(named, (b"origin", b"https://evil.example"))
    assert cors_of(answer) == {}
    assert (b"vary", b"Origin") in answer.headers


def test_the_providers_own_word_does_not_open_it(world):
    world.upstream.answers = [
        OK.replace(
            b"Content-Type",
            b"Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\nVary: Accept\r\nContent-Type",
        )
    ]
    answer = call(world, (b"origin", APP.encode()))
    assert cors_of(answer) == {}
    assert answer.header("vary") == "Accept"


def test_options_with_a_token_goes_to_the_provider(world):
    answer = call(world, *PREFLIGHT, method="OPTIONS")
    assert answer.status == 200
    assert world.upstream.requests[0].startswith(b"OPTIONS /api/things ")


def test_a_revocation_holds_for_the_next_question(named):
    async def story(gateway):
        before = await named.ask(gateway, method="OPTIONS", headers=PREFLIGHT)

        def revoke():
            tokens.revoke(GatewayToken.objects.get(), actor=SYSTEM, now=timezone.now())

        await gateway.lookup.in_thread(revoke)
        return before.status, (await named.ask(gateway, method="OPTIONS", headers=PREFLIGHT)).status

    assert named.run(story) == (204, 401)


def test_a_token_takes_no_origin_that_is_none(world):
    with pytest.raises(BadTokenLimits, match="origins"):
        tokens.make(world.client, "web", [world.connection], actor=SYSTEM, origins=["*"])
