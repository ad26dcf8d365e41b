"""Reminders: once a week and once when overdue, in the reader's own time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from integrations import reminders
from integrations.models import Message
from secrets_vault import rotation, vault
from secrets_vault.actor import COMMAND
from secrets_vault.models import StoredSecret
from secrets_vault.secret import Secret
from tests.factories import make_client, make_membership, make_user

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def stored(client, label: str = "Stripe key", made_on: date | None = None, **more: object) -> StoredSecret:
    return vault.store(
        actor=COMMAND,
        client=client,
        environment=client.environments.first(),
        kind="api_key",
        label=label,
        fields={"api_key": Secret("a-value-that-is-long-enough")},
        made_on=made_on,
        **more,
    )


def days_before(days: int) -> date:
    return MONDAY.date() - timedelta(days=days)


def kinds() -> list[str]:
    return sorted(Message.objects.values_list("kind", flat=True))


def test_a_key_of_97_days_is_overdue_and_an_unknown_age_is_in_the_digest():
    make_user("Ada", is_owner=True)
    acme = make_client("acme")
    stored(acme, "Old key", days_before(97))
    stored(acme, "Mystery key")
    stored(acme, "Young key", days_before(3))
    assert reminders.remind(MONDAY) == 2
    digest = Message.objects.get(kind="rotation_digest")
    assert "Old key (production): 97 days, overdue since" in digest.body
    assert "Mystery key (production): age unknown, so it counts as due now" in digest.body
    assert "Young key" not in digest.body
    assert Message.objects.get(kind="rotation_overdue").subject == "Overdue: Acme, Old key"


def test_nothing_is_said_twice_and_a_new_version_may_be_said_again():
    make_user("Ada", is_owner=True)
    key = stored(make_client("acme"), made_on=days_before(97))
    reminders.remind(MONDAY)
    assert reminders.remind(MONDAY + timedelta(hours=5)) == 0
    vault.replace(key, {"api_key": Secret("another-long-value")}, actor=COMMAND, made_on=days_before(95))
    assert reminders.remind(MONDAY + timedelta(hours=6)) == 1
    assert kinds() == ["rotation_digest", "rotation_overdue", "rotation_overdue"]


def test_a_week_missed_on_monday_is_caught_up_later():
    make_user("Ada", is_owner=True)
    stored(make_client("acme"))
    assert reminders.remind(MONDAY + timedelta(days=3)) == 1
    assert reminders.remind(MONDAY + timedelta(days=4)) == 0
    assert reminders.remind(MONDAY + timedelta(days=7)) == 1


@pytest.mark.parametrize(("zone", "expected"), [("Europe/Berlin", 1), ("America/New_York", 0)])
def test_the_digest_comes_in_the_morning_of_the_reader(zone, expected):
    make_user("Ada", is_owner=True, time_zone=zone)
    stored(make_client("acme"))
    sunday_night_in_new_york = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
    Message.objects.create(
        dedupe_key=f"digest:2026-W47:{make_user('Other').pk}",
        kind="x",
        to="x@example.com",
        subject="",
        body="",
        due_at=MONDAY,
    )
    reminders.remind(sunday_night_in_new_york - timedelta(days=7))  # last week's, for both
    Message.objects.all().delete()
    assert reminders.remind(sunday_night_in_new_york) == expected


def test_each_person_reads_about_their_own_clients_only():
    ada, acme, other = make_user("Ada"), make_client("acme"), make_client("other")
    make_membership(ada, acme)
    stored(acme, "Acme key")
    stored(other, "Other key")
    reminders.remind(MONDAY)
    body = Message.objects.get(user=ada).body
    assert "Acme key" in body
    assert "Other key" not in body


def test_a_snoozed_key_is_left_out_until_its_day():
    make_user("Ada", is_owner=True)
    key = stored(make_client("acme"), made_on=days_before(97))
    rotation.snooze(key, MONDAY.date() + timedelta(days=10), actor=COMMAND, today=MONDAY.date())
    assert reminders.remind(MONDAY) == 0
    assert reminders.remind(MONDAY + timedelta(days=14)) == 2


def test_who_does_not_want_the_digest_still_hears_what_is_overdue():
    make_user("Ada", is_owner=True, wants_digest=False)
    stored(make_client("acme"), made_on=days_before(97))
    reminders.remind(MONDAY)
    assert kinds() == ["rotation_overdue"]


def test_the_demo_reminds_nobody():
    make_user("Ada", is_owner=True)
    stored(make_client("acme", is_demo=True), made_on=days_before(97))
    assert reminders.remind(MONDAY) == 0


def test_no_value_enters_a_reminder():
    make_user("Ada", is_owner=True)
    stored(make_client("acme"), made_on=days_before(97))
    reminders.remind(MONDAY)
    assert all("a-value-that-is-long-enough" not in m.body + m.subject for m in Message.objects.all())
