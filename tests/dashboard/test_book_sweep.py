"""The nightly look into the audit trail: a break is a failed sweep, and Today shows those."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import transaction

from dashboard.needs import needs_of
from dashboard.owner_needs import background_needs
from integrations import sweeps, timetable
from integrations.models import Sweep
from secrets_vault import audit
from secrets_vault.actor import COMMAND
from secrets_vault.models import AuditHead
from tests.factories import make_user

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)


@pytest.fixture
def only_the_book(monkeypatch):
    """Leave one line in the timetable."""
    monkeypatch.setattr(sweeps, "TIMETABLE", {"audit": sweeps.Timetable(86_400, timetable.verify_book, "Verifies")})
    with transaction.atomic():
        audit.record("settings.changed", actor=COMMAND)


def test_a_book_that_holds_is_counted(only_the_book):
    sweeps.tick(NOW)
    row = Sweep.objects.get(name="audit")
    assert (row.error_code, row.done) == ("", 2)


def test_a_book_whose_end_was_cut_off_fails_the_sweep(only_the_book):
    AuditHead.objects.update(seq=3)
    sweeps.tick(NOW)
    row = Sweep.objects.get(name="audit")
    assert (row.error_code, row.ok_at) == ("BookDamaged", None)


@pytest.mark.parametrize(("is_owner", "is_told"), [(True, True), (False, False)])
def test_the_owner_is_told_first_of_all(only_the_book, is_owner, is_told):
    person = make_user("Olive", is_owner=is_owner)
    AuditHead.objects.update(seq=3)
    sweeps.tick(NOW)
    needs = needs_of(person, [], now=NOW, board=[], tight=[])
    titles = [need.words().title for need in needs]
    assert ("The audit trail is not as it was written" in titles) is is_told
    assert not is_told or (needs[0].words().tone, needs[0].words().url) == ("bad", "/audit/")


def test_other_work_that_failed_is_told_too_and_forgotten_when_it_ran(only_the_book):
    olive = make_user("Olive", is_owner=True)
    Sweep.objects.create(name="refresh", every_s=20, due_at=NOW, error_code="DatabaseError")
    assert [need.words().title for need in background_needs(olive, now=olive.joined_at)] == ["Background work failed"]
    Sweep.objects.update(error_code="")
    assert list(background_needs(olive, now=olive.joined_at)) == []
