"""A vendor that signs with a key it publishes: Amazon SNS, by the messages that its own code signed."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from integrations.models import WebhookEndpoint, WebhookEvent
from integrations.outbound import OutboundError
from integrations.outbound.send import Answer
from integrations.webhooks import keys, pairing, published, quarantine
from integrations.webhooks.quarantine import Outcome
from secrets_vault.actor import SYSTEM
from tests.factories import make_client, make_webhook_endpoint
from tests.integrations.webhooks.senders import post, with_inlet

pytestmark = pytest.mark.django_db(transaction=True)

CASES = json.loads((Path(__file__).parent / "genuine" / "aws_sns.json").read_text())
CONFIRMATION, NOTIFICATION = CASES[0], CASES[1]
NOW = datetime.fromtimestamp(NOTIFICATION["now"], UTC)
((KEY_URL, KEY),) = NOTIFICATION["public_keys"].items()


class Amazon:
    """Amazon's place for keys and confirmations: what was asked for, and what it answers."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_away = False

    def send(self, method: str, url: str, **options: Any) -> Answer:
        """Answer one request."""
        self.asked.append(url)
        if self.is_away:
            raise OutboundError("away")
        return Answer(200, (), KEY.encode())


@pytest.fixture
def amazon(monkeypatch) -> Amazon:
    """Return Amazon, and an endpoint that one topic sends to."""
    make_webhook_endpoint(make_client(), "sns", scheme_key="aws_sns", secret=NOTIFICATION["secret"])
    made = Amazon()
    monkeypatch.setattr(published, "send", made.send)
    monkeypatch.setattr(pairing, "send", made.send)
    return made


def sent(case: dict[str, Any], *, times: int = 1, body: bytes | None = None) -> list[int]:
    """Post a captured message to one inlet; return the statuses."""
    headers = [(name.lower().encode(), value.encode()) for name, value in case["headers"]]
    whole = base64.b64decode(case["body_base64"]) if body is None else body

    async def story(inlet):
        return [(await post(inlet.handle, "/hooks/sns", whole, headers)).status for _ in range(times)]

    return with_inlet(story, now=NOW)


def test_a_key_is_fetched_when_a_request_first_names_it(amazon):
    assert sent(NOTIFICATION, times=3) == [200] * 3
    assert sent(NOTIFICATION) == [200]

    assert amazon.asked == [KEY_URL]
    assert WebhookEvent.objects.get().duplicates == 3


def test_a_key_that_cannot_be_had_makes_the_vendor_come_again(amazon, monkeypatch):
    monkeypatch.setattr(keys, "MISSED_S", 0)
    amazon.is_away = True
    assert sent(NOTIFICATION) == [503]
    assert not WebhookEvent.objects.exists()

    amazon.is_away = False
    assert sent(NOTIFICATION) == [200]


def test_a_missing_key_is_not_asked_for_by_every_request(amazon):
    amazon.is_away = True

    assert sent(NOTIFICATION, times=5) == [503] * 5
    assert amazon.asked == [KEY_URL]


@pytest.mark.parametrize("host", ["evil.example", "sns.us-east-1.amazonaws.com.evil.example", "127.0.0.1"])
def test_a_key_is_fetched_from_the_vendors_own_place_only(amazon, host):
    body = base64.b64decode(NOTIFICATION["body_base64"]).replace(b"sns.us-east-1.amazonaws.com", host.encode())

    assert sent(NOTIFICATION, body=body) == [401]
    assert amazon.asked == []


def test_a_subscription_is_confirmed_while_somebody_pairs(amazon):
    assert sent(CONFIRMATION) == [401]
    WebhookEndpoint.objects.update(pairing_until=NOW + timedelta(hours=1))
    amazon.asked.clear()

    assert sent(CONFIRMATION) == [200]
    assert len(amazon.asked) == 1
    assert "Action=ConfirmSubscription" in amazon.asked[0]
    assert WebhookEvent.objects.get().reason == "handshake"


def test_a_confirmation_that_fails_is_asked_for_again(amazon):
    WebhookEndpoint.objects.update(pairing_until=NOW + timedelta(hours=1))
    sent(NOTIFICATION)
    amazon.is_away = True

    assert sent(CONFIRMATION) == [503]


def test_the_quarantine_is_verified_again_by_published_keys(amazon):
    endpoint = WebhookEndpoint.objects.get()
    WebhookEndpoint.objects.update(scheme_key="stripe")
    assert sent(NOTIFICATION) == [401]
    WebhookEndpoint.objects.update(scheme_key="aws_sns")

    assert quarantine.verify_again(endpoint, actor=SYSTEM, now=NOW + timedelta(days=1)) == Outcome(released=1)
