"""Acme's Stripe endpoint, and what arrived at it."""

import hmac
from datetime import timedelta

import pytest
from django.utils import timezone

from secrets_vault.ids import uuid7
from tests.factories import make_webhook_endpoint, make_webhook_event

JSON_HEADERS = (("content-type", b"application/json"),)


@pytest.fixture
def stripe(acme):
    return make_webhook_endpoint(acme, "acme-stripe", name="Acme payments")


def arrive(endpoint, body=b'{"type": "invoice.paid"}', *, ago=timedelta(0), **fields):
    """Let an event arrive some time ago."""
    at = timezone.now() - ago
    fields = {"received_at": at, "event_type": "invoice.paid", "remote_ip": "192.0.2.10", "secret_number": 0} | fields
    fields.setdefault("headers", JSON_HEADERS)
    return make_webhook_event(endpoint, body, id=uuid7(int(at.timestamp() * 1000)), **fields)


def refuse(endpoint, body=b'{"type": "invoice.paid"}', *, reason="mismatch", why="It is another.", **fields):
    """Let a request be refused and kept."""
    about = {"verdict": "quarantined", "secret_number": None, "event_type": ""}
    return arrive(endpoint, body, reason=reason, why=why, **(about | fields))


def signed(body, *, at, secret="whsec_test"):
    """Return the headers with which Stripe sends a body."""
    stamp = str(int(at.timestamp())).encode()
    digest = hmac.new(secret.encode(), stamp + b"." + body, "sha256").hexdigest()
    return (*JSON_HEADERS, ("stripe-signature", b"t=" + stamp + b",v1=" + digest.encode()))


def used(endpoint):
    """Say that the endpoint's secret was used before, as it is once something has arrived."""
    endpoint.secret.versions.update(first_used_at=timezone.now())
