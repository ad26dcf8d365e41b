"""Silences of connections, as the sweep finds them in the call log's hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from integrations.alerts.rhythm import absence, switches
from integrations.models import AlertEpisode, CallHour, CallWatch, Connection, Message
from secrets_vault.actor import SYSTEM
from tests.factories import make_client, make_user

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LAST = NOW - 26 * HOUR


def make_connection(client, number=0, **fields):
    about = {"client": client, "environment": client.environments.first(), "provider_key": "hubspot"}
    fields.setdefault("status", "connected")
    return Connection.objects.create(slug=f"{client.slug}-{number}", label="HubSpot", kind="oauth2", **about, **fields)


@pytest.fixture
def connection():
    make_user("Olga", is_owner=True)
    return make_connection(make_client("acme"))


def calls(connection, *, begins=LAST - 14 * DAY, ends=LAST, n=40):
    hours = int((ends - begins) / HOUR) + 1
    about = {"connection_id": connection.pk, "client_id": connection.client_id, "calls": n}
    CallHour.objects.bulk_create(CallHour(hour=begins + each * HOUR, **about) for each in range(hours))


def awake(now=NOW):
    """Let the sweep have run for two days."""
    at = now - 2 * DAY
    while at < now:
        absence._awake_since(at)
        at += HOUR / 2


def test_a_silence_is_told_in_the_words_of_the_issue(connection):
    calls(connection)
    awake()
    assert absence.look(NOW) == 1
    message = Message.objects.get()
    assert 'no call through "HubSpot" for 26 h, normally 40 an hour.' in message.body
    assert "/connections/acme-0/" in message.body


def test_it_is_told_once_and_once_more_when_calls_come_again(connection):
    calls(connection)
    awake()
    looks = [absence.look(NOW + each * HOUR / 6) for each in range(12)]
    assert sum(looks) == 1
    calls(connection, begins=NOW + 2 * HOUR, ends=NOW + 2 * HOUR, n=1)
    assert absence.look(NOW + 2 * HOUR) == 1
    assert list(Message.objects.order_by("pk").values_list("kind", flat=True)) == ["absence", "absence_over"]


@pytest.mark.parametrize(
    "about", [{"is_sandbox": True}, {"is_demo": True}, {"status": "paused"}, {"status": "needs_reconnecting"}]
)
def test_what_is_paused_played_with_or_known_to_be_broken_is_not_missed(connection, about):
    calls(connection)
    awake()
    Connection.objects.update(**about)
    assert absence.look(NOW) == 0


def test_a_client_that_was_archived_is_not_missed(connection):
    calls(connection)
    awake()
    connection.client.archived_at = NOW
    connection.client.save()
    assert absence.look(NOW) == 0


def test_a_connection_of_six_days_is_not_missed(connection):
    calls(connection, begins=LAST - 6 * DAY)
    awake()
    assert absence.look(NOW) == 0


def test_when_keylodge_was_away_itself_nobody_is_blamed(connection):
    calls(connection)
    awake(NOW - DAY)  # and then nothing ran for a day
    assert absence.look(NOW) == 0
    for each in range(24):
        absence._awake_since(NOW + each * HOUR / 2)
    assert absence.look(NOW + 12 * HOUR) == 1  # but who stays silent afterwards is missed


def test_who_switched_it_off_hears_nothing_and_an_open_one_is_closed_quietly(connection):
    calls(connection)
    awake()
    absence.look(NOW)
    switches.watch_connection(connection, is_on=False, limit_h=None, actor=SYSTEM, now=NOW)
    assert absence.look(NOW + HOUR / 6) == 0
    assert not AlertEpisode.objects.filter(closed_at=None).exists()
    assert Message.objects.count() == 1


@pytest.mark.parametrize(("limit_h", "told"), [(12, 1), (48, 0)])
def test_the_hours_that_a_person_chose_go_before_what_is_usual(connection, limit_h, told):
    calls(connection)
    awake()
    switches.watch_connection(connection, is_on=True, limit_h=limit_h, actor=SYSTEM, now=NOW)
    assert absence.look(NOW) == told


def test_a_connection_that_is_called_is_not_read_again_before_it_could_be_silent(connection):
    calls(connection, ends=NOW)
    awake()
    assert absence.look(NOW) == 0
    assert NOW + 3 * HOUR < CallWatch.objects.get().look_at < NOW + 7 * HOUR


def test_what_a_look_costs_does_not_grow_with_the_connections(connection, django_assert_max_num_queries):
    others = [make_connection(connection.client, number) for number in range(1, 20)]
    for each in [connection, *others]:
        calls(each, begins=NOW - 8 * DAY, ends=NOW)
    awake()
    CallWatch.objects.bulk_create(CallWatch(connection=each, look_at=NOW) for each in [connection, *others])
    with django_assert_max_num_queries(8 + len(others) + 1):
        absence.look(NOW)
    with django_assert_max_num_queries(8):
        absence.look(NOW + HOUR / 6)
