"""When a secret is due: the nearest rule wins, an unknown age is due now, and the board is one query."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from secrets_vault import rotation, vault
from secrets_vault.actor import SYSTEM
from secrets_vault.errors import BadInput
from secrets_vault.models import AuditEvent, SecretVersion, StoredSecret
from secrets_vault.rotation import Rule, State
from secrets_vault.secret import Secret
from tests.factories import make_client, make_membership, make_user

pytestmark = pytest.mark.django_db
TODAY = date(2026, 11, 22)


def days_ago(days):
    return TODAY - timedelta(days=days)


def in_days(days):
    return TODAY + timedelta(days=days)


def make_secret(client=None, *, label="Stripe key", kind="api_key", field="api_key", **about):
    return vault.store(
        actor=SYSTEM, client=client or make_client(), environment=None, kind=kind, label=label,
        fields={field: Secret("sk_test_0123456789abcd")}, provider_key="stripe", **about,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("secret_days", "client_days", "provider_days", "left", "rule"),
    [
        (30, 60, 45, 20, Rule.SECRET),
        (None, 60, 45, 50, Rule.CLIENT),
        (None, None, 45, 35, Rule.PROVIDER),
        (None, None, None, 80, Rule.DEFAULT),
    ],
)
def test_the_rule_nearest_to_the_secret_wins(secret_days, client_days, provider_days, left, rule):
    client = make_client(rotate_after_days=client_days)
    stored = make_secret(client, made_on=days_ago(10), rotate_after_days=secret_days)
    found = rotation.due(stored, TODAY, provider_days=lambda key: provider_days if key == "stripe" else None)
    assert (found.days_left, found.rule, found.on) == (left, rule, in_days(left))


def test_a_date_of_its_own_wins_until_a_version_has_obeyed_it():
    stored = make_secret(made_on=days_ago(10), rotate_after_days=30)
    vault.describe(stored, actor=SYSTEM, rotate_on=in_days(3))
    assert rotation.due(stored, TODAY).on == in_days(3)
    vault.replace(stored, {"api_key": Secret("sk_test_new_0123456789")}, actor=SYSTEM, made_on=in_days(3))
    later = rotation.due(stored, in_days(4))
    assert (later.rule, later.on) == (Rule.SECRET, in_days(33))


@pytest.mark.parametrize(("expires_in", "rule"), [(5, Rule.EXPIRY), (200, Rule.DEFAULT), (-1, Rule.EXPIRY)])
def test_the_providers_own_expiry_wins_when_it_is_sooner(expires_in, rule):
    expires_at = datetime.combine(in_days(expires_in), datetime.min.time(), UTC)
    stored = make_secret(made_on=TODAY, expires_at=expires_at)
    assert rotation.due(stored, TODAY).rule == rule


def test_an_unknown_age_is_due_now_and_says_so():
    found = rotation.due(make_secret(), TODAY)
    assert (found.on, found.state, found.rule) == (TODAY, State.OVERDUE, Rule.AGE_UNKNOWN)
    assert (found.age_days, found.age_text) == (None, "age unknown")


def test_age_counts_from_the_making_and_not_from_the_import():
    stored = make_secret(made_on=days_ago(97))
    SecretVersion.objects.update(created_at=datetime(2026, 11, 21, tzinfo=UTC))
    found = rotation.due(StoredSecret.objects.get(pk=stored.pk), TODAY)
    assert (found.age_text, found.state, found.days_left) == ("97 days", State.OVERDUE, -7)


@pytest.mark.parametrize(
    ("age", "state"),
    [(90, State.OVERDUE), (91, State.OVERDUE), (89, State.DUE_SOON), (76, State.DUE_SOON), (75, State.FINE)],
)
def test_due_soon_begins_fourteen_days_before(age, state):
    assert rotation.due(make_secret(made_on=days_ago(age)), TODAY).state == state


@pytest.mark.parametrize(("kind", "field"), [("oauth_tokens", "access_token"), ("note", "note"), ("system", "smtp")])
def test_what_no_person_rotates_is_not_on_the_board(kind, field):
    make_secret(kind=kind, field=field)
    assert rotation.board(make_user("Olga", is_owner=True), TODAY) == []


def test_a_note_with_a_rule_is_on_the_board():
    make_secret(kind="note", field="note", rotate_after_days=30)
    assert len(rotation.board(make_user("Olga", is_owner=True), TODAY)) == 1


def test_a_snooze_of_the_secret_or_of_its_whole_client_holds_until_its_day():
    stored = make_secret(made_on=days_ago(100))
    rotation.snooze(stored, in_days(7), actor=SYSTEM, today=TODAY, reason="the client is away")
    assert rotation.due(stored, TODAY).state == State.SNOOZED
    assert rotation.due(stored, TODAY).snooze_reason == "the client is away"
    assert rotation.due(stored, in_days(7)).state == State.OVERDUE
    rotation.wake(stored, actor=SYSTEM)
    assert rotation.due(stored, TODAY).state == State.OVERDUE
    rotation.snooze(stored.client, in_days(30), actor=SYSTEM, today=TODAY)
    assert rotation.due(stored, TODAY).snoozed_until == in_days(30)
    assert AuditEvent.objects.filter(action="rotation.snoozed").count() == 2


@pytest.mark.parametrize("until", [TODAY, days_ago(1), in_days(400)])
def test_a_snooze_into_the_past_or_for_ever_is_refused(until):
    with pytest.raises(BadInput):
        rotation.snooze(make_secret(), until, actor=SYSTEM, today=TODAY)


def test_a_new_version_ends_the_snooze():
    stored = make_secret(made_on=days_ago(100))
    rotation.snooze(stored, in_days(7), actor=SYSTEM, today=TODAY)
    vault.replace(stored, {"api_key": Secret("sk_test_new_0123456789")}, actor=SYSTEM, made_on=days_ago(95))
    assert rotation.due(StoredSecret.objects.get(pk=stored.pk), TODAY).state == State.OVERDUE


def test_the_board_is_one_query_soonest_first_and_snoozed_last(django_assert_num_queries):
    olga, acme = make_user("Olga", is_owner=True), make_client()
    for label, age in [("new", 1), ("old", 200), ("older, snoozed", 300), ("middle", 80)]:
        make_secret(acme, label=label, made_on=days_ago(age))
    snoozed = StoredSecret.objects.get(label="older, snoozed")
    rotation.snooze(snoozed, in_days(3), actor=SYSTEM, today=TODAY)
    vault.delete(make_secret(acme, label="deleted"), actor=SYSTEM)
    with django_assert_num_queries(1):
        rows = rotation.board(olga, TODAY)
        assert [row.stored.client.name for row in rows] == ["Acme"] * 4
    assert [row.stored.label for row in rows] == ["old", "middle", "new", "older, snoozed"]


def test_the_board_shows_each_person_her_own_clients_only():
    acme, other = make_client(), make_client("other")
    make_secret(acme, label="acme's")
    make_secret(other, label="other's")
    ada, ben, cora = make_user("Ada"), make_user("Ben"), make_user("Cora")
    make_membership(ada, acme)
    make_membership(ben, acme, role="viewer")
    for person, labels in [(ada, ["acme's"]), (ben, ["acme's"]), (cora, [])]:
        assert [row.stored.label for row in rotation.board(person, TODAY)] == labels
