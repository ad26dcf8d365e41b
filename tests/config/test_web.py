"""The web process before its first request."""

from __future__ import annotations

import gc

import pytest

from config.web import GARBAGE_AFTER, spare_the_collector


@pytest.fixture
def collector():
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.usefixtures("collector")
def test_what_lives_as_long_as_the_process_is_not_walked():
    lasting: list[object] = [[] for _ in range(100)]
    spare_the_collector()
    assert not any(one is lasting[7] for one in gc.get_objects())
    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold()[0] == GARBAGE_AFTER
