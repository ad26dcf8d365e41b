"""When a grant ends: unused too long, whatever happens, in testing, or for want of a refresh token."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integrations.models import Connection
from integrations.oauth.answers import Grant
from integrations.oauth.deaths import deaths, ends_of, is_dying
from integrations.providers.oauth_facts import RefreshFacts
from integrations.providers.registry import get_provider
from secrets_vault.secret import Secret
from tests.integrations.oauth.machine_world import make_machine
from tests.integrations.oauth.world import NOW

DAY = timedelta(days=1)
YEAR_S = 365 * 86_400
XERO = RefreshFacts(idle_ttl_s=60 * 86_400)
QUICKBOOKS = RefreshFacts(idle_ttl_s=100 * 86_400, absolute_ttl_s=5 * YEAR_S)
GOOGLE = RefreshFacts(testing_ttl_s=7 * 86_400)


@pytest.mark.parametrize(
    ("facts", "more", "ends"),
    [
        (XERO, {}, [(61 * DAY, "idle")]),
        (QUICKBOOKS, {}, [(101 * DAY, "idle"), (5 * 365 * DAY, "absolute")]),
        (GOOGLE, {}, []),
        (GOOGLE, {"is_in_testing": True}, [(7 * DAY, "testing")]),
        (RefreshFacts(), {"has_refresh_token": False, "access_ends_at": NOW + 60 * DAY}, [(60 * DAY, "no_refresh")]),
        (XERO, {"told_at": NOW + 30 * DAY}, [(30 * DAY, "told"), (61 * DAY, "idle")]),
    ],
)
def test_every_end_that_is_known_is_counted_from_its_own_beginning(facts, more, ends):
    found = deaths(facts, connected_at=NOW, used_at=NOW + DAY, **more)
    assert [(death.at - NOW, death.by) for death in found] == ends


def test_the_facts_of_the_providers_that_are_known_for_it_stand_in_the_catalogue():
    assert get_provider("xero").oauth.refresh.idle_ttl_s == 60 * 86_400
    assert get_provider("quickbooks").oauth.refresh.idle_ttl_s == 100 * 86_400
    assert get_provider("quickbooks").oauth.refresh.absolute_ttl_s >= 5 * YEAR_S


def given(refresh_token="rt", **more):
    fields = {"expires_in_s": 3600, "refresh_expires_in_s": None, "scopes": None} | more
    return Grant(Secret("at"), Secret(refresh_token) if refresh_token else None, **fields)


@pytest.mark.django_db
def test_the_nearest_end_is_kept_and_a_refresh_moves_what_is_idle():
    connection = make_machine("jwt_bearer", refresh={"idle_ttl_s": 60 * 86_400})
    first = ends_of(connection, given(), connected_at=NOW, now=NOW, kept=False)
    assert first == {"refresh_expires_at": NOW + 60 * DAY, "refresh_ends_by": "idle"}
    later = ends_of(connection, given(), connected_at=NOW, now=NOW + 9 * DAY, kept=True)
    assert later["refresh_expires_at"] == NOW + 69 * DAY
    none = ends_of(connection, given(None), connected_at=NOW, now=NOW, kept=False)
    assert none == {"refresh_expires_at": NOW + timedelta(hours=1), "refresh_ends_by": "no_refresh"}


@pytest.mark.django_db
def test_an_end_that_was_told_goes_on_until_another_is_told():
    connection = make_machine("jwt_bearer")
    told = ends_of(connection, given(refresh_expires_in_s=30 * 86_400), connected_at=NOW, now=NOW, kept=False)
    assert told == {"refresh_expires_at": NOW + 30 * DAY, "refresh_ends_by": "told"}
    connection.refresh_expires_at, connection.refresh_ends_by = told["refresh_expires_at"], "told"
    assert ends_of(connection, given(), connected_at=NOW, now=NOW + DAY, kept=True) == told


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("by", "is_renewed", "is_warned"),
    [("absolute", True, True), ("testing", True, True), ("no_refresh", False, True), ("idle", True, False),
     ("idle", False, True), ("told", True, False), ("told", False, True)],
)  # fmt: skip
def test_only_an_end_that_no_refresh_moves_is_warned_of(by, is_renewed, is_warned):
    connection = make_machine("jwt_bearer")
    due = NOW + timedelta(hours=1) if is_renewed else None
    Connection.objects.update(
        status="connected", refresh_expires_at=NOW + 3 * DAY, refresh_ends_by=by, refresh_due_at=due
    )
    assert Connection.objects.filter(is_dying(NOW), pk=connection.pk).exists() is is_warned
