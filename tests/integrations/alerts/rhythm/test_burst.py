"""Gateway tokens that call far more than they ever do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from integrations import tokens
from integrations.alerts.rhythm import burst, switches
from integrations.models import CallHour, Connection, Message
from secrets_vault.actor import SYSTEM
from tests.factories import make_client, make_user

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = datetime(2026, 11, 23, 9, 40, tzinfo=UTC)
THIS = NOW.replace(minute=0)


@pytest.fixture
def token():
    make_user("Olga", is_owner=True)
    acme = make_client("acme")
    about = {"client": acme, "environment": acme.environments.first(), "provider_key": "hubspot", "kind": "oauth2"}
    connection = Connection.objects.create(slug="acme-hubspot", label="HubSpot", **about)
    made, _text = tokens.make(acme, "Nightly sync", [connection], actor=SYSTEM)
    return made


def calls(token, hour, n, **about):
    connection = token.connections.get()
    CallHour.objects.update_or_create(
        connection_id=connection.pk, client_id=token.client_id, token_id=token.pk, hour=hour, defaults={"calls": n}
    )


def usual(token, *, days=10, n=300):
    for each in range(2, days * 24 + 2):
        calls(token, THIS - each * HOUR, n)


def test_a_burst_is_told_in_the_words_of_the_issue_with_the_way_to_pause(token):
    usual(token)
    calls(token, THIS, 9400)
    assert burst.look(NOW) == 1
    message = Message.objects.get()
    assert '9400 calls in an hour, normally 300, by "Nightly sync"' in message.body
    assert f"/tokens/{token.pk}/pause/" in message.body
    assert burst.look(NOW) == 0


def test_it_is_over_when_the_hours_are_usual_again(token):
    usual(token)
    calls(token, THIS, 9400)
    burst.look(NOW)
    assert burst.look(NOW + HOUR) == 0  # the hour before was the burst
    calls(token, THIS + HOUR, 300)
    assert burst.look(NOW + 2 * HOUR) == 1
    assert list(Message.objects.order_by("pk").values_list("kind", flat=True)) == ["burst", "burst_over"]


@pytest.mark.parametrize(
    ("days", "n", "now_n"),
    [
        (6, 300, 9400),  # no week of history
        (10, 300, 2900),  # not ten times
        (10, 3, 400),  # ten times and more, but few
    ],
)
def test_what_is_no_burst(token, days, n, now_n):
    usual(token, days=days, n=n)
    calls(token, THIS, now_n)
    assert burst.look(NOW) == 0


def test_a_job_at_the_end_of_each_month_is_no_burst(token):
    usual(token, days=31)
    calls(token, THIS - 30 * DAY, 9000)
    calls(token, THIS, 9400)
    assert burst.look(NOW) == 0


@pytest.mark.parametrize("state", ["paused_at", "revoked_at"])
def test_a_token_that_is_stopped_already_is_not_told_of(token, state):
    usual(token)
    calls(token, THIS, 9400)
    setattr(token, state, NOW)
    token.save()
    assert burst.look(NOW) == 0


def test_who_switched_it_off_hears_nothing(token):
    usual(token)
    calls(token, THIS, 9400)
    switches.watch_token(token, is_on=False, limit=None, actor=SYSTEM)
    assert burst.look(NOW) == 0


@pytest.mark.parametrize(("limit", "told"), [(400, 1), (10_000, 0)])
def test_the_number_that_a_person_chose_goes_before_what_is_usual(token, limit, told):
    usual(token)
    calls(token, THIS, 450 if limit == 400 else 9400)
    switches.watch_token(token, is_on=True, limit=limit, actor=SYSTEM)
    assert burst.look(NOW) == told


def test_calls_of_the_sandbox_are_told_under_messages_alone(token):
    Connection.objects.update(is_sandbox=True)
    usual(token)
    calls(token, THIS, 9400)
    burst.look(NOW)
    assert Message.objects.get().state == Message.State.KEPT


def test_where_all_is_as_ever_a_look_is_cheap(token, django_assert_max_num_queries):
    usual(token)
    calls(token, THIS, 300)
    with django_assert_max_num_queries(3):
        burst.look(NOW)
