"""A provider's limits, seen by callers: they wait a little, or hear when a call can go; nobody is refused upstream."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations import ledger, tokens
from integrations.gateway.app import Gateway
from integrations.gateway.quota import known as known_quotas
from integrations.gateway.quota.known import Asker
from integrations.gateway.quota.rules import Whose
from integrations.models import Connection, SharedState
from integrations.models.connection import OAuthApp
from secrets_vault.actor import SYSTEM
from secrets_vault.models import Environment
from tests.integrations.gateway.conftest import KEY, upstream, world  # noqa: F401 - fixtures
from tests.integrations.gateway.test_behaviour import answered, code, world_with
from tests.integrations.gateway.test_lookup import looked_up

pytestmark = pytest.mark.django_db(transaction=True)

LIMITED = answered(429, b"Retry-After: 120")
SPENT = answered(429, body=b'{"error":{"code":"insufficient_quota"}}')


def told(limit: int, remaining: int, reset_s: int = 60) -> bytes:
    """Return an answer that says what is left."""
    return answered(
        200,
        b"X-RateLimit-Limit: %d" % limit,
        b"X-RateLimit-Remaining: %d" % remaining,
        b"X-RateLimit-Reset: %d" % reset_s,
    )


@pytest.fixture(autouse=True)
def states_are_rows(monkeypatch):
    """Keep shared states in the database, where a test can look at them and the next one finds none."""
    monkeypatch.setattr(ledger, "_store", ledger._database)


@pytest.fixture
def limited(upstream, settings):  # noqa: F811
    """Return a function that makes a world whose provider documents five calls in so many seconds."""
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]

    def make(window_s: int):
        limit = {"bucket": "burst", "limit": 5, "window_s": window_s, "per": "per key"}
        return world_with(upstream, limits=[limit])

    return make


def arrivals_of(world, calls: int, **options) -> tuple[list[float], list]:  # noqa: F811
    """Return how long after they were all made calls arrived, at the latest, soonest first; and their answers.

    A thread notes an arrival a little late where the machine is busy. So only what must not come too early can be
    told from it: what may go at once cannot have gone before it was made.
    """
    arrived: list[float] = []

    def note(sock, request):
        arrived.append(time.monotonic())
        sock.sendall(answered(200))

    world.upstream.answers = [note]

    async def story(gateway):
        made_at = time.monotonic()
        answers = await asyncio.gather(*(world.ask(gateway, **options) for _ in range(calls)))
        return made_at, answers

    made_at, answers = world.run(story)
    return sorted(at - made_at for at in arrived), answers


def test_calls_above_a_documented_limit_wait_instead_of_being_refused(limited):
    world = limited(2)  # noqa: F811
    arrived_s, answers = arrivals_of(world, 8)
    assert [answer.status for answer in answers] == [200] * 8
    assert len(arrived_s) == 8
    assert min(arrived_s[5:]) >= 2
    waited = sorted(int(answer.header("x-keylodge-waited") or 0) for answer in answers)
    assert all(waited[5:])
    assert waited[-1] >= 1000
    slowest = max(world.calls(), key=lambda call: call.timeline[0].get("paced_ms", 0))
    assert slowest.timeline[0]["paced_ms"] == pytest.approx(waited[-1], abs=1)
    assert slowest.timeline[0]["paced_for"] == "5 in 2 s"


def test_a_call_says_how_long_it_may_wait(limited):
    world = limited(20)  # noqa: F811
    header = [(b"authorization", b"Bearer " + world.text.encode()), (b"x-keylodge-max-wait", b"0.2")]
    _, answers = arrivals_of(world, 8, headers=header)
    refused = [answer for answer in answers if answer.status != 200]
    assert {code(answer) for answer in refused} == {(429, "upstream_limited")}
    assert len(world.upstream.requests) == 8 - len(refused) <= 5
    wait_s = json.loads(refused[0].body)["retry_after"]
    assert 1 <= wait_s <= 40
    assert refused[0].header("retry-after") == str(wait_s)
    assert {call.outcome for call in world.calls() if call.code} == {"limited"}


@pytest.mark.parametrize(
    ("own", "header", "refused"),
    [(0.2, b"", True), (0, b"", True), (0.2, b"20", False), (30, b"0.2", True), (None, b"", False)],
)
def test_a_token_says_how_long_its_calls_may_wait_and_a_call_goes_before_it(limited, own, header, refused):
    world = limited(2)  # noqa: F811
    tokens.change(world.token, actor=SYSTEM, max_wait_s=own)
    headers = [(b"authorization", b"Bearer " + world.text.encode())]
    headers += [(b"x-keylodge-max-wait", header)] if header else []
    _, answers = arrivals_of(world, 7, headers=headers)
    said = {code(answer) for answer in answers if answer.status != 200}
    assert said == ({(429, "upstream_limited")} if refused else set())


@pytest.mark.parametrize("value", [b"soon", b"-1", b"1e3", b"9999"])
def test_a_wait_that_cannot_be_read_is_refused(limited, value):
    world = limited(20)  # noqa: F811
    header = [(b"authorization", b"Bearer " + world.text.encode()), (b"x-keylodge-max-wait", value)]
    assert code(world.call(headers=header)) == (400, "header_invalid")


def test_what_answers_teach_is_known_after_a_restart(world):  # noqa: F811
    world.upstream.answers = [told(3, 2), told(3, 1), told(3, 0), told(3, 2)]

    async def before(gateway):
        for _ in range(3):
            await world.ask(gateway)
        await gateway.forwarder.limiter.settled()

    world.run(before)
    header = [(b"authorization", b"Bearer " + world.text.encode()), (b"x-keylodge-max-wait", b"0")]
    assert code(world.call(headers=header)) == (429, "upstream_limited")
    assert len(world.upstream.requests) == 3


def test_a_closed_limit_is_closed_for_other_processes_too(world):  # noqa: F811
    world.upstream.answers = [LIMITED]

    async def story(gateway):
        answer = await world.ask(gateway)
        await gateway.forwarder.limiter.settled()
        return answer

    assert world.run(story).status == 429

    async def elsewhere(gateway):
        await world.ask(gateway, "/one")  # it may still go: what others know is read beside the calls
        await gateway.forwarder.limiter.settled()
        return await world.ask(gateway, "/two")

    answer = world.run(elsewhere)
    assert code(answer) == (429, "upstream_limited")
    assert 100 < int(answer.header("retry-after")) <= 121
    assert not any(b"/two" in request for request in world.upstream.requests)


def test_a_call_waits_for_a_limit_that_opens_soon(world):  # noqa: F811
    world.upstream.answers = [answered(429, b"Retry-After: 1"), answered(200)]

    async def story(gateway):
        first = asyncio.create_task(world.ask(gateway))
        closings = gateway.forwarder.limiter._closings
        await until(lambda: closings.of([gateway.forwarder.limiter._key(asker_of(world))]))
        second = await world.ask(gateway)
        return await first, second

    first, second = world.run(story)
    assert (first.status, second.status) == (200, 200)
    assert int(second.header("x-keylodge-waited")) >= 200


async def until(holds: Callable[[], Any]) -> None:
    """Wait until this holds."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - no event tells it: what is asked is a dict or a list
            await asyncio.sleep(0.01)


def test_where_the_money_is_gone_calls_are_not_sent_again_and_again(world):  # noqa: F811
    world.upstream.answers = [SPENT]

    async def story(gateway):
        return [await world.ask(gateway) for _ in range(4)]

    first, *others = world.run(story)
    assert first.body == b'{"error":{"code":"insufficient_quota"}}'
    assert {code(answer) for answer in others} == {(429, "upstream_limited")}
    assert len(world.upstream.requests) == 1


def test_a_limit_hidden_in_a_success_counts(upstream, settings):  # noqa: F811
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]
    signal = {"status": 200, "any_of": ["ratelimited"], "false_at": "ok"}
    slack = world_with(upstream, limit_signals=[signal])
    upstream.answers = [answered(200, body=b'{"ok":false,"error":"ratelimited"}'), answered(200)]

    async def story(gateway):
        return [await slack.ask(gateway) for _ in range(2)]

    _, second = slack.run(story)
    assert int(second.header("x-keylodge-waited")) > 300


def test_a_limit_of_searches_leaves_other_calls_alone(upstream, settings):  # noqa: F811
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]
    search = {"bucket": "search", "limit": 1, "window_s": 60, "per": "per account", "paths": ["/*/search"]}
    world = world_with(upstream, limits=[search])  # noqa: F811
    header = [(b"authorization", b"Bearer " + world.text.encode()), (b"x-keylodge-max-wait", b"0.5")]

    async def story(gateway):
        paths = ["/contacts/search", "/contacts/search", "/contacts", "/contacts"]
        return [(await world.ask(gateway, path, headers=header)).status for path in paths]

    assert world.run(story) == [200, 429, 200, 200]


def test_two_connections_to_one_account_share_its_limit(upstream, settings):  # noqa: F811
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]
    limit = {"bucket": "burst", "limit": 1, "window_s": 60, "per": "per account", "scope": "account"}
    world = world_with(upstream, limits=[limit])  # noqa: F811
    Connection.objects.update(account_id="portal-1")
    second = Connection.objects.get()
    second.pk, second.slug = None, "acme-second"
    second.save(force_insert=True)
    world.token.connections.add(second)
    header = [(b"authorization", b"Bearer " + world.text.encode()), (b"x-keylodge-max-wait", b"0.5")]

    async def story(gateway):
        return [(await world.ask(gateway, slug=slug, headers=header)).status for slug in ("acme-own", "acme-second")]

    assert world.run(story) == [200, 429]
    assert not SharedState.objects.filter(key__contains="portal-1").exists()


def test_no_state_holds_a_secret(world):  # noqa: F811
    world.upstream.answers = [told(3, 2), LIMITED]

    async def story(gateway):
        for path in ("/things", f"/{KEY}"):
            await world.ask(gateway, path)
        await gateway.forwarder.limiter.settled()

    world.run(story)
    kept = b"".join(row.key.encode() + bytes(row.state) for row in SharedState.objects.all())
    assert kept
    for secret in (KEY, world.text):
        assert secret.encode() not in kept


def test_calls_that_begin_at_once_wait_for_the_first_answer(world):  # noqa: F811
    world.upstream.answers = [told(5, 4), told(5, 3), told(5, 2), told(5, 1), told(5, 0), answered(429)]
    header = [(b"authorization", b"Bearer " + world.text.encode()), (b"x-keylodge-max-wait", b"0.5")]

    async def story(gateway):
        calls = [world.ask(gateway, headers=header) for _ in range(12)]
        return sorted(answer.status for answer in await asyncio.gather(*calls))

    assert world.run(story) == [200] * 4 + [429] * 8  # the fifth is above the line, and twelve seconds away
    assert len(world.upstream.requests) == 4


def test_another_process_waits_for_the_first_answer_too(world, monkeypatch):  # noqa: F811
    monkeypatch.setattr(known_quotas, "FIRST_S", 60.0)  # so that none goes because its time is up
    may_answer = threading.Event()

    def slow(sock, request):
        may_answer.wait(30)
        sock.sendall(told(5, 4))

    world.upstream.answers = [slow, answered(200)]
    other = Gateway()

    async def story(gateway):
        await other.start()
        try:
            first = asyncio.create_task(world.ask(gateway))
            await until(lambda: world.upstream.requests)
            second = asyncio.create_task(world.ask(other))
            await asyncio.sleep(0.3)  # a call that did not wait would have arrived meanwhile
            before = len(world.upstream.requests)
            may_answer.set()
            await asyncio.gather(first, second)
        finally:
            may_answer.set()
            await other.drain()
        return before, other.forwarder.limiter._known.at_hand(asker_of(world))

    before, known = world.run(story)
    assert before == 1
    assert [rule.words for rule in known.rules] == ["5 in 60 s"]
    assert len(world.upstream.requests) == 2


def asker_of(world) -> Asker:  # noqa: F811
    whose = Whose(world.connection.pk, world.connection.provider_key)
    return Asker(whose, world.token.pk, "GET", b"/things", (), 0.8)


def test_an_upstream_without_limits_is_waited_for_once(world, monkeypatch):  # noqa: F811
    monkeypatch.setattr(known_quotas, "FIRST_S", 60.0)

    async def story(gateway):
        for _ in range(2):
            await asyncio.gather(*(world.ask(gateway) for _ in range(4)))
        await gateway.forwarder.limiter.settled()

    world.run(story)
    began = time.monotonic()
    world.call()
    assert time.monotonic() - began < 50
    assert SharedState.objects.filter(key__startswith="quotas learnt").count() == 2


def other_app():
    app = OAuthApp.objects.create(name="Other", provider_key="custom-fake", client_id="x")
    Connection.objects.update(oauth_app=app)


SHARED = {
    "the account": (lambda: Connection.objects.update(account_id="b"), lambda way: way.whose.account_id == "b"),
    "the app": (other_app, lambda way: way.whose.app_id is not None),
    "the line": (lambda: Connection.objects.update(slow_down_percent=50), lambda way: way.line == 0.5),
    "the mode": (lambda: Environment.objects.update(is_production=False), lambda way: way.limits[0].limit == 7),
}


@pytest.mark.parametrize("change", SHARED)
def test_whose_quota_it_is_holds_from_the_next_call(upstream, settings, change):  # noqa: F811
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]
    limit = {"bucket": "burst", "window_s": 60, "per": "per account"}
    limits = [limit | {"limit": 9, "environment": "live"}, limit | {"limit": 7, "environment": "test"}]
    world = world_with(upstream, limits=limits)  # noqa: F811
    Environment.objects.update(is_production=True)
    make_it, holds = SHARED[change]

    async def story(lookup):
        from secrets_vault import generation

        before = holds((await lookup.route(world.text, "acme-own")).way)
        await lookup.in_thread(make_it)
        generation.count_up()
        return before, holds((await lookup.route(world.text, "acme-own")).way)

    assert looked_up(story) == (False, True)


def test_a_reset_far_ahead_is_told_as_it_is(world):  # noqa: F811
    reset = datetime.now(UTC) + timedelta(hours=9)
    day = b"X-RateLimit-Limit: 1000 | X-RateLimit-Remaining: 0 | X-RateLimit-Reset: %d" % reset.timestamp()
    one_left = day.replace(b"Remaining: 0", b"Remaining: 1")
    world.upstream.answers = [answered(200, *said.split(b" | ")) for said in (one_left, day)]

    async def story(gateway):
        for _ in range(2):
            await world.ask(gateway)
        return await world.ask(gateway)

    answer = world.run(story)
    assert code(answer) == (429, "upstream_limited")
    assert int(answer.header("retry-after")) == pytest.approx(9 * 3600, abs=30)


def test_a_provider_that_always_says_nothing_is_left_is_not_believed(world):  # noqa: F811
    world.upstream.answers = [told(1000, 0, 3600)]

    async def story(gateway):
        return [(await world.ask(gateway)).status for _ in range(5)]

    assert world.run(story) == [200] * 5


def test_a_provider_that_names_another_quota_each_time_leaves_few_traces(world):  # noqa: F811
    world.upstream.answers = [told(1000 + n, 900) for n in range(120)]

    async def story(gateway):
        for _ in range(120):
            await world.ask(gateway)
        await gateway.forwarder.limiter.settled()

    world.run(story)
    assert SharedState.objects.count() < 60
