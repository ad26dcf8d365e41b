"""What covers the secrets of a call is let go soon after it: it holds them, and takes memory."""

from __future__ import annotations

import gc

import pytest

from integrations.call_log.rows import masked_row, masker_for
from secrets_vault.masking import Masker
from tests.integrations.call_log.test_writing import record

pytestmark = pytest.mark.matrix

CALLERS = 200


def maskers() -> int:
    """Return how many are alive."""
    gc.collect()
    return sum(isinstance(one, Masker) for one in gc.get_objects())


def test_callers_who_bring_ever_new_tokens_leave_few_maskers_behind():
    masker_for.cache_clear()
    before = maskers()
    for number in range(CALLERS):
        row = masked_row(record(known=(f"a token of a caller, number {number:06}",), agent=b"n8n/1.71"))
        assert row.agent == "n8n/1.71"
    assert maskers() - before <= masker_for.cache_info().maxsize < CALLERS
