"""A trouble's life: first, still once a day, over; what comes and goes is one; what is snoozed says nothing."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from integrations import alerts, mail
from integrations.alerts import daily, episodes, snoozing, summing
from integrations.models import AlertEpisode, AlertHours, Connection, Message
from secrets_vault.actor import Actor
from tests.factories import make_client, make_membership, make_user
from tests.integrations.alerts.test_saying import CAN_MAIL

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def connection():
    acme = make_client("acme")
    about = {"client": acme, "environment": acme.environments.first(), "provider_key": "hubspot", "kind": "oauth2"}
    return Connection.objects.create(slug="acme-hubspot", label="HubSpot", **about)


@pytest.fixture
def olga():
    return make_user("Olga", is_owner=True)


def fail(connection: Connection, now: datetime) -> AlertEpisode | None:
    return alerts.failing(connection, code="upstream_unreachable", now=now, failed=5)


def live(begin: datetime, end: datetime, *, step: timedelta = 10 * MINUTE) -> None:
    """Let the sweeps run as they do."""
    while begin <= end:
        episodes.settle(begin)
        summing.sum_up(begin)
        daily.tell_still(begin)
        begin += step


def said() -> list[str]:
    return list(Message.objects.order_by("pk").values_list("kind", flat=True))


def test_an_outage_of_three_hours_is_told_twice(connection, olga):
    begins = NOW - 2 * HOUR  # over breakfast, when the daily summary comes
    fail(connection, begins)
    live(begins, begins + 3 * HOUR)
    alerts.recovered(connection, now=begins + 3 * HOUR)
    live(begins + 3 * HOUR, begins + 30 * HOUR)
    assert said() == ["failing", "recovered"]


def test_an_outage_of_three_days_is_told_of_once_a_day(connection, olga):
    fail(connection, NOW)
    live(NOW, NOW + 72 * HOUR)
    alerts.recovered(connection, now=NOW + 72 * HOUR)
    live(NOW + 72 * HOUR, NOW + 120 * HOUR, step=HOUR)
    assert said() == ["failing", "still", "still", "still", "recovered"]


def test_a_person_hears_once_a_day_of_all_that_is_open(connection, olga):
    others = [
        Connection.objects.create(
            slug=f"acme-{n}",
            label=f"Other {n}",
            client=connection.client,
            environment=connection.environment,
            provider_key="hubspot",
            kind="oauth2",
        )
        for n in range(3)
    ]
    for each in [connection, *others]:
        fail(each, NOW)
    live(NOW, NOW + 24 * HOUR)
    still = Message.objects.get(kind="still")
    assert still.subject == "4 troubles are still open"
    assert all(each.label in still.body for each in others)


def test_who_may_only_look_and_who_manages_another_client_hear_nothing(connection, olga):
    make_membership(make_user("Ben"), connection.client, role="viewer")
    make_membership(make_user("Cora"), make_client("beta"))
    fail(connection, NOW)
    live(NOW, NOW + 24 * HOUR)
    assert set(Message.objects.values_list("to", flat=True)) == {"olga@example.com"}


def test_who_switched_the_daily_summary_off_gets_none(connection, olga):
    AlertHours.objects.create(user=olga, wants_still=False)
    fail(connection, NOW)
    live(NOW, NOW + 24 * HOUR)
    assert said() == ["failing"]


def test_the_day_begins_when_it_begins_for_the_person(connection):
    make_user("Olga", is_owner=True, time_zone="America/New_York")
    fail(connection, NOW)
    live(NOW, NOW + 24 * HOUR)  # 8:00 in New York is 13:00 UTC, and at the first of them it is news
    assert said() == ["failing"]
    live(NOW + 24 * HOUR, NOW + 29 * HOUR)
    assert said() == ["failing", "still"]


def flap(connection: Connection, times: int, *, begins: datetime = NOW, every: timedelta = 5 * MINUTE) -> datetime:
    for _ in range(times):
        fail(connection, begins)
        alerts.recovered(connection, now=begins + MINUTE)
        begins += every
    return begins


def test_what_comes_and_goes_becomes_one_unstable_trouble(connection, olga):
    after = flap(connection, 10)
    assert said() == ["failing", "recovered"] * 3 + ["unstable"]
    live(after, after + 50 * MINUTE)
    assert said()[-1] == "unstable"
    live(after + 50 * MINUTE, after + 70 * MINUTE)
    assert said()[-1] == "recovered"
    assert not AlertEpisode.objects.filter(closed_at=None).exists()


def test_what_comes_three_times_in_a_day_is_told_each_time(connection, olga):
    flap(connection, 5, every=2 * HOUR)
    assert said() == ["failing", "recovered"] * 5


def test_an_unstable_trouble_that_stays_is_over_at_the_first_success(connection, olga):
    after = flap(connection, 4)
    fail(connection, after)
    live(after, after + 2 * HOUR)
    assert not AlertEpisode.objects.get(closed_at=None).is_unstable
    assert alerts.recovered(connection, now=after + 2 * HOUR) == 1
    assert said()[-2:] == ["unstable", "recovered"]


def actor(user) -> Actor:
    return Actor.of(user)


def test_a_snoozed_trouble_says_only_that_it_is_over(connection, olga):
    episode = fail(connection, NOW)
    snoozing.snooze(episode, NOW + 60 * HOUR, user=olga, actor=actor(olga), now=NOW)
    live(NOW, NOW + 48 * HOUR)
    alerts.recovered(connection, now=NOW + 48 * HOUR)
    assert said() == ["failing", "recovered"]


def test_a_trouble_that_comes_back_while_snoozed_is_told_when_the_snooze_is_over(connection, olga):
    snoozing.snooze(fail(connection, NOW), NOW + 5 * HOUR, user=olga, actor=actor(olga), now=NOW)
    alerts.recovered(connection, now=NOW + HOUR)
    assert fail(connection, NOW + 2 * HOUR)
    live(NOW + 2 * HOUR, NOW + 4 * HOUR)
    assert said() == ["failing", "recovered"]
    live(NOW + 5 * HOUR, NOW + 6 * HOUR)
    assert said() == ["failing", "recovered", "failing"]


def test_a_trouble_that_came_and_went_while_snoozed_is_never_told(connection, olga):
    snoozing.snooze(fail(connection, NOW), NOW + 5 * HOUR, user=olga, actor=actor(olga), now=NOW)
    alerts.recovered(connection, now=NOW + HOUR)
    fail(connection, NOW + 2 * HOUR)
    alerts.recovered(connection, now=NOW + 3 * HOUR)
    live(NOW + 3 * HOUR, NOW + 7 * HOUR)
    assert said() == ["failing", "recovered"]


@pytest.mark.parametrize("hours", [0, -1, 24 * 91])
def test_a_snooze_ends_within_ninety_days(connection, olga, hours):
    episode = fail(connection, NOW)
    with pytest.raises(snoozing.CannotSnooze):
        snoozing.snooze(episode, NOW + hours * HOUR, user=olga, actor=actor(olga), now=NOW)


NIGHT = NOW.replace(hour=23)


def quiet(user, **also) -> None:
    AlertHours.objects.create(user=user, quiet_from=time(22), quiet_to=time(7), lets_urgent_pass=False, **also)


def trouble(connection: Connection, number: int, now: datetime) -> None:
    subject = alerts.Subject(connection.client, f"test:{number}", "/", connection=connection)
    facts = {"hours": 9, "usual": "40 an hour"}
    assert alerts.begin(subject, "absence", now=now, facts=facts)


@CAN_MAIL
def test_what_came_in_quiet_hours_arrives_as_one_summary_when_they_end(connection, olga, mailoutbox):
    quiet(olga, wants_still=False)
    for number in range(3):
        trouble(connection, number, NIGHT + number * HOUR)
    live(NIGHT, NIGHT + 8 * HOUR - MINUTE)
    mail.send_due(now=NIGHT + 8 * HOUR - MINUTE)
    assert not mailoutbox
    live(NIGHT + 8 * HOUR, NIGHT + 9 * HOUR)
    mail.send_due(now=NIGHT + 9 * HOUR)
    assert [each.subject for each in mailoutbox] == ["3 alerts that were kept back for you"]
    assert mailoutbox[0].body.count("no calls through HubSpot") == 3


@CAN_MAIL
def test_one_that_came_in_quiet_hours_arrives_as_it_is(connection, olga, mailoutbox):
    quiet(olga, wants_still=False)
    trouble(connection, 1, NIGHT)
    live(NIGHT, NIGHT + 9 * HOUR)
    mail.send_due(now=NIGHT + 9 * HOUR)
    assert [each.subject for each in mailoutbox] == ["Acme: no calls through HubSpot any more"]


@CAN_MAIL
@pytest.mark.parametrize(("passes", "sent"), [(True, 1), (False, 0)])
def test_what_is_urgent_passes_where_the_person_lets_it(connection, olga, passes, sent):
    AlertHours.objects.create(user=olga, quiet_from=time(22), quiet_to=time(7), lets_urgent_pass=passes)
    fail(connection, NIGHT)
    assert mail.send_due(now=NIGHT) == sent


@CAN_MAIL
def test_two_workers_make_one_summary(connection, olga):
    quiet(olga)
    trouble(connection, 1, NIGHT)
    trouble(connection, 2, NIGHT)
    held = list(Message.objects.filter(state=Message.State.HELD).order_by("pk"))
    now = NIGHT + 8 * HOUR
    assert [summing._to_person(olga, held, now=now) for _worker in range(2)] == [1, 0]
    assert mail.send_due(now=now) == 1


@CAN_MAIL
def test_the_thirty_first_mail_of_an_hour_waits_for_a_summary(connection, olga):
    for number in range(40):
        trouble(connection, number, NOW)
    assert Message.objects.filter(state=Message.State.QUEUED).count() == 30
    live(NOW + HOUR, NOW + HOUR)
    assert Message.objects.get(kind="summary").subject == "10 alerts that were kept back for you"
