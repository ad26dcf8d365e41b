"""A connection that is called: Acme's, to an upstream on loopback, with one gateway token."""

from __future__ import annotations

import pytest

from integrations import tokens
from secrets_vault.actor import SYSTEM
from tests.fake_upstream import FakeUpstream
from tests.integrations.gateway.conftest import make_connection


@pytest.fixture
def upstream():
    """Yield an upstream that answers 200 until told otherwise."""
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture
def connection(acme, upstream, settings):
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]
    return make_connection(acme, upstream, "acme-fake", probe={"method": "GET", "path": "/me"})


@pytest.fixture
def token(acme, connection):
    made, _text = tokens.make(acme, "n8n", [connection], actor=SYSTEM)
    return made
