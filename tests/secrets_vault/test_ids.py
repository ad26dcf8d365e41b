"""Ids sort by the time they were made, and no two processes make the same."""

from __future__ import annotations

import multiprocessing

import pytest

from secrets_vault.ids import moment_of, uuid7

MANY = 1000

pytestmark = pytest.mark.matrix


def made(_: int) -> list[int]:
    return [uuid7(0).int for _ in range(MANY)]


def test_an_id_is_a_uuid_of_version_7_and_tells_its_time():
    one = uuid7(1_700_000_000_123)
    assert one.version == 7
    assert moment_of(one).timestamp() == 1_700_000_000.123


def test_no_two_ids_are_the_same_in_a_process_or_in_those_it_forks():
    made(0)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = [number for numbers in pool.map(made, range(4), chunksize=1) for number in numbers] + made(0)
    assert len(set(found)) == len(found) == 5 * MANY
