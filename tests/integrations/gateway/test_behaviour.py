"""What the gateway does beside passing bytes: refuses, injects, repeats, waits, gives up."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from integrations import tokens
from integrations.gateway.problems import Problem
from integrations.gateway.refreshing import Refresher
from integrations.gateway.throttle import Throttle, take_turn
from integrations.models import Connection, CustomProvider, LimitReading
from integrations.oauth.errors import NeedsReconnecting
from integrations.oauth.refresh import RefreshResult
from secrets_vault import generation, vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import AuditEvent, SecretField
from secrets_vault.secret import Secret
from tests.factories import make_client
from tests.fake_upstream import OK
from tests.integrations.gateway.conftest import GONE, KEY, World, make_connection

pytestmark = pytest.mark.django_db(transaction=True)


def answered(status: int, *lines: bytes, body: bytes = b"{}") -> bytes:
    """Return a whole HTTP answer."""
    head = b"".join(line + b"\r\n" for line in lines)
    return b"HTTP/1.1 %d X\r\n%bContent-Length: %d\r\n\r\n%b" % (status, head, len(body), body)


def code(answer) -> tuple[int, str]:
    """Return the status and code of an answer of ours."""
    return answer.status, json.loads(answer.body)["code"]


def limit(world: World, **limits) -> None:
    """Set limits of the world's token."""
    tokens.change(world.token, actor=SYSTEM, **limits)


# What a token may do


def test_methods_and_paths_outside_the_token_are_refused(world):
    limit(world, methods=["GET"], paths=["/crm/*"])
    assert world.call("/crm/v3").status == 200
    assert code(world.call("/crm/v3", method="POST", body=b"x")) == (403, "not_allowed")
    assert code(world.call("/other")) == (403, "not_allowed")
    assert code(world.call("/crm/../other")) == (400, "path_refused")
    assert len(world.upstream.requests) == 1
    assert [call.code for call in world.calls()] == ["", "not_allowed", "not_allowed", "path_refused"]


def test_a_token_works_only_from_its_addresses(world):
    limit(world, ip_ranges=["198.51.100.0/24", "2001:db8::/32"])
    assert world.call(client="198.51.100.9").status == 200
    assert world.call(client="2001:db8::1").status == 200
    assert world.call(client="::ffff:198.51.100.9").status == 200
    assert code(world.call(client="203.0.113.1")) == (403, "ip_not_allowed")
    assert code(world.call(client="")) == (403, "ip_not_allowed")


def test_calls_a_minute_a_day_and_in_all_are_limited(world):
    async def five(gateway):
        return [await world.ask(gateway) for _ in range(5)]

    limit(world, per_day=3)
    answers = world.run(five)
    assert [a.status for a in answers] == [200, 200, 200, 429, 429]
    assert code(answers[3]) == (429, "token_limited")
    assert 1 <= int(answers[3].header("retry-after")) <= 86_401
    limit(world, per_day=None, max_uses=2)
    assert [a.status for a in world.run(five)] == [200, 200, 429, 429, 429]
    assert [a.status for a in world.run(five)] == [429] * 5


def test_calls_of_a_token_keep_their_distance(world):
    gap_s, arrivals = 0.3, []

    def note(sock, request):
        arrivals.append(time.monotonic())
        sock.sendall(OK)

    async def four(gateway):
        made_at = time.monotonic()
        answers = await asyncio.gather(*(world.ask(gateway) for _ in range(4)))
        return made_at, [answer.status for answer in answers]

    limit(world, min_gap_s=gap_s)
    world.upstream.answers = [note]
    made_at, statuses = world.run(four)
    assert statuses == [200] * 4
    # A busy machine notes an arrival late, never early: so each is compared with the moment at which all were made.
    assert all(at - made_at > n * gap_s * 0.98 for n, at in enumerate(sorted(arrivals)))
    assert max(arrivals) - made_at < gap_s * 3 + 5


def test_a_turn_too_far_away_is_the_callers_to_wait_for(world):
    limit(world, min_gap_s=600)
    assert world.call().status == 200
    refused = world.call()
    assert code(refused) == (429, "token_limited")
    assert 590 <= int(refused.header("retry-after")) <= 601
    assert len(world.upstream.requests) == 1


def test_a_token_revoked_while_its_call_waits_sends_nothing(world):
    async def story(gateway):
        first = await world.ask(gateway)
        waiting = asyncio.create_task(world.ask(gateway))
        await asyncio.sleep(0.3)
        await gateway.lookup.in_thread(tokens.revoke, world.token, actor=SYSTEM, now=datetime.now(UTC))
        return first.status, code(await waiting)

    limit(world, min_gap_s=2)
    assert world.run(story) == (200, (401, "token_invalid"))
    assert len(world.upstream.requests) == 1


def test_a_turn_set_by_a_clock_that_was_put_back_holds_nobody():
    token_id = uuid4()
    tomorrow, now = datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC)
    assert take_turn(token_id, gap_s=5, now=tomorrow) == 0
    assert take_turn(token_id, gap_s=5, now=now) == 0
    assert take_turn(token_id, gap_s=5, now=now) == 5
    assert [take_turn(token_id, gap_s=25, now=now) for _ in range(2)] == [10, 35]
    assert take_turn(token_id, gap_s=25, now=now) == 35, "a turn that is too far away is not taken"


def test_a_changed_token_holds_from_the_next_call_of_a_running_gateway(world):
    other = make_connection(world.client, world.upstream, "acme-other")

    async def story(gateway):
        change = gateway.lookup.in_thread
        seen = [(await world.ask(gateway)).status]
        for changed in ({"max_uses": 2}, {"per_day": 1}, {"per_day": 9, "max_uses": 9}, {"methods": ["POST"]}):
            await change(limit, world, **changed)
            seen += [(await world.ask(gateway)).status for _ in range(3)]
        await change(limit, world, methods=[], connections=[other])
        return [*seen, (await world.ask(gateway)).status, (await world.ask(gateway, slug="acme-other")).status]

    spent, raised, other_method, moved = [200, 200, 429, 429, 429, 429], [200] * 3, [403] * 3, [404, 200]
    assert world.run(story) == [200, *spent, *raised, *other_method, *moved]


def test_two_processes_together_never_pass_the_limit(world):
    limit(world, per_day=50)

    async def story(gateway):
        route = await gateway.lookup.route(world.text, world.connection.slug)
        one_at_a_time = asyncio.Lock()  # SQLite in memory does not wait for a lock, as a file does

        async def in_thread(*work, **options):
            async with one_at_a_time:
                return await gateway.lookup.in_thread(*work, **options)

        async def is_let_through(throttle):
            try:
                await throttle.take(route.token)
            except Problem:
                return False
            return True

        processes = [Throttle(in_thread), Throttle(in_thread)]
        return await asyncio.gather(*(is_let_through(throttle) for _ in range(40) for throttle in processes))

    assert sum(world.run(story)) == 50


class Tomorrow(datetime):
    """A clock that a day has gone by on."""

    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + timedelta(days=1)


def test_an_expired_token_stops_in_a_running_gateway(world, monkeypatch):
    limit(world, expires_at=datetime.now(UTC) + timedelta(hours=1))

    async def story(gateway):
        first = await world.ask(gateway)
        monkeypatch.setattr("integrations.gateway.lookup.datetime", Tomorrow)
        return first.status, (await world.ask(gateway)).status

    assert world.run(story) == (200, 401)


def test_a_revocation_holds_from_the_next_call(world):
    async def story(gateway):
        first = await world.ask(gateway)
        await asyncio.to_thread(tokens.revoke, world.token, actor=SYSTEM, now=datetime.now(UTC))
        return first.status, (await world.ask(gateway)).status

    assert world.run(story) == (200, 401)


# What a connection allows


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("paused", (409, "paused")),
        ("needs_reconnecting", (409, "needs_reconnecting")),
        ("not_connected", (409, "needs_reconnecting")),
    ],
)
def test_a_connection_that_is_not_ready_says_why(world, status, expected):
    Connection.objects.update(status=status)
    assert code(world.call()) == expected
    assert world.upstream.requests == []


@pytest.mark.parametrize("status", ["untested", "connected", "failing"])
def test_other_states_let_calls_through(world, status):
    Connection.objects.update(status=status)
    assert world.call().status == 200


def test_a_credential_goes_only_to_the_host_it_is_bound_to(world, settings):
    from tests.fake_upstream import FakeUpstream

    with FakeUpstream() as thief:
        settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [world.upstream.host, thief.host]
        row = CustomProvider.objects.get()
        row.facts |= {"base_url": thief.url, "allowed_hosts": [thief.host]}
        row.save()
        assert code(world.call()) == (403, "host_refused")
        assert thief.connections == 0


def test_a_credential_goes_only_into_the_slot_it_is_bound_to(world):
    row = CustomProvider.objects.get()
    row.facts["injections"]["api_key"] = {"in": "query", "name": "key", "template": "{token}"}
    row.save()
    assert code(world.call()) == (403, "host_refused")
    assert world.upstream.requests == []


def test_a_private_host_that_nobody_opened_is_refused(world, settings):
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = []
    assert code(world.call()) == (403, "host_refused")
    assert world.upstream.connections == 0


def test_a_credential_that_does_not_open_says_so(world):
    field = SecretField.objects.get()
    field.blob = bytes(field.blob)[:-1] + bytes([bytes(field.blob)[-1] ^ 1])
    field.save()
    assert code(world.call()) == (503, "credential_unreadable")
    assert world.upstream.requests == []


def test_the_first_use_is_in_the_book_and_later_ones_are_not(world):
    world.call()
    world.call()
    assert AuditEvent.objects.filter(action="secret.used_first").count() == 1


# What goes upstream


def test_nothing_that_is_ours_or_the_callers_own_credential_goes_upstream(world):
    dropped = [
        (b"authorization", b"Bearer " + world.text.encode()),
        (b"Connection", b"close, X-Listed"),
        (b"x-listed", b"1"),
        (b"keep-alive", b"1"),
        (b"te", b"trailers"),
        (b"upgrade", b"h2c"),
        (b"proxy-authorization", b"Basic x"),
        (b"cookie", b"a=b"),
        (b"x-forwarded-for", b"1.2.3.4"),
        (b"x-forwarded-host", b"evil"),
        (b"X_Forwarded_Host", b"evil"),
        (b"forwarded", b"for=1.2.3.4"),
        (b"x-real-ip", b"1.2.3.4"),
        (b"x-keylodge-queue", b"never"),
        (b"host", b"keylodge.example"),
        (b"expect", b"100-continue"),
    ]
    kept = [(b"x-kept", b"1"), (b"Idempotency-Key", b"abc"), (b"accept-encoding", b"gzip"), (b"user-agent", b"curl")]
    world.call(headers=[*dropped, *kept])
    head = world.upstream.requests[0]
    names = [line.split(b":")[0].lower() for line in head.split(b"\r\n")[1:] if line]
    assert names == [b"host", *(name.lower() for name, _ in kept), b"authorization"]
    assert b"evil" not in head
    assert world.text.encode() not in head


@pytest.mark.parametrize("name", [b"x-api-key", b"X-API-KEY", b"x_api_key", b"X-Api_Key"])
def test_an_injected_header_cannot_be_overridden(upstream, settings, name):
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]
    world = world_with(upstream, inject={"in": "header", "name": "X-Api-Key", "template": "{token}"})
    bearer = (b"authorization", b"Bearer " + world.text.encode())
    assert world.call(headers=[bearer, (name, b"mine"), (name, b"twice")]).status == 200
    head = upstream.requests[0]
    assert head.lower().count(b"api") - head.count(b"/api") == 1
    assert b"X-Api-Key: %b\r\n" % KEY.encode() in head
    assert b"mine" not in head
    assert b"authorization" not in head.lower()


def world_with(upstream, **options) -> World:
    """Return a client with one connection made with these options."""
    from tests.factories import make_client

    client = make_client()
    connection = make_connection(client, upstream, "acme-own", **options)
    token, text = tokens.make(client, "n8n", [connection], actor=SYSTEM)
    return World(client, connection, upstream, token, text.expose())


def test_the_token_may_stand_where_the_sdk_puts_its_key(upstream, settings):
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]
    world = world_with(upstream, inject={"in": "header", "name": "X-Api-Key", "template": "{token}"})
    assert world.call(headers=[(b"x-api-key", world.text.encode())]).status == 200
    assert b"X-Api-Key: %b\r\n" % KEY.encode() in upstream.requests[0]


def test_a_credential_in_the_query_replaces_the_callers(upstream, settings):
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]
    world = world_with(upstream, inject={"in": "query", "name": "api_key", "template": "{token}"})
    query = b"a=%7E&api_key=" + world.text.encode() + b"&api%5Fkey=mine&b"
    assert world.call(headers=[], query=query).status == 200
    assert upstream.requests[0].startswith(b"GET /api/things?a=%7E&b&api_key=" + KEY.encode() + b" HTTP/1.1\r\n")
    assert KEY not in repr(world.calls()[0].__dict__)


def test_a_basic_credential_is_sent_as_basic(upstream, settings):
    import base64

    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]
    world = world_with(upstream, kind="basic")
    assert world.call().status == 200
    assert b"Authorization: Basic " + base64.b64encode(b"ada:" + KEY.encode()) in upstream.requests[0]


def test_static_headers_stand_and_a_version_is_only_a_default(upstream, settings):
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]
    static = {"X-Account": "ours", "Api-Version": "2026-01"}
    world = world_with(upstream, static_headers=static)
    bearer = (b"authorization", b"Bearer " + world.text.encode())
    world.call(headers=[bearer, (b"x-account", b"mine")])
    world.call(headers=[bearer, (b"api-version", b"2027-01")])
    first, second = upstream.requests
    assert b"X-Account: ours\r\n" in first
    assert b"mine" not in first
    assert b"Api-Version: 2026-01\r\n" in first
    assert b"api-version: 2027-01\r\n" in second
    assert b"2026-01" not in second


# What comes back


def test_an_answer_comes_back_untouched_but_for_what_must_not_come_from_our_origin(world):
    world.upstream.answers = [
        answered(
            418,
            b"X-Own: 1",
            b"Set-Cookie: a=b",
            b"Server: x",
            b"Strict-Transport-Security: max-age=1",
            b"Content-Security-Policy: default-src *",
            b"Connection: keep-alive, X-Hop",
            b"X-Hop: 1",
            b"X-Keylodge-Attempts: 99",
            b"Location: https://other.example/",
            b"Content-Encoding: gzip",
            body=b"\x1f\x8b\x00",
        )
    ]
    answer = world.call()
    assert (answer.status, answer.body) == (418, b"\x1f\x8b\x00")
    told = dict(answer.headers)
    assert told[b"x-own"] == b"1"
    assert told[b"location"] == b"https://other.example/"
    assert told[b"content-security-policy"] == b"sandbox; default-src 'none'"
    assert told[b"x-content-type-options"] == b"nosniff"
    assert told[b"x-keylodge-attempts"] == b"1"
    assert told.keys().isdisjoint({b"set-cookie", b"server", b"strict-transport-security", b"x-hop", b"connection"})


def test_limits_are_read_from_every_answer(world):
    world.upstream.answers = [answered(200, b"X-RateLimit-Limit: 100", b"X-RateLimit-Remaining: 7")]
    answer = world.call()
    assert answer.header("x-ratelimit-remaining") == "7"
    assert answer.header("x-keylodge-ratelimit-remaining") == "7"
    reading = LimitReading.objects.get()
    assert (reading.limit, reading.remaining, reading.connection_id) == (100, 7, world.connection.pk)


# What is tried again


def test_a_busy_upstream_is_asked_again_after_retry_after(world):
    world.upstream.answers = [answered(429, b"Retry-After: 1"), OK]
    started = time.monotonic()
    answer = world.call(method="POST", body=b"x=1")
    assert (answer.status, answer.header("x-keylodge-attempts")) == (200, "2")
    assert time.monotonic() - started >= 1
    assert [request.partition(b"\r\n\r\n")[2] for request in world.upstream.requests] == [b"x=1", b"x=1"]
    (call,) = world.calls()
    assert (call.outcome, call.attempts) == ("recovered", 2)
    assert [event.get("status") for event in call.timeline] == [429, 200]
    assert call.timeline[0]["wait_ms"] >= 1000


def test_three_attempts_are_all_and_the_last_answer_comes_back_whole(world):
    world.upstream.answers = [answered(503, body=b'{"error": "busy"}')]
    answer = world.call()
    assert (answer.status, answer.body) == (503, b'{"error": "busy"}')
    assert len(world.upstream.requests) == 3
    (call,) = world.calls()
    assert (call.outcome, call.attempts) == ("upstream_error", 3)
    assert "busy" in call.response_body


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_post_that_may_have_taken_effect_is_not_sent_again(world, status):
    world.upstream.answers = [answered(status), OK]
    assert world.call(method="POST", body=b"x").status == status
    assert len(world.upstream.requests) == 1


def test_a_post_on_a_connection_that_broke_is_not_sent_again(world):
    world.upstream.answers = [lambda sock, request: sock.shutdown(2), OK]
    assert code(world.call(method="POST", body=b"x")) == (502, "upstream_unreachable")
    assert len(world.upstream.requests) == 1
    assert world.calls()[0].outcome == "unreachable"


def test_a_quota_that_is_spent_is_not_asked_again(world):
    world.upstream.answers = [answered(429, body=b'{"error": {"code": "insufficient_quota"}}'), OK]
    assert world.call().status == 429
    assert len(world.upstream.requests) == 1
    assert world.calls()[0].outcome == "limited"


def test_our_idempotency_key_makes_a_post_safe_to_repeat(upstream, settings):
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]
    world = world_with(upstream, idempotency={"header": "Idempotency-Key"})
    upstream.answers = [answered(502), OK]
    assert world.call(method="POST", body=b"x").status == 200
    keys = [r.split(b"Idempotency-Key: ")[1].split(b"\r\n")[0] for r in upstream.requests]
    assert len(set(keys)) == 1
    bearer = (b"authorization", b"Bearer " + world.text.encode())
    upstream.answers = [OK]
    world.call(method="POST", body=b"x", headers=[bearer, (b"idempotency-key", b"callers-own")])
    assert b"idempotency-key: callers-own\r\n" in upstream.requests[-1]
    assert upstream.requests[-1].lower().count(b"idempotency-key") == 1


def test_a_large_body_is_streamed_and_sent_once(world):
    world.upstream.answers = [answered(503), OK]
    answer = world.call(method="PUT", body=[b"x" * 100_000] * 4)
    assert answer.status == 503
    assert len(world.upstream.requests) == 1
    assert world.upstream.requests[0].count(b"x") == 400_000


def test_a_body_that_is_not_as_long_as_it_says_is_not_sent(world):
    bearer = (b"authorization", b"Bearer " + world.text.encode())
    answer = world.call(method="POST", body=b"short", headers=[bearer, (b"content-length", b"10")])
    assert code(answer) == (400, "request_refused")
    assert world.upstream.requests == []


# A fresh token after a 401


def refreshed_by(world, outcome="refreshed"):
    """Return a story's refresh that stores a new access token, and how often it was asked."""
    asked = []

    def how(connection, *, now, seen):
        asked.append(seen)
        if outcome == "dead":
            raise NeedsReconnecting("gone")
        if outcome == "refreshed":
            row = Connection.objects.get(pk=connection.pk)
            vault.replace(row.secret, {"access_token": Secret("fresh-token")}, actor=SYSTEM)
            Connection.objects.update(access_expires_at=datetime.now(UTC) + timedelta(minutes=30))
            generation.count_up()
        return RefreshResult(connection, outcome)

    async def story(gateway):
        gateway.forwarder.refresher = Refresher(how=how)
        answer = await world.ask(gateway, method="POST", body=b"x")
        gateway.forwarder.refresher.close()
        return answer

    return story, asked


@pytest.fixture
def oauth_world(upstream, settings):
    """Return a client whose connection has an OAuth access token."""
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]
    urls = {"authorize_url": f"{upstream.url}/a", "token_url": f"{upstream.url}/t"}
    return world_with(upstream, kind="oauth2", oauth=urls, injections=OAUTH_SLOT)


OAUTH_SLOT = {"oauth2": {"in": "header", "name": "Authorization", "template": "Bearer {token}"}}


def test_a_401_is_answered_with_one_forced_refresh(oauth_world):
    oauth_world.upstream.answers = [answered(401), OK]
    story, asked = refreshed_by(oauth_world)
    answer = oauth_world.run(story)
    assert (answer.status, len(asked)) == (200, 1)
    assert b"Bearer fresh-token" in oauth_world.upstream.requests[1]
    assert oauth_world.calls()[0].timeline[0]["refreshed"] is True


def test_a_second_401_comes_back_as_it_is(oauth_world):
    oauth_world.upstream.answers = [answered(401, body=b"no")]
    story, asked = refreshed_by(oauth_world)
    answer = oauth_world.run(story)
    assert (answer.status, answer.body, len(asked)) == (401, b"no", 1)
    assert len(oauth_world.upstream.requests) == 2
    assert oauth_world.calls()[0].outcome == "auth"


@pytest.mark.parametrize("outcome", ["too_young", "dead"])
def test_a_401_that_no_refresh_can_help_comes_back_as_it_is(oauth_world, outcome):
    oauth_world.upstream.answers = [answered(401, body=b"no"), OK]
    story, asked = refreshed_by(oauth_world, outcome)
    assert oauth_world.run(story).body == b"no"
    assert (len(asked), len(oauth_world.upstream.requests)) == (1, 1)


def test_a_token_that_has_ended_is_replaced_before_the_call(oauth_world):
    Connection.objects.update(access_expires_at=datetime.now(UTC) - timedelta(minutes=1))
    story, asked = refreshed_by(oauth_world)
    assert oauth_world.run(story).status == 200
    assert len(asked) == 1
    assert len(oauth_world.upstream.requests) == 1
    assert b"Bearer fresh-token" in oauth_world.upstream.requests[0]


def test_a_401_of_an_api_key_is_not_refreshed(world):
    world.upstream.answers = [answered(401), OK]
    story, asked = refreshed_by(world)
    assert world.run(story).status == 401
    assert asked == []


# Many, slow, gone


def test_64_calls_of_one_connection_run_at_once(world):
    import threading

    together = threading.Barrier(64, timeout=20)

    def wait_for_all(sock, request):
        together.wait()
        sock.sendall(OK)

    world.upstream.answers = [wait_for_all]

    async def all_at_once(gateway):
        answers = await asyncio.gather(*(world.ask(gateway) for _ in range(64)))
        return [answer.status for answer in answers]

    assert world.run(all_at_once) == [200] * 64


def test_a_caller_that_goes_away_cancels_the_call(world):
    import threading

    arrived, dropped = threading.Event(), threading.Event()

    def silence(sock, request):
        arrived.set()
        sock.settimeout(10)
        if sock.recv(1) == b"":
            dropped.set()

    world.upstream.answers = [silence]

    async def story(gateway):
        gone = asyncio.Event()
        asking = asyncio.ensure_future(world.ask(gateway, gone=gone))
        await asyncio.to_thread(arrived.wait, 5)
        gone.set()
        return await asyncio.wait_for(asking, 5)

    assert world.run(story).status == 0
    assert dropped.wait(5)
    assert world.calls()[0].outcome == "cancelled"


def test_no_credential_is_in_the_log_though_the_upstream_echoes_it(world):
    def echo(sock, request):
        sock.sendall(answered(400, b"X-Echo: " + KEY.encode(), body=request))

    world.upstream.answers = [echo]
    answer = world.call(method="POST", body=json.dumps({"secret": world.text}).encode())
    assert KEY.encode() in answer.body
    row = repr(world.calls()[0].__dict__)
    assert KEY not in row
    assert world.text not in row
    assert "X-Echo" in row


@pytest.mark.parametrize("method", ["TRACE", "trace", "CONNECT"])
def test_a_method_that_would_read_the_credential_back_is_not_forwarded(world, method):
    answer = world.call(method=method)
    assert code(answer) == (403, "not_allowed")
    assert world.upstream.requests == []


def test_a_caller_that_stops_in_the_middle_of_its_body_is_told_so(world):
    answer = world.call(method="POST", body=[b"half", GONE])
    assert code(answer) == (400, "request_refused")
    assert world.upstream.requests == []
    assert world.calls()[0].outcome == "cancelled"


def test_a_connection_pointed_at_another_clients_secret_in_the_database_sends_nothing(world):
    other = make_connection(make_client("beta"), world.upstream, "beta-fake")
    Connection.objects.filter(pk=world.connection.pk).update(secret=other.secret)
    generation.bump()
    assert code(world.call()) == (403, "host_refused")
    assert world.upstream.requests == []
