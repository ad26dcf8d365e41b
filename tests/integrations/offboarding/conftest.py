"""Acme with one of everything that gives access, and Beta, whose things must go on working."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from integrations import connections, handover, offboarding, outbound, tokens
from integrations.handover import Terms
from integrations.models import Call, Offboarding
from secrets_vault import vault
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.secret import Secret
from tests.canaries import canary
from tests.factories import (
    make_client,
    make_membership,
    make_user,
    make_webhook_delivery,
    make_webhook_endpoint,
    make_webhook_event,
    make_webhook_target,
)

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.fixture
def ada(db):
    return make_user("Ada", is_owner=True)


def furnish(client, ada):
    """Give a client a key at Stripe, a token, a webhook with an event, a note and a one-time link."""
    environment, actor = client.environments.first(), Actor.of(ada)
    about = {"actor": actor, "now": NOW}
    stripe = connections.create_connection(client, environment, provider_key="stripe", kind="api_key", **about)
    connections.connect_key(stripe, {"api_key": Secret(canary("sk_live_"))}, **about)
    stripe.refresh_from_db()
    tokens.make(client, "n8n", [stripe], actor=actor)
    endpoint = make_webhook_endpoint(client, f"{client.slug}-hook")
    event = make_webhook_event(endpoint, b'{"type": "invoice.paid"}', secret_number=1, received_at=NOW)
    make_webhook_delivery(event, make_webhook_target(endpoint))
    where = {"actor": SYSTEM, "client": client, "environment": environment}
    note = vault.store(kind="note", label="Door code", fields={"note": Secret(canary("door-"))}, **where)
    handover.hand_out_secret(note, ["note"], Terms(label="Door code", works_for=timedelta(days=7)), **about)
    Call.objects.create(
        at=NOW, client_id=client.pk, connection_id=stripe.pk, provider_key="stripe", method="GET", path="/v1/charges",
        status=200, outcome="ok",
    )  # fmt: skip
    return client


@pytest.fixture
def acme(ada):
    client = furnish(make_client("acme", name="Acme Ltd", notes="Talk to Jo."), ada)
    make_membership(ada, client)
    return client


@pytest.fixture
def beta(ada):
    return furnish(make_client("beta", name="Beta"), ada)


def answering(status, body=b"{}"):
    """Return what stands for the way to the outside: every call is answered alike."""
    return lambda *args, **kwargs: outbound.Answer(status, (), body)


def unreachable(*args, **kwargs):
    raise outbound.UpstreamTimeout("no answer")


@pytest.fixture
def revoked(acme, ada):
    """An off-boarding of Acme in which every access was ended."""
    made = offboarding.begin(acme, actor=Actor.of(ada), now=NOW)
    offboarding.start_revoking(made, actor=Actor.of(ada), now=NOW)
    offboarding.revoke_due(now=NOW)
    made.refresh_from_db()
    assert made.stage == Offboarding.Stage.REVOKED
    return made


@pytest.fixture
def asked(revoked, ada):
    """The same, with the destruction asked for and due."""
    about = {"typed_name": "Acme Ltd", "is_at_once": True, "actor": Actor.of(ada), "now": NOW}
    offboarding.ask_to_shred(revoked, **about)
    return revoked
