"""An endpoint of Acme's, a receiver on loopback, and a forwarder whose clock and chance the test decides."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.webhooks import targets
from integrations.webhooks.forwarder import Forwarder
from secrets_vault.actor import SYSTEM
from secrets_vault.secret import Secret
from tests.factories import make_client, make_webhook_delivery, make_webhook_endpoint, make_webhook_event
from tests.fake_upstream import FakeUpstream

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CAPABILITY = "canary-capability-0123456789"
PAYLOAD = b'{"id": "evt_1", "status": "paid", "note": "canary-payload"}'


class World:
    """One endpoint, one receiver, one forwarder, and the time."""

    def __init__(self, receiver: FakeUpstream, endpoint: Any) -> None:
        self.receiver, self.endpoint, self.now, self.chance = receiver, endpoint, NOW, 0.5
        self.forwarder = Forwarder(clock=lambda: self.now, chance=lambda: self.chance, gather_s=0.0)

    def target(self, receiver: FakeUpstream | None = None, **fields: Any) -> Any:
        """Return a target at a receiver, under an address that opens the door to whoever knows it."""
        url = f"{(receiver or self.receiver).url}/webhook/{CAPABILITY}"
        return targets.make(self.endpoint, Secret(url), actor=SYSTEM, **fields)

    def delivery(self, target: Any, body: bytes = PAYLOAD, **fields: Any) -> Any:
        """Return a delivery of a new event, due now."""
        headers = (("content-type", b"application/json"),)
        event = make_webhook_event(self.endpoint, body, headers=headers, received_at=self.now)
        return make_webhook_delivery(event, target, **fields)

    def forward(self) -> int:
        """Hand on what is due now; return how many tries that took."""
        return self.forwarder.run_until_idle(within_s=20)

    def later(self, **after: float) -> None:
        """Let time pass."""
        self.now += timedelta(**after)


@pytest.fixture
def receiver() -> Iterator[FakeUpstream]:
    """Yield a receiver that takes everything until told otherwise."""
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture
def world(receiver: FakeUpstream, settings: Any) -> Iterator[World]:
    """Yield the world, with all of loopback open."""
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    made = World(receiver, make_webhook_endpoint(make_client()))
    yield made
    made.forwarder.stop()
    made.forwarder.run()


def answer(status: int, *, headers: bytes = b"") -> bytes:
    """Return an answer without a body."""
    return b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n%b\r\n" % (status, headers)
