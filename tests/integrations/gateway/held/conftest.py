"""The gateway's own cast, and a queue whose lanes are made to go by hand."""

from __future__ import annotations

import json

import pytest

from integrations.gateway.held.replaying import Replayer
from integrations.models import HeldCall, HeldLane
from tests.integrations.gateway.conftest import upstream, world

__all__ = ["upstream", "world"]

AWAY = b"HTTP/1.1 503 X\r\nContent-Length: 4\r\n\r\naway"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"
WISH = (b"x-keylodge-queue", b"on-failure")


def headers(world, *more):
    """Return the headers of a call that is to be kept where it fails."""
    return [(b"authorization", b"Bearer " + world.text.encode()), WISH, *more]


def hold(world, path="/things", *, method="PUT", body=b"{}", more=(), **options):
    """Make a call that fails and is kept; return its answer and its row."""
    answer = world.call(path, method=method, body=body, headers=headers(world, *more), **options)
    assert answer.status == 202, answer.body
    return answer, HeldCall.objects.get(pk=json.loads(answer.body)["id"])


def replay():
    """Make what waits, as the worker does: at once, whatever the lanes waited for."""
    HeldLane.objects.update(next_at=None)
    Replayer().run_until_idle()


@pytest.fixture
def away(world):
    """Let the provider be away: every call is turned away, and none is repeated at once."""
    world.upstream.answers = [b"HTTP/1.1 503 X\r\nRetry-After: 3600\r\nContent-Length: 4\r\n\r\naway"]
    return world


def back(world, *answers):
    """Let the provider answer again."""
    world.upstream.requests.clear()
    world.upstream.answers = list(answers) or [OK]
