"""A call whose provider's description is gone ends in a typed answer, and nothing is sent."""

from __future__ import annotations

import json

import pytest

from integrations.models import CustomProvider
from secrets_vault import generation

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_answer_says_what_is_so(world):
    assert world.call().status == 200
    CustomProvider.objects.all().delete()
    generation.bump()
    answer = world.call()
    told = json.loads(answer.body)
    assert (answer.status, told["code"]) == (409, "provider_gone")
    assert answer.header("content-type") == "application/problem+json"
    assert len(world.upstream.requests) == 1
    row = world.calls()[-1]
    assert (row.code, row.outcome) == ("provider_gone", "refused")
