"""Targets: made with a secret of their own, moved, paused, removed; addresses that lead inside are refused."""

from __future__ import annotations

import base64
import time

import pytest
from django.conf import settings as django_settings

from integrations.models import WebhookDelivery, WebhookTarget
from integrations.webhooks import dead, sealing, targets
from integrations.webhooks.targets import CannotForward
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import AuditEvent
from secrets_vault.secret import Secret
from tests.integrations.webhooks.forwarding.conftest import CAPABILITY, answer

pytestmark = pytest.mark.django_db


def test_a_target_has_a_signing_secret_of_its_own_in_the_vault(world):
    one, two = world.target(), world.target()

    values = [vault.use(each.signing_secret, actor=SYSTEM, purpose="x")["secret"].expose() for each in (one, two)]

    assert values[0] != values[1]
    assert all(len(base64.b64decode(value.removeprefix("whsec_"))) == 32 for value in values)
    assert one.signing_secret.kind == "webhook_secret"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.2/x",
        "https://127.0.0.2/x",
        "https://localhost/x",
        "https://[::1]/x",
        "https://10.0.0.1/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[fd00::1]/x",
        "https://[::ffff:10.0.0.1]/x",
        "https://0x7f000002/x",
        "https://2130706434/x",
        "http://198.41.0.4/plain",
        "ftp://198.41.0.4/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://user:pass@198.41.0.4/x",
        "https://198.41.0.4/x#y",
        "https://198.41.0.4\\@10.0.0.1/",
        "//198.41.0.4/x",
        "",
        "https://198.41.0.4/" + "x" * 2000,
    ],
)
def test_an_address_that_leads_inside_or_is_no_web_address_is_refused(world, url):
    with pytest.raises(CannotForward) as refused:
        targets.make(world.endpoint, Secret(url), actor=SYSTEM)

    assert refused.value.field == "url"
    assert "meta-data" not in str(refused.value)
    assert not WebhookTarget.objects.exists()


@pytest.mark.parametrize(
    "base", ["{public}", "http://localhost:{port}", "http://127.0.0.1:{port}", "http://[::1]:{port}"]
)
def test_our_own_endpoints_are_no_target(world, base):
    base = base.format(public=django_settings.KEYLODGE_PUBLIC_URL, port=django_settings.KEYLODGE_PORT)
    url = f"{base}/hooks/{world.endpoint.slug}"
    with pytest.raises(CannotForward, match="circle"):
        targets.make(world.endpoint, Secret(url), actor=SYSTEM)
    moved = world.target()
    with pytest.raises(CannotForward, match="circle"):
        targets.change(moved, actor=SYSTEM, url=Secret(url))


@pytest.mark.parametrize(
    ("field", "given"), [("filter", [{"path": "a"}]), ("name", "two\nlines"), ("name", "x" * 121), ("filter", "x")]
)
def test_what_is_wrong_is_named_by_its_field_and_changes_nothing(world, field, given):
    target = world.target(name="n8n")
    with pytest.raises(CannotForward) as refused:
        targets.change(target, actor=SYSTEM, url=Secret("http://127.0.0.1:1/new"), **{field: given})
    assert refused.value.field == field
    with pytest.raises(CannotForward):
        targets.make(world.endpoint, Secret(world.receiver.url), actor=SYSTEM, **{field: given})

    target.refresh_from_db()
    assert target.name == "n8n"
    assert "/webhook/" in sealing.open_url(target, client=world.endpoint.client).expose()


def test_what_waits_goes_to_the_new_address_and_its_breaker_begins_anew(world):
    target = world.target()
    WebhookTarget.objects.update(breaker_state="open", failures_in_row=9)
    target.refresh_from_db()
    world.delivery(target)

    targets.change(target, actor=SYSTEM, url=Secret(f"{world.receiver.url}/moved"), name="Make", filter=None)

    assert world.forward() == 1
    assert world.receiver.requests[0].startswith(b"POST /moved ")
    assert target.name == "Make"


def test_an_endpoint_has_at_most_twenty_targets(world, monkeypatch):
    monkeypatch.setattr(targets, "MOST_TARGETS", 1)
    world.target()
    with pytest.raises(CannotForward, match="at most 1"):
        world.target()


def test_a_target_for_which_something_waits_is_not_removed(world):
    target = world.target()
    delivery = world.delivery(target)
    with pytest.raises(CannotForward, match="wait"):
        targets.remove(target, actor=SYSTEM)

    dead.discard([delivery], actor=SYSTEM, reason="moved away", now=world.now)
    targets.remove(target, actor=SYSTEM)

    assert not WebhookTarget.objects.exists()


def test_a_target_removed_while_it_is_sent_to_stops_nothing(world):
    target = world.target()
    world.delivery(target)
    world.receiver.answers = [lambda sock, _: time.sleep(0.2) or sock.sendall(answer(200))]
    world.forwarder.claim()
    WebhookTarget.objects.all().delete()

    world.forward()

    assert not WebhookDelivery.objects.exists()


def test_each_act_is_in_the_book_without_the_address(world):
    target = world.target(name="n8n")
    targets.pause(target, actor=SYSTEM)
    targets.pause(target, actor=SYSTEM)
    targets.resume(target, actor=SYSTEM)
    targets.pause_endpoint(world.endpoint, actor=SYSTEM)
    targets.resume_endpoint(world.endpoint, actor=SYSTEM)
    targets.change(target, actor=SYSTEM, name="Make")
    targets.change(target, actor=SYSTEM, name="Make")
    targets.remove(target, actor=SYSTEM)

    told = AuditEvent.objects.filter(action__startswith="webhook.").values_list("action", flat=True)
    assert sorted(action.partition(".")[2] for action in told) == [
        "forwarding_paused",
        "forwarding_resumed",
        "target_added",
        "target_changed",
        "target_paused",
        "target_removed",
        "target_resumed",
    ]
    assert CAPABILITY not in repr(list(AuditEvent.objects.values()))
