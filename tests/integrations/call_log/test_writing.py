"""What happened reaches the tables masked, counted and grouped."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from importlib import import_module
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.db import OperationalError, connections

from integrations.call_log import CallRecord, CallWriter, drop_old, ensure_partitions, page
from integrations.call_log import writer as writing
from integrations.call_log.keeping import Kept
from integrations.call_log.known import ClientValues
from integrations.call_log.record import THIN_BYTES
from integrations.call_log.tables import COLUMNS
from integrations.limits import Reading, read_limits
from integrations.models import Call, CallHour, ClientHour, ErrorGroup, GatewayToken, LimitReading, TokenWindow
from integrations.models.call import Outcome, Source
from integrations.models.router import calls_alias
from integrations.providers.registry import get_provider
from secrets_vault.ids import uuid7
from secrets_vault.models import Client, StoredSecret

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime.now(UTC)
CANARY = "sk_live_CANARY0123456789abcdef"
CONNECTION, CLIENT, TOKEN = uuid7(), uuid7(), uuid7()


def record(**fields):
    """Return a record of a call that went well unless told otherwise."""
    given = {
        "id": uuid7(),
        "at": NOW,
        "client_id": CLIENT,
        "connection_id": CONNECTION,
        "token_id": TOKEN,
        "provider_key": "hubspot",
        "method": "GET",
        "host": "api.hubapi.com",
        "target": b"/crm/v3/objects/contacts/151?limit=1",
        "status": 200,
        "outcome": Outcome.OK,
        "attempts": 1,
        "total_ms": 12.5,
    }
    return CallRecord(**{**given, **fields})


def failed(**fields):
    """Return a record of a call that failed."""
    given = {
        "status": 404,
        "outcome": Outcome.CLIENT_ERROR,
        "request_headers": [(b"authorization", b"Bearer " + CANARY.encode()), (b"accept", b"*/*")],
        "request_body": b'{"api_key": "%b", "name": "Ada"}' % CANARY.encode(),
        "response_headers": [(b"content-type", b"application/json"), (b"x-echo", CANARY.encode())],
        "response_body": b'{"message": "no such thing", "you_sent": "%b"}' % CANARY.encode(),
        "known": (CANARY,),
    }
    return record(**{**given, **fields})


def write(*records):
    """Write records with a writer of their own."""
    writer = CallWriter()
    writer.start()
    for each in records:
        writer.put(each)
    writer.close()


def test_a_call_that_went_well_leaves_a_thin_row():
    write(record())
    call = Call.objects.get()
    assert (call.path, call.outcome, call.status) == ("/crm/v3/objects/contacts/151?limit=1", "ok", 200)
    assert (call.request_head, call.response_body, call.timeline, call.group_id) == ("", "", None, None)


def test_a_failed_call_keeps_masked_heads_and_bodies():
    write(failed(timeline=[{"status": 404, "at_ms": 3}], target=b"/a?api_key=" + CANARY.encode()))
    call = Call.objects.get()
    everything = repr(Call.objects.values().get())
    assert CANARY not in everything
    assert CANARY[8:24] not in everything
    assert "no such thing" in call.response_body
    assert "Ada" in call.request_body
    assert "accept: */*" in call.request_head
    assert call.timeline == [{"status": 404, "at_ms": 3}]


def test_a_body_that_cannot_be_stored_as_it_is_does_not_stop_the_log():
    write(failed(response_body=b"\x00\xff\xfe{", response_headers=[]), failed(response_body=b"\xed\xa0\x80"), record())
    assert Call.objects.count() == 3


def test_a_webhook_s_address_is_stored_without_what_makes_it_secret():
    write(record(host="hooks.slack.com", target=b"/services/T024BE7LD/B0AAAAAAA/abcdefghijklmnopqrstuvwx"))
    assert Call.objects.get().path == "/services/****"


def test_failures_with_the_same_cause_are_one_group():
    write(failed(), failed(target=b"/crm/v3/objects/contacts/152"), failed(method="DELETE"), record())
    groups = {group.method: group for group in ErrorGroup.objects.all()}
    assert (groups["GET"].count, groups["DELETE"].count) == (2, 1)
    group = groups["GET"]
    assert group.path_template == "/crm/v3/objects/contacts/{id}"
    assert group.who in ("you", "client", "provider", "nobody")
    assert group.cause
    assert group.remedy
    assert Call.objects.filter(group_id=group.pk).count() == 2
    assert Call.objects.filter(outcome="client_error").exclude(cause="").count() == 3


def test_a_resolved_group_comes_back_and_a_snoozed_one_waits():
    write(failed())
    ErrorGroup.objects.update(state="resolved", state_changed_at=NOW)
    write(failed(at=NOW - timedelta(seconds=1)))
    assert ErrorGroup.objects.get().state == "resolved"
    write(failed(at=NOW + timedelta(seconds=1)))
    group = ErrorGroup.objects.get()
    assert (group.state, group.count) == ("came_back", 3)
    ErrorGroup.objects.update(state="snoozed", snoozed_until=NOW + timedelta(hours=1))
    write(failed(at=NOW + timedelta(seconds=2)))
    assert ErrorGroup.objects.get().state == "snoozed"
    write(failed(at=NOW + timedelta(hours=2)))
    assert ErrorGroup.objects.get().state == "open"


def test_an_hour_is_added_to_with_every_batch():
    write(record(), record(attempts=3, outcome=Outcome.RECOVERED))
    write(failed(outcome=Outcome.LIMITED, status=429), record(token_id=None))
    hour = CallHour.objects.get(token_id=TOKEN)
    assert (hour.calls, hour.failed, hour.limited, hour.repeated) == (3, 1, 1, 2)
    assert hour.total_ms == pytest.approx(37.5)
    assert hour.hour == NOW.replace(minute=0, second=0, microsecond=0)
    assert CallHour.objects.get(token_id=UUID(int=0)).calls == 1
    client = ClientHour.objects.get()
    assert (client.hour, client.calls, client.failed, client.limited) == (hour.hour, 4, 1, 1)


def test_only_the_newest_reading_of_a_bucket_is_kept():
    write(record(readings=[Reading("minute", 100, 9), Reading("day", 250_000, 240_000)]))
    write(record(readings=[Reading("minute", 100, 8, 60, NOW)]), record(readings=[Reading("minute", 10**30, -5)]))
    kept = {reading.bucket: reading for reading in LimitReading.objects.all()}
    assert set(kept) == {"minute", "day"}
    assert (kept["minute"].limit, kept["minute"].remaining) == (2**63 - 1, 0)


def test_a_call_without_a_connection_is_logged_too():
    write(failed(connection_id=None, token_id=None, status=404, code="connection_not_found", outcome=Outcome.REFUSED))
    assert Call.objects.get().code == "connection_not_found"
    assert not ErrorGroup.objects.exists()


def test_a_row_that_cannot_be_stored_does_not_take_the_others_with_it():
    twin = uuid7()
    write(record(), record(id=twin), record(id=twin), record())
    assert Call.objects.count() == 3


def test_a_row_that_no_column_can_hold_does_not_end_the_log(monkeypatch, caplog):
    def told(records, rows):
        if any(each.id == bad.id for each in records):
            raise OverflowError("a year past any calendar")
        written(records, rows)

    bad, written = record(), writing.write_batch
    monkeypatch.setattr(writing, "write_batch", told)
    write(record(), bad, record())
    assert Call.objects.count() == 2
    assert [entry.call for entry in caplog.records if entry.message == "a call could not be logged"] == [str(bad.id)]


def test_whatever_breaks_a_batch_the_log_goes_on_and_says_what_is_missing(monkeypatch, caplog):
    real, asked = ClientValues.of, []

    def broken_once(self, clients):
        asked.append(1)
        if len(asked) == 1:
            raise RuntimeError
        return real(self, clients)

    monkeypatch.setattr(ClientValues, "of", broken_once)
    writer = CallWriter()
    writer.start()
    try:
        writer.put(record())
        writer.flush()
        written = record()
        writer.put(written)
        writer.flush()
    finally:
        writer.close()
    assert [call.pk for call in Call.objects.all()] == [written.id]
    assert [entry.rows for entry in caplog.records if "a batch broke" in entry.message] == [1]
    assert writer._done_bytes == writer._put_bytes


def test_a_limit_that_ends_with_the_calendar_is_written_like_any_other():
    last = [(b"x-ratelimit-remaining", b"5"), (b"x-ratelimit-limit", b"9")]
    for zone in (b"-0800", b"+0000"):
        headers = [*last, (b"x-ratelimit-reset", b"Fri, 31 Dec 9999 23:59:59 " + zone)]
        readings = read_limits(headers, status=200, now=NOW, provider=get_provider("hubspot"))
        write(record(readings=readings))
    assert Call.objects.count() == 2


def test_a_batch_larger_than_one_transaction_arrives_whole():
    write(*[record() for _ in range(1_203)])
    assert Call.objects.count() == 1_203
    assert CallHour.objects.get().calls == 1_203


def test_flush_returns_when_everything_is_written():
    writer = CallWriter()
    writer.start()
    writer.put(record())
    writer.flush()
    assert Call.objects.count() == 1
    writer.close()


@pytest.fixture
def room_for_ten(monkeypatch):
    """Let ten calls that went well wait, and no more."""
    monkeypatch.setattr(writing, "MOST_WAITING_BYTES", 10 * THIN_BYTES)
    monkeypatch.setattr(writing, "EASE_S", 0.0)


def test_the_log_gives_way_before_the_gateway_does_and_says_so(room_for_ten, caplog):
    writer = CallWriter()
    for _ in range(13):
        writer.put(record())
    assert writer.dropped == 3
    writer.start()
    writer.flush()
    told = [entry.rows for entry in caplog.records if entry.message.startswith("calls are missing from the log")]
    assert told == [3]
    writer.put(record())
    writer.close()
    assert Call.objects.count() == 11
    assert (writer.dropped, writer.is_behind) == (3, False)


def test_what_goes_missing_for_long_is_said_once_a_minute_and_at_the_end(caplog):
    writer = CallWriter()
    for dropped in (3, 5, 9):
        writer.dropped = dropped
        writer._tell_dropped(is_due=False)
    writer._tell_dropped(is_due=True)
    told = [entry.rows for entry in caplog.records if entry.message.startswith("calls are missing from the log")]
    assert told == [3, 6]


def test_a_large_failed_call_takes_the_room_of_many(room_for_ten):
    writer = CallWriter()
    writer.put(failed(response_body=b"x" * 9 * THIN_BYTES))
    assert writer.dropped == 1
    writer.put(record())
    assert writer.dropped == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"target": b"/" + b"x" * 10 * THIN_BYTES},
        {"agent": b"x" * 10 * THIN_BYTES},
        {"request_headers": [(b"x-long", b"x" * 9 * THIN_BYTES)]},
        {"response_headers": [(b"x", b"y")] * 100},
    ],
)
def test_whatever_is_long_takes_room(room_for_ten, fields):
    writer = CallWriter()
    writer.put(record(outcome=Outcome.CLIENT_ERROR, **fields))
    assert writer.dropped == 1


def test_what_comes_in_slows_down_while_the_writer_is_behind_but_not_for_long(room_for_ten):
    writer = CallWriter()
    for _ in range(5):
        writer.put(record())
    assert not writer.is_behind
    writer.put(record())
    assert writer.is_behind
    asyncio.run(writer.ease())  # nobody writes, and it ends all the same
    writer.start()
    writer.flush()
    assert not writer.is_behind
    writer.close()


def test_nothing_slows_down_while_the_database_is_away(room_for_ten, monkeypatch):
    monkeypatch.setattr(writing, "RETRY_S", 0.01)
    asked = 0
    is_back, is_stuck = threading.Event(), threading.Event()

    def away(*_of_the_batch):
        nonlocal asked
        asked += 1
        if asked > 1:
            is_stuck.set()
        if not is_back.is_set():
            raise OperationalError("away")

    monkeypatch.setattr(writing, "write_batch", away)
    writer = CallWriter()
    for _ in range(9):
        writer.put(record())
    writer.start()
    assert is_stuck.wait(10)
    assert not writer.is_behind
    is_back.set()
    writer.flush()
    for _ in range(9):
        writer.put(record())
    writer.flush()
    assert (writer.dropped, writer.is_behind) == (0, False)
    writer.close()


def test_pages_go_by_id_and_end():
    write(*[record() for _ in range(25)])
    first, before = page(Call.objects.all(), None, 10)
    second, before = page(Call.objects.all(), before, 10)
    third, end = page(Call.objects.all(), before, 10)
    ids = [call.pk for call in (*first, *second, *third)]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 25
    assert end is None


def test_old_calls_are_forgotten_in_slices_and_young_ones_kept():
    old = [record(id=uuid7(int((NOW - timedelta(days=40)).timestamp() * 1000) + n)) for n in range(50)]
    write(*old, record())
    TokenWindow.objects.create(token_id=TOKEN, window="minute", starts_at=NOW - timedelta(days=3), leased=5)
    TokenWindow.objects.create(token_id=TOKEN, window="uses", starts_at=NOW - timedelta(days=400), leased=5)
    drop_old(Kept(30, {}), now=NOW, sleep=lambda s: None)
    assert Call.objects.count() == 1
    assert [window.window for window in TokenWindow.objects.all()] == ["uses"]


def test_partitions_are_made_once():
    made = ensure_partitions(NOW)
    assert made in (0, 4)
    assert ensure_partitions(NOW) == 0
    write(record())
    assert Call.objects.count() == 1


def test_a_row_has_every_column_of_the_table_in_its_order():
    only_reported = ["source", "reported"]  # the database knows what they are for a call that we saw
    assert [field.column for field in Call._meta.concrete_fields] == [*COLUMNS, *only_reported]


def test_a_call_that_we_saw_says_so():
    write(failed())
    assert Call.objects.values_list("source", "reported").get() == (Source.GATEWAY, None)


def test_a_row_is_written_as_django_writes_it():
    twin = uuid7()
    write(failed(attempts=2, readings=[Reading("minute", 100, 9, 60, NOW)], timeline=[{"status": 404, "ä": None}]))
    Call.objects.bulk_create([Call(**{**Call.objects.values().get(), "id": twin})])
    connection = connections[calls_alias()]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {Call._meta.db_table} ORDER BY id")
        ours, django = ([str(value) for value in row[1:]] for row in cursor.fetchall())
    assert ours == django
    assert Call.objects.filter(pk=twin, at=NOW, client_id=CLIENT, timeline__0__status=404).exists()


def test_the_counts_of_clients_begin_with_what_was_counted_before():
    write(record(), failed(), record(token_id=None))
    counted = ClientHour.objects.values("client_id", "hour", "calls", "failed", "limited")
    before = list(counted)
    ClientHour.objects.all().delete()
    migration = import_module("integrations.migrations.0007_client_hour")
    migration.add_up(None, SimpleNamespace(connection=connections[calls_alias()]))
    assert list(counted) == before


def test_uses_of_tokens_and_secrets_are_added_and_no_time_goes_back():
    acme = Client.objects.create(slug="acme", name="Acme")
    token = GatewayToken.objects.create(client=acme, name="n8n", token_hash=b"1" * 32)
    secrets = [StoredSecret.objects.create(client=acme, kind="api_key", label=f"Key {n}") for n in range(2)]
    StoredSecret.objects.filter(pk=secrets[1].pk).update(last_used_at=NOW + timedelta(minutes=5))
    for secret in secrets:
        write(
            record(token_id=token.pk, secret_id=secret.pk, caller_ip="192.0.2.10"),
            record(token_id=token.pk, secret_id=secret.pk, caller_ip="192.0.2.11"),
        )
    token.refresh_from_db()
    assert (token.use_count, token.last_used_at, token.last_used_ip) == (4, NOW, "192.0.2.11")
    used = [StoredSecret.objects.get(pk=secret.pk).last_used_at for secret in secrets]
    assert used == [NOW, NOW + timedelta(minutes=5)]
