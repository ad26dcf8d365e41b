"""A dead credential is one error of its connection, whatever was called, and is settled once it works again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.call_log import refused
from integrations.models import Connection, ErrorGroup
from integrations.models.call import Outcome
from tests.dashboard.errors.conftest import connect, write
from tests.factories import make_client

pytestmark = pytest.mark.django_db

AUTH = {"status": 401, "outcome": Outcome.AUTH}
TURNED_AWAY = {"status": 409, "code": "needs_reconnecting", "outcome": Outcome.REFUSED}


@pytest.fixture
def hubspot():
    return connect(make_client("acme"), "acme-hubspot")


def set_status(connection, status, since):
    Connection.objects.filter(pk=connection.pk).update(status=status, status_since=since)


def groups():
    return {group.code: group for group in ErrorGroup.objects.all()}


def test_refusals_of_every_path_are_one_error_and_its_children_are_told(hubspot):
    write(hubspot, **AUTH, method="POST", target=b"/crm/v3/objects/deals")
    write(hubspot, **TURNED_AWAY, target=b"/crm/v3/objects/deals/7")
    last = [write(hubspot, **AUTH, target=f"/crm/v3/objects/contacts/{n}".encode()) for n in (151, 152)][-1]
    group = ErrorGroup.objects.get()
    assert (group.code, group.title, group.count) == ("credential_refused", "Credential refused", 4)
    assert (group.method, group.path_template, group.last_call_id) == ("", "", last.pk)
    told = [(child.method, child.place, child.count) for child in refused.children(group)]
    assert told[0] == ("GET", "/crm/v3/objects/contacts/{id}", 2)
    assert set(told[1:]) == {("POST", "/crm/v3/objects/deals", 1), ("GET", "/crm/v3/objects/deals/{id}", 1)}


def test_each_connection_has_its_own(hubspot):
    write(hubspot, **AUTH)
    write(connect(make_client("other"), "other-hubspot"), **AUTH)
    assert [group.count for group in ErrorGroup.objects.all()] == [1, 1]


def test_a_403_folds_only_while_the_connection_is_broken(hubspot):
    forbidden = {"status": 403, "outcome": Outcome.AUTH, "target": b"/crm/v3/objects/deals"}
    write(hubspot, **forbidden)
    assert refused.CODE not in groups()
    set_status(hubspot, "needs_reconnecting", timezone.now())
    write(hubspot, **forbidden)
    assert groups()[refused.CODE].count == 1


@pytest.mark.parametrize(
    ("status", "outcome"), [(404, Outcome.CLIENT_ERROR), (429, Outcome.LIMITED), (403, Outcome.REFUSED)]
)
def test_other_failures_stay_by_themselves(hubspot, status, outcome):
    set_status(hubspot, "needs_reconnecting", timezone.now())
    write(hubspot, status=status, outcome=outcome, code="not_allowed" if outcome == Outcome.REFUSED else "")
    assert refused.CODE not in groups()


def test_it_is_resolved_by_itself_once_reconnected_and_comes_back(hubspot):
    now = timezone.now()
    write(hubspot, **AUTH, ago=timedelta(minutes=3))
    set_status(hubspot, "needs_reconnecting", now - timedelta(minutes=2))
    assert refused.resolve_mended(now) == 0
    mended = now - timedelta(minutes=1)
    set_status(hubspot, "connected", mended)
    assert refused.resolve_mended(now) == 1
    group = ErrorGroup.objects.get()
    assert (group.state, group.mended_at) == ("resolved", mended)
    write(hubspot, **AUTH, ago=timedelta(minutes=2))  # it failed before, and is written late
    assert ErrorGroup.objects.get().state == "resolved"
    write(hubspot, **AUTH)
    group = ErrorGroup.objects.get()
    assert (group.state, group.mended_at) == ("came_back", None)


@pytest.mark.parametrize(("minutes", "is_over"), [(2, False), (20, True)])
def test_calls_that_go_through_again_settle_it_after_a_quiet_time(hubspot, minutes, is_over):
    now = timezone.now()
    write(hubspot, **AUTH, ago=timedelta(minutes=minutes))
    set_status(hubspot, "connected", now - timedelta(days=9))
    assert refused.resolve_mended(now) == 0
    fine = write(hubspot, status=200, outcome=Outcome.OK, ago=timedelta(minutes=1))
    assert refused.resolve_mended(now) == is_over
    assert ErrorGroup.objects.get().mended_at == (fine.at if is_over else None)
