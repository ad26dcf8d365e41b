"""Grants that end are told of ahead, once for each distance, and shown beside the keys that are due."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integrations.models import Connection, Message
from integrations.oauth import ends
from integrations.status import Status
from tests.factories import make_client, make_user
from tests.integrations.oauth.world import NOW

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def ada():
    return make_user("Ada", is_owner=True)


def dying(in_days=60, *, by="no_refresh", slug="acme-linkedin", **more):
    client = make_client()
    fields = {"status": Status.CONNECTED, "connected_at": NOW, "refresh_expires_at": NOW + in_days * DAY,
              "refresh_ends_by": by} | more  # fmt: skip
    return Connection.objects.create(
        slug=slug,
        client=client,
        environment=client.environments.first(),
        provider_key="linkedin",
        kind="oauth2",
        **fields,
    )


def told(*days):
    return [ends.warn(now=NOW + day * DAY) for day in days]


def test_two_weeks_and_three_days_ahead_and_not_between_or_after(ada):
    dying()
    assert told(0, 45, 46.5, 47, 50, 56, 57, 58, 59.9, 60, 61) == [0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0]
    first = Message.objects.order_by("pk").first()
    assert first.subject == "Acme: the consent for acme-linkedin ends on 21 Jan 2027"
    assert "/connections/acme-linkedin/" in first.body
    assert "nothing here can renew it" in first.body


def test_after_a_pause_of_the_timetable_only_the_nearest_is_said(ada):
    dying()
    assert told(58, 59) == [1, 0]


def test_a_renewed_consent_is_told_of_anew_and_in_its_own_time(ada):
    row = dying()
    assert told(46.5) == [1]
    Connection.objects.filter(pk=row.pk).update(connected_at=NOW + 50 * DAY, refresh_expires_at=NOW + 110 * DAY)
    assert told(57, 96.5, 97) == [0, 1, 0]


def test_what_lives_a_week_in_all_is_told_of_once(ada):
    dying(7, by="testing")
    assert told(0, 3, 4, 5, 6) == [0, 0, 1, 0, 0]


@pytest.mark.parametrize(
    "more",
    [
        {"by": "idle", "refresh_due_at": NOW + DAY},  # it is renewed by itself
        {"status": Status.NEEDS_RECONNECTING},
        {"status": Status.NOT_CONNECTED},
        {"refresh_expires_at": None},
    ],
)
def test_what_is_renewed_or_dead_already_is_not_told_of(ada, more):
    dying(**more)
    assert told(46.5, 57) == [0, 0]


def test_one_whose_renewal_fails_is(ada):
    dying(by="idle", refresh_due_at=NOW + DAY, refresh_failures=6)
    assert told(46.5) == [1]


def test_only_those_who_manage_the_client_hear_of_it(ada):
    make_user("Cora")
    dying()
    assert told(46.5) == [1]
    assert set(Message.objects.values_list("user", flat=True)) == {ada.pk}


def test_a_client_that_is_archived_is_left_alone(ada):
    row = dying()
    type(row.client).objects.filter(pk=row.client_id).update(archived_at=NOW)
    assert told(46.5) == [0]
