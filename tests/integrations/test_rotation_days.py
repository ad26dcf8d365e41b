"""Rules by provider: the owner's word comes before the catalogue's."""

from __future__ import annotations

import pytest

from integrations import rotation_days
from secrets_vault.actor import COMMAND
from secrets_vault.models import AuditEvent

pytestmark = pytest.mark.django_db


def test_the_owners_rule_comes_before_the_providers_advice():
    advice = rotation_days.by_provider()("stripe")
    rotation_days.choose({"stripe": 30}, actor=COMMAND)
    assert rotation_days.by_provider()("stripe") == 30
    rotation_days.choose({"stripe": None}, actor=COMMAND)
    assert rotation_days.by_provider()("stripe") == advice


def test_a_change_is_written_down_and_no_change_is_not():
    rotation_days.choose({"stripe": 30}, actor=COMMAND)
    rotation_days.choose({"stripe": 30}, actor=COMMAND)
    event = AuditEvent.objects.get(action="rotation.rules_changed")
    assert event.details == {"days": {"stripe": 30}}


@pytest.mark.parametrize("days", [0, -1, 731])
def test_a_rule_that_is_none_is_refused_and_nothing_is_written(days):
    with pytest.raises(rotation_days.BadDays):
        rotation_days.choose({"stripe": 30, "openai": days}, actor=COMMAND)
    assert rotation_days.chosen() == {}


def test_an_unknown_provider_advises_nothing():
    assert rotation_days.by_provider()("custom-none") is None
    assert rotation_days.by_provider()("") is None
