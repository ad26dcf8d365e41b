"""What a call may never carry to the wrong place: another host, another client, our origin, the call log."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations import connections, tokens
from integrations.gateway import inject
from integrations.gateway.inject import upstream_headers
from integrations.injecting import Injected
from integrations.models import Connection
from secrets_vault import generation, vault
from secrets_vault.actor import SYSTEM
from secrets_vault.secret import Secret
from tests.factories import make_client
from tests.fake_upstream import FakeUpstream
from tests.integrations.gateway.conftest import KEY, World, make_connection
from tests.integrations.gateway.test_behaviour import answered, code
from tests.integrations.gateway.test_target import PASSING, REFUSED

DATABASE = pytest.mark.django_db(transaction=True)


def bearer(world) -> tuple[bytes, bytes]:
    return (b"authorization", b"Bearer " + world.text.encode())


# Another host


@DATABASE
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_handed_back_and_its_host_hears_nothing(world, settings, status):
    with FakeUpstream() as thief:
        settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [world.upstream.host, thief.host]
        away = f"{thief.url}/take".encode()
        world.upstream.answers = [answered(status, b"Location: " + away, b"Refresh: 0; url=" + away)]
        answer = world.call(method="POST", body=b"x=1")
        assert (answer.status, answer.header("location"), answer.header("refresh")) == (status, away.decode(), None)
        assert (thief.connections, len(world.upstream.requests)) == (0, 1)


WAYS_TO_NAME_A_HOST = (
    *("base_url", "api_base", "base-url", "url", "endpoint", "host", "proxy", "target", "upstream", "x-base-url"),
    *("x-keylodge-base-url", "x-keylodge-host", "x-forwarded-host", "forwarded", "x-original-url", "x-rewrite-url"),
    *("x-host", "x-upstream", "openai-base-url", "destination", "location", "referer", "origin", "x-real-host"),
)


@DATABASE
def test_nothing_in_a_request_moves_it_to_another_host(world, settings):
    with FakeUpstream() as thief:
        settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [world.upstream.host, thief.host]

        async def story(gateway):
            for name in WAYS_TO_NAME_A_HOST:
                value = thief.host if "host" in name else thief.url
                body = json.dumps({name: value, "api_base": thief.url}).encode()
                headers = [bearer(world), (name.encode(), value.encode()), (b"host", thief.host.encode())]
                await world.ask(gateway, method="POST", headers=headers, body=body, query=f"{name}={value}".encode())
            for path in (
                f"/{thief.url}/x",
                f"/@{thief.host}/x",
                f":{thief.port}/x",
                f"/..//{thief.host}",
                f"?{thief.url}",
            ):
                await world.ask(gateway, path)

        world.run(story)
        assert thief.connections == 0
        hosts = {line for request in world.upstream.requests for line in request.split(b"\r\n") if line[:5] == b"Host:"}
        assert hosts <= {b"Host: " + world.upstream.host.encode()}
        assert len(world.upstream.requests) >= len(WAYS_TO_NAME_A_HOST)


@DATABASE
def test_the_path_that_was_judged_is_the_path_that_arrives(world):
    async def story(gateway):
        statuses = {}
        for target in (*PASSING, *REFUSED):
            path, _, query = target.partition(b"?")
            statuses[target] = (await world.ask(gateway, path.decode("latin-1"), query=query)).status
        return statuses

    statuses = world.run(story)
    assert len(PASSING) + len(REFUSED) >= 60
    assert {statuses[target] for target in REFUSED} == {400}
    assert {statuses[target] for target in PASSING} == {200}
    sent = [request.split(b" ", 2)[1] for request in world.upstream.requests]
    assert sent == [b"/api" + target.removesuffix(b"?") for target in PASSING]


# Another client


@DATABASE
def test_two_clients_at_one_host_share_no_cookie_no_login_and_no_socket(world, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("NETRC", "/dev/null")
    beta = make_client("beta")
    other = make_connection(beta, world.upstream, "beta-fake")
    vault.replace(other.secret, {"api_key": Secret("the-key-of-beta-0123456789")}, actor=SYSTEM)
    _, text = tokens.make(beta, "n8n", [other], actor=SYSTEM)
    second = World(beta, other, world.upstream, world.token, text.expose())
    ok = answered(200, b"Set-Cookie: sid=of-acme; Path=/", b'WWW-Authenticate: Digest realm="x", nonce="n"')
    world.upstream.answers = [ok]

    async def story(gateway):
        return [(await one.ask(gateway)).status for one in (world, second, world, second)]

    assert world.run(story) == [200] * 4
    assert world.upstream.connections == 2
    for n, request in enumerate(world.upstream.requests):
        assert b"cookie" not in request.lower()
        assert (KEY.encode() in request, b"the-key-of-beta" in request) == (n % 2 == 0, n % 2 == 1)


@DATABASE
@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        ("/gateway/{slug}/things", [], (401, "token_missing")),
        ("/gateway/{slug}/things", [(b"authorization", b"")], (401, "token_missing")),
        ("/gateway/{slug}/things", [(b"authorization", b"Bearer ")], (401, "token_invalid")),
        ("/gateway/{other}/things", "own", (404, "connection_not_found")),
        ("/gateway/{slug}x/things", "own", (404, "connection_not_found")),
        ("/gateway/things", "own", (404, "connection_not_found")),
        ("/gateway//things", "own", (404, "connection_not_found")),
        ("/gateway/", "own", (404, "connection_not_found")),
        ("/gateway", "own", (404, "connection_not_found")),
    ],
)
def test_what_names_no_client_reaches_none(world, path, headers, expected):
    """There is no connection by default, not even for a token that may use one only."""
    other = make_connection(make_client("beta"), world.upstream, "beta-fake")
    path = path.format(slug=world.connection.slug, other=other.slug)
    headers = [bearer(world)] if headers == "own" else headers

    async def story(gateway):
        sent = []

        async def send(message):
            sent.append(message)

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b""}
        await gateway.handle({**scope, "headers": headers, "client": ("198.51.100.7", 1)}, receive, send)
        return SimpleNamespace(status=sent[0]["status"], body=sent[1]["body"])

    assert code(world.run(story)) == expected
    assert world.upstream.connections == 0


# From the next call on


def paused(world):
    connections.pause(Connection.objects.get(pk=world.connection.pk), actor=SYSTEM, now=datetime.now(UTC))


def disconnected(world):
    connections.disconnect(Connection.objects.get(pk=world.connection.pk), actor=SYSTEM, now=datetime.now(UTC))


def narrowed(world):
    tokens.change(world.token, actor=SYSTEM, methods=["POST"])


def moved(world):
    tokens.change(world.token, actor=SYSTEM, ip_ranges=["203.0.113.0/24"])


def revoked(world):
    tokens.revoke(world.token, actor=SYSTEM, now=datetime.now(UTC))


def deleted(world):
    vault.delete(Connection.objects.get(pk=world.connection.pk).secret, actor=SYSTEM)


@DATABASE
@pytest.mark.parametrize("act", [paused, disconnected, narrowed, moved, revoked, deleted])
def test_what_is_taken_away_is_gone_with_the_next_call(world, act):
    async def story(gateway):
        first = (await world.ask(gateway)).status
        await asyncio.to_thread(act, world)
        return first, (await world.ask(gateway)).status

    first, then = world.run(story)
    assert first == 200
    assert then in (401, 403, 409, 503), then
    assert len(world.upstream.requests) == 1


@DATABASE
def test_a_replaced_credential_is_used_from_the_next_call(world):
    async def story(gateway):
        await world.ask(gateway)
        new = {"api_key": Secret("the-new-key-0123456789")}
        await asyncio.to_thread(vault.replace, world.connection.secret, new, actor=SYSTEM)
        await asyncio.to_thread(generation.bump)
        await world.ask(gateway)

    world.run(story)
    assert KEY.encode() in world.upstream.requests[0]
    assert b"the-new-key" in world.upstream.requests[1]
    assert KEY.encode() not in world.upstream.requests[1]


# Headers

DROPPED = (
    *("Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Expect"),
    *("Host", "Authorization", "Cookie", "Forwarded", "Via", "X-Real-IP", "X-Forwarded-For", "X-Forwarded-User"),
    *("X-Keylodge-Token", "X-Keylodge-Queue", "Proxy-Authorization", "X-Api-Key", "True-Client-IP", "X-Listed"),
)
KEPT = ("Accept", "Content-Type", "X-Own", "Idempotency-Key", "X-Api-Key-Id", "Authorization-Hint", "X_Own")


def spelled(name: str, how: int) -> bytes:
    """Return a header name as an attacker may write it."""
    forms = (name, name.lower(), name.upper(), name.replace("-", "_"), name.swapcase().replace("-", "_", 1))
    return forms[how % len(forms)].encode()


HEADERS = st.lists(st.tuples(st.sampled_from(DROPPED + KEPT), st.integers(0, 4), st.integers(0, 99)), max_size=12)


@given(HEADERS, st.sampled_from(["x-api-key", "authorization, X-API-KEY", "x_api_key", "close"]))
def test_no_spelling_of_a_header_gets_past_or_in_the_way_of_the_credential(chosen, listed):
    headers = [(b"connection", f"X-Listed, {listed}".encode())]
    headers += [(spelled(name, how), b"evil-%d" % n) for name, how, n in chosen]
    injected = Injected(headers=((b"X-Api-Key", b"the-credential"),), taken=frozenset({b"x-api-key"}))
    sent = upstream_headers(headers, carriers=frozenset({"header:authorization"}), injected=injected, static={})
    wanted = [
        (spelled(name, how), b"evil-%d" % n)
        for name, how, n in chosen
        if name in KEPT and name.lower() not in listed.lower()
    ]
    assert sent == [*wanted, (b"X-Api-Key", b"the-credential")]


def test_nothing_is_kept_of_what_differs_from_call_to_call_or_is_made_up_by_a_caller(monkeypatch):
    asked = []
    monkeypatch.setattr(inject, "names_passed_on", lambda names, *, besides: asked.append(names) or iter(()))
    for number in range(3):
        sent = upstream_headers(
            [(b"x-kept-by-name", b"1"), (b"connection", b"close, x-made-up-%d" % number)],
            carriers=frozenset({"header:x-api-key", f"query:made-up-{number}"}),
            injected=Injected(),
            static={"Idempotency-Key": str(number)},
        )
        assert sent == [(b"Idempotency-Key", b"%d" % number)]
    assert len(asked) == 1


# Our origin


@DATABASE
def test_what_an_answer_says_to_a_browser_about_its_own_origin_is_not_said_about_ours(world):
    lines = (
        *(b"Set-Cookie: a=b", b"Refresh: 0; url=https://evil.example", b'Clear-Site-Data: "*"', b"Alt-Svc: h3"),
        *(b"Service-Worker-Allowed: /", b"NEL: {}", b"Report-To: {}", b"Reporting-Endpoints: x", b"X-Own: 1"),
        *(b"Strict-Transport-Security: max-age=0", b"Public-Key-Pins: x", b"Content-Type: text/html"),
        b"Content-Security-Policy: script-src *",
    )
    world.upstream.answers = [answered(200, *lines, body=b"<script>alert(document.cookie)</script>")]
    answer = world.call()
    told = {name.decode(): value.decode() for name, value in answer.headers}
    assert answer.body == b"<script>alert(document.cookie)</script>"
    ours = {"x-keylodge-request-id", "x-keylodge-attempts"}
    assert told.keys() - ours == {
        "x-own", "content-type", "content-length", "content-security-policy", "x-content-type-options"
    }  # fmt: skip
    assert told["content-security-policy"] == "sandbox; default-src 'none'"
    assert told["x-content-type-options"] == "nosniff"


# The call log

PAN, AMEX = "4242" + "42424242" + "4242", "3782" + "822463" + "10005"
CARDS = [
    (b"application/json", {"card": {"number": PAN, "cvc": "987", "exp": "12/29"}, "pin": "4821"}),
    (b"application/json", {"note": f"paid with {PAN}, cvv 987", "track": f"%B{PAN}^ADA/L^25121010000?"}),
    (b"application/x-www-form-urlencoded", f"card[number]={PAN}&card[cvc]=987&card_pin=4821"),
    (b"text/plain", f"card {PAN[:4]} {PAN[4:8]} {PAN[8:12]} {PAN[12:]} security code: 987 PIN: 4821"),
    (b"application/xml", f"<card><number>{AMEX}</number><cvv>987</cvv><pin>4821</pin></card>"),
    (b"text/csv", f"name,card_number,cvv\nada,{AMEX},987\n"),
]


@DATABASE
@pytest.mark.parametrize(("media", "body"), CARDS)
def test_of_a_card_the_log_keeps_four_digits_and_of_its_codes_none(world, media, body):
    raw = (json.dumps(body) if isinstance(body, dict) else body).encode()
    world.upstream.answers = [answered(400, b"Content-Type: " + media, body=raw)]
    headers = [bearer(world), (b"content-type", media), (b"content-length", b"%d" % len(raw))]
    world.call(f"/cards/{PAN}", method="POST", headers=headers, body=raw, query=b"cvv=987&number=" + PAN.encode())
    (call,) = world.calls()
    kept = " ".join((call.path, call.request_head, call.request_body, call.response_head, call.response_body))
    digits = "".join(character for character in kept if character.isalnum())
    for number in (PAN, AMEX):
        assert number not in digits
        assert number[:6] not in digits
        assert number[4:12] not in digits
    assert "987" not in kept
    assert "4821" not in kept
    assert "ADA/L" not in kept
    assert call.request_body
