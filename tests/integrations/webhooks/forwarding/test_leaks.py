"""A payload and the address of a target stand nowhere in the clear: in no database, log, message or error."""

from __future__ import annotations

import pytest
from django.db import connection

from integrations.models import WebhookDelivery
from integrations.webhooks import bulk, dead, forward, forwarding, targets
from integrations.webhooks.bulk import Selection
from integrations.webhooks.targets import CannotForward
from secrets_vault.actor import SYSTEM
from secrets_vault.secret import Secret
from tests.integrations.webhooks.forwarding.conftest import CAPABILITY, answer

pytestmark = pytest.mark.django_db


def everything_in_the_database():
    """Return every row of every table as text, blobs as the bytes they are."""
    with connection.cursor() as cursor:
        told = []
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            told += [bytes(v) if isinstance(v, memoryview) else v for row in cursor.fetchall() for v in row]
    return repr(told)


@pytest.mark.parametrize("folder", ["webhook", "in/any-name"])
def test_nothing_is_told_of_payload_and_address(world, log, folder):
    target = targets.make(world.endpoint, Secret(f"{world.receiver.url}/{folder}/{CAPABILITY}"), actor=SYSTEM)
    echo = f"Location: {world.receiver.url}/{folder}/{CAPABILITY}\r\nX-Path: /{folder}/{CAPABILITY}\r\n".encode()
    echo += f"X-Id: {CAPABILITY}\r\n".encode()
    world.receiver.answers = [answer(500, headers=echo), answer(302, headers=echo), answer(200, headers=echo)]
    delivery = world.delivery(target)
    world.forward()
    world.later(seconds=5)
    world.forward()
    dead.resend(WebhookDelivery.objects.get(), actor=SYSTEM, now=world.now)
    world.forward()
    forward.send_now(WebhookDelivery.objects.get(), actor=SYSTEM)
    bulk.replay(Selection(endpoint=world.endpoint, states=("delivered",)), actor=SYSTEM, now=world.now)
    world.receiver.close()
    world.forward()

    assert WebhookDelivery.objects.get(pk=delivery.pk).attempts == 5
    for told in (everything_in_the_database(), log.getvalue(), repr(target.__dict__), repr(world.forwarder.__dict__)):
        assert "canary" not in told


def test_a_fault_of_ours_tells_nothing_of_them_either(world, log, monkeypatch):
    from integrations.webhooks import sender

    async def fails(*_given, **_named):
        raise ValueError(f"fault at {world.receiver.url}/webhook/{CAPABILITY}")

    monkeypatch.setattr(sender, "_answer", fails)
    world.delivery(world.target())

    world.forward()

    assert "a webhook was not sent" in log.getvalue()
    assert CAPABILITY not in log.getvalue()
    assert WebhookDelivery.objects.get().state == "waiting"


def test_the_bell_says_nothing_but_that_it_rings(world, monkeypatch, django_capture_on_commit_callbacks):
    from config import celery

    rung = []
    monkeypatch.setattr(celery.ringer, "ring", lambda task, args: rung.append((task.name, args)))
    monkeypatch.setattr(forwarding, "_rung_s", -1e9)

    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(5):
            forwarding.ring()

    assert rung == [("integrations.tasks.forward", ())]


def test_a_broken_doorbell_fails_nobody(monkeypatch, django_capture_on_commit_callbacks):
    from config import celery

    def broken(*_given):
        raise OSError("no broker")

    monkeypatch.setattr(celery.ringer, "ring", broken)
    monkeypatch.setattr(forwarding, "_rung_s", -1e9)

    with django_capture_on_commit_callbacks(execute=True):
        forwarding.ring()


def test_a_refused_address_is_not_repeated(world):
    with pytest.raises(CannotForward) as refused:
        targets.make(world.endpoint, Secret(f"https://10.0.0.1/{CAPABILITY}"), actor=SYSTEM)

    assert CAPABILITY not in f"{refused.value!r} {refused.value.__cause__!r}"
