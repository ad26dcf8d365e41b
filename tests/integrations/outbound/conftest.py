"""An upstream for each test that asks."""

from __future__ import annotations

import pytest

from tests.fake_upstream import FakeUpstream


@pytest.fixture
def upstream():
    """Yield an upstream that answers 200 until told otherwise."""
    with FakeUpstream() as fake:
        yield fake
