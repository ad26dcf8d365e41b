"""How long calls are kept, and their heads and bodies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from integrations.call_log import retention
from integrations.models import Call
from secrets_vault.ids import uuid7

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def call(age_days: float) -> Call:
    at = NOW - timedelta(days=age_days)
    return Call.objects.create(
        pk=uuid7(int(at.timestamp() * 1000)),
        at=at,
        client_id=uuid4(),
        method="GET",
        path="/x",
        outcome="upstream_error",
        request_head="GET /x",
        response_body="{}",
    )


def test_old_calls_go_and_young_ones_stay():
    old, young = call(91), call(89)
    assert retention.drop_old(timedelta(days=90), now=NOW, sleep=lambda _: None) == 1
    assert not Call.objects.filter(pk=old.pk).exists()
    assert Call.objects.filter(pk=young.pk).exists()


def test_the_bodies_of_a_call_go_sooner_than_the_call():
    old, young = call(8), call(6)
    assert retention.blank_bodies(timedelta(days=7), now=NOW, sleep=lambda _: None) == 1
    old.refresh_from_db()
    young.refresh_from_db()
    assert (old.request_head, old.response_body, old.outcome) == ("", "", "upstream_error")
    assert young.response_body == "{}"
    assert retention.blank_bodies(timedelta(days=7), now=NOW, sleep=lambda _: None) == 0


def test_more_rows_than_a_slice_go_in_several(monkeypatch):
    monkeypatch.setattr(retention, "SLICE", 3)
    for _ in range(8):
        call(100)
    pauses: list[float] = []
    assert retention.drop_old(timedelta(days=90), now=NOW, sleep=pauses.append) == 8
    assert len(pauses) == 2
