"""What a worker that dies leaves behind, two that meet, a database that is away, and what the tables hold."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import OperationalError, connection, connections, transaction

from integrations import tokens
from integrations.gateway.again import first_of
from integrations.gateway.held import acts, lanes, making, replaying, storing
from integrations.gateway.held.draft import Kept, NotKept
from integrations.gateway.held.living import Life
from integrations.gateway.held.outcome import Result
from integrations.gateway.held.replaying import Replayer
from integrations.gateway.held.writer import HeldWriter
from integrations.models import Call, CustomProvider, HeldCall, HeldLane
from secrets_vault import generation
from secrets_vault.actor import SYSTEM
from secrets_vault.models import AuditEvent
from tests.canaries import Net, canary
from tests.engines import only_on_postgres
from tests.integrations.gateway.conftest import KEY
from tests.integrations.gateway.held.conftest import AWAY, OK, back, headers, hold, replay

pytestmark = pytest.mark.django_db(transaction=True)
State = HeldCall.State
NOW = datetime.now(UTC)
KEYED = {"header": "Idempotency-Key", "max_length": 255, "methods": ["POST"]}


def always(world, *, method="PUT", body=b"{}", more=()):
    """Keep a call without sending it."""
    wish = [(b"x-keylodge-token", world.text.encode()), (b"x-keylodge-queue", b"always"), *more]
    assert world.call(method=method, body=body, headers=wish).status == 202
    return HeldCall.objects.first()


def heed_keys():
    """Let the provider heed idempotency keys."""
    provider = CustomProvider.objects.get()
    provider.facts = provider.facts | {"idempotency": KEYED}
    provider.save()
    generation.count_up()


def die_while_sending():
    """Take the first call as a worker does that dies before it writes down what came of it; return the work."""
    owner, (lane,) = lanes.claim(1, now=datetime.now(UTC))
    work = making.next_work(lane, owner, now=datetime.now(UTC))
    HeldLane.objects.update(lease_until=datetime.now(UTC) - timedelta(seconds=1))
    return work


def test_a_call_whose_worker_died_goes_again_where_twice_is_once(world):
    row = always(world, method="PUT")
    die_while_sending()
    replay()
    row.refresh_from_db()
    assert (row.state, row.attempts) == (State.SENT, 2)
    assert [line["what"] for line in row.timeline] == ["held", "sending", "interrupted", "sending", "sent"]


def test_a_payment_whose_worker_died_is_not_repeated(world):
    row = always(world, method="POST")
    die_while_sending()
    replay()
    row.refresh_from_db()
    assert (row.state, row.code) == (State.NEEDS_DECISION, "may_have_been_sent")
    assert world.upstream.requests == []


def test_a_paused_lane_does_not_leave_a_call_in_limbo(world):
    row = always(world, method="POST")
    die_while_sending()
    acts.pause(row.connection, actor=SYSTEM, now=NOW)
    replay()
    row.refresh_from_db()
    assert row.state == State.NEEDS_DECISION


def test_what_a_person_approves_goes_though_the_lane_is_paused_and_nothing_else(world):
    first, second = always(world, body=b"1"), always(world, body=b"2")
    acts.pause(first.connection, actor=SYSTEM, now=NOW)
    replay()
    assert world.upstream.requests == []
    acts.replay(second, actor=SYSTEM, now=NOW)
    replay()
    assert [request[-1:] for request in world.upstream.requests] == [b"2"]


def test_a_payment_with_the_providers_key_goes_again_under_the_same_key(world):
    heed_keys()
    row = always(world, method="POST")
    die_while_sending()
    replay()
    assert len(world.upstream.requests) == 1
    assert f"idempotency-key: {row.pk}" in world.upstream.requests[0].decode().lower()


def test_the_key_of_the_first_attempt_is_the_key_of_every_later_one(world):
    heed_keys()
    world.upstream.answers = [AWAY]
    _, row = hold(world, method="POST")
    assert row.state == State.WAITING
    back(world)
    replay()
    sent = [request.decode().lower() for request in world.upstream.requests]
    assert f"idempotency-key: {row.pk}" in sent[0]


def test_the_log_of_a_made_call_that_fails_names_the_call_that_was_kept_and_the_provider_never_sees_it(world):
    world.upstream.answers = [AWAY]
    _, row = hold(world, method="PUT")
    back(world, b"HTTP/1.1 422 X\r\nContent-Length: 2\r\n\r\nno")
    replay()
    assert b"x-keylodge" not in world.upstream.requests[0].lower()
    (made,) = Call.objects.exclude(pk=row.pk).filter(status=422)
    assert first_of(made) == row.pk


def test_who_was_taken_for_dead_writes_nothing_any_more(world):
    row = always(world, method="POST")
    work = die_while_sending()
    replay()
    assert not making.finish(work, Result(status=200), now=datetime.now(UTC))
    row.refresh_from_db()
    assert row.state == State.NEEDS_DECISION


@only_on_postgres("threads that share a test's SQLite in memory fail where a file's would wait")
def test_two_workers_send_each_call_once(world):
    for number in range(8):
        always(world, method="POST", body=b"%d" % number)

    def work():
        try:
            Replayer().run_until_idle()
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for each in workers:
        each.start()
    for each in workers:
        each.join(30)
    assert [request[-1:] for request in world.upstream.requests] == [b"%d" % number for number in range(8)]


def test_a_lane_that_another_worker_holds_is_left_alone(world):
    always(world)
    owner, taken = lanes.claim(5, now=NOW)
    assert len(taken) == 1
    assert lanes.claim(5, now=NOW)[1] == []
    assert lanes.claim(5, now=NOW + lanes.LEASE + timedelta(seconds=1))[1] == taken
    assert making.next_work(taken[0], owner, now=NOW) is None


def test_a_lane_of_a_dead_worker_is_taken_over_without_waiting_for_its_lease(world, tmp_path):
    always(world)
    dead, next_one = Life(tmp_path), Life(tmp_path)
    (lane,) = lanes.claim(1, now=NOW, name=dead.name)[1]
    assert next_one.dead() == []
    dead.end()  # as the kernel does for a process that is killed
    assert next_one.dead() == [dead.name]
    lanes.free_of(next_one.dead(), now=NOW)
    assert lanes.claim(1, now=NOW)[1] == [lane]
    next_one.bury([dead.name])
    assert next_one.dead() == []


def test_what_a_dead_worker_sent_last_is_given_some_seconds_to_arrive(world, tmp_path):
    always(world)
    dead = Life(tmp_path)
    owner, (lane,) = lanes.claim(1, now=NOW, name=dead.name)
    assert making.next_work(lane, owner, now=NOW) is not None
    lanes.free_of([dead.name], now=NOW + timedelta(seconds=1))
    assert lanes.claim(1, now=NOW + timedelta(seconds=4))[1] == []
    assert lanes.claim(1, now=NOW + timedelta(seconds=6))[1] == [lane]


def test_the_lease_of_a_worker_that_lives_or_is_elsewhere_is_left_alone(world, tmp_path):
    always(world)
    lives, elsewhere = Life(tmp_path / "here"), Life(tmp_path / "elsewhere")
    elsewhere.end()
    dead = Life(tmp_path / "here").dead()
    for name in (lives.name, elsewhere.name):
        assert name not in dead
        HeldLane.objects.update(lease_owner="", lease_until=None)
        lanes.claim(1, now=NOW, name=name)
        lanes.free_of(["0" * 16], now=NOW)
        assert lanes.claim(1, now=NOW)[1] == []


def test_what_came_of_a_call_is_written_down_however_long_the_database_is_away(world, monkeypatch):
    row = always(world, method="POST")
    follow, failures = making.follow, iter([OperationalError("away")] * 12)

    def away(*args, **options):
        if failure := next(failures, None):
            raise failure
        return follow(*args, **options)

    monkeypatch.setattr(making, "follow", away)
    monkeypatch.setattr(replaying, "WRITE_AGAIN_S", 0.0)
    replay()
    row.refresh_from_db()
    assert (row.state, row.attempts) == (State.SENT, 1)
    assert len(world.upstream.requests) == 1


def test_what_came_of_a_call_is_kept_though_the_next_one_cannot_be_taken(world, monkeypatch):
    for body in (b"1", b"2"):
        always(world, method="POST", body=body)
    next_work, answers = making.next_work, iter([False, True])

    def broken(*args, **options):
        if next(answers, False):
            raise RuntimeError
        return next_work(*args, **options)

    monkeypatch.setattr(making, "next_work", broken)
    replay()
    assert list(HeldCall.objects.order_by("id").values_list("state", flat=True)) == [State.SENT, State.WAITING]
    assert len(world.upstream.requests) == 1


def test_a_commit_that_failed_is_made_again_with_what_was_read(world, monkeypatch):
    row = always(world, method="POST")
    owner, (lane,) = lanes.claim(1, now=NOW)
    work = making.next_work(lane, owner, now=NOW)
    with transaction.atomic():
        assert making.finish(work, Result(status=200), now=NOW)
        transaction.set_rollback(True)  # the server goes away at the commit
    assert making.finish(work, Result(status=200), now=NOW)
    row.refresh_from_db()
    assert row.state == State.SENT


def test_a_lane_is_let_go_of_where_the_database_was_away_before_its_call(world, monkeypatch):
    row = always(world, method="POST")
    next_work, failures = making.next_work, iter([OperationalError("away")])

    def away(*args, **options):
        if failure := next(failures, None):
            raise failure
        return next_work(*args, **options)

    monkeypatch.setattr(making, "next_work", away)
    monkeypatch.setattr(replaying, "WRITE_AGAIN_S", 0.0)
    replay()
    row.refresh_from_db()
    assert (row.state, row.attempts) == (State.SENT, 1)
    assert HeldLane.objects.get().lease_owner == ""


def test_a_call_that_cannot_be_stored_fails_as_it_would_have(away, monkeypatch):
    def full(*_):
        raise OperationalError("disk full")

    monkeypatch.setattr(storing, "_write", full)
    answer = away.call(method="PUT", body=b"x", headers=headers(away))
    assert (answer.status, answer.header("x-keylodge-queued")) == (503, "no; why=unavailable")
    back(away)
    replay()
    assert away.upstream.requests == []


def test_a_commit_whose_answer_was_lost_counts_as_kept(world):
    drafts = []

    async def story():
        async def in_thread(work, *args):
            if work is storing.write:
                drafts.extend(args[0])
                await asyncio.to_thread(closing(work), *args)
                raise OperationalError("the server went away")
            return await asyncio.to_thread(closing(work), *args)

        writer = HeldWriter(in_thread)
        kept = await writer.put(draft(world))
        lost = HeldWriter(nothing_works)
        with pytest.raises(NotKept, match="unknown"):
            await lost.put(draft(world))
        return kept

    async def nothing_works(*_):
        raise OperationalError("away")

    assert asyncio.run(story()) == Kept(drafts[0].id, State.WAITING)


def closing(work):
    """Return the work of a thread that leaves no connection open."""

    def done(*args):
        try:
            return work(*args)
        finally:
            connections.close_all()

    return done


def draft(world):
    """Return a call to be kept."""
    from integrations.gateway.held.draft import Draft
    from integrations.gateway.held.sealing import Request

    return Draft(
        id=uuid4(),
        client_id=world.client.pk,
        environment_id=world.connection.environment_id,
        connection_id=world.connection.pk,
        token_id=world.token.pk,
        token_name="n8n",
        held_at=NOW,
        request=Request("PUT", b"/things", b"", []),
        shown=b"/things",
        state=State.WAITING,
    )


def test_neither_tables_nor_logs_nor_the_book_hold_what_was_sent(away, caplog):
    planted = {name: canary() for name in ("body", "header", "query", "answer", "key", "callback")}
    more = [
        (b"x-customer", planted["header"].encode()),
        (b"x-keylodge-idempotency-key", planted["key"].encode()),
        (b"x-keylodge-callback", f"https://n8n.example/{planted['callback']}".encode()),
        (b"cookie", b"klg=" + planted["header"].encode()),
    ]
    query = f"api_key={planted['query']}".encode()
    _, row = hold(away, body=planted["body"].encode(), query=query, more=more)
    row.refresh_from_db()
    acts.pause(row.connection, actor=SYSTEM, now=NOW)
    acts.resume(row.connection, actor=SYSTEM)
    back(away, b"HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n" + planted["answer"].encode())
    replay()
    row.refresh_from_db()
    assert row.state == State.SENT
    assert storing.find(row.token_id, planted["key"]).pk == row.pk
    net = Net(planted | {"token": away.text, "credential": KEY})
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {HeldCall._meta.db_table}")
        stored = b"|".join(
            bytes(value) if isinstance(value, memoryview) else str(value).encode() for value in cursor.fetchone()
        )
    book = "".join(str(event.__dict__) for event in AuditEvent.objects.all())
    log = "".join(str(vars(call)) for call in away.calls())
    assert net.found_in("the table", stored) == []
    assert net.found_in("the book", book) == []
    # The log of a failed call keeps what it was, masked; what opens doors is in it nowhere.
    assert net.found_in("the call log", log, but=("body", "header", "key", "answer")) == []
    assert net.found_in("the log", caplog.text) == []


def test_a_held_request_carries_neither_token_nor_credential(away):
    from integrations.gateway.held import sealing

    _, row = hold(away, query=b"x=1", more=[(b"cookie", b"a=b"), (b"connection", b"x-hop"), (b"x-hop", b"1")])
    request = sealing.open_request(HeldCall.objects.defer(None).get(pk=row.pk))
    assert {name for name, _ in request.headers} == set()
    assert (request.rest, request.query, request.body) == (b"/things", b"x=1", b"{}")


def test_a_blob_moved_to_another_row_opens_nothing(away):
    for number in range(2):
        hold(away, body=b"%d" % number)
    first, second = HeldCall.objects.defer(None).order_by("id")
    HeldCall.objects.filter(pk=second.pk).update(body_sealed=first.body_sealed)
    back(away)
    replay()
    assert [request[-1:] for request in away.upstream.requests] == [b"0"]
    second.refresh_from_db()
    assert (second.state, second.code) == (State.FAILED, "payload_unreadable")


def test_a_token_that_is_bound_to_addresses_sends_only_what_came_from_them(away):
    tokens.change(away.token, actor=SYSTEM, ip_ranges=["198.51.100.0/24"])
    _, row = hold(away)
    tokens.change(away.token, actor=SYSTEM, ip_ranges=["203.0.113.0/24"])
    back(away, OK)
    replay()
    row.refresh_from_db()
    assert (row.state, row.code) == (State.FAILED, "ip_not_allowed")
