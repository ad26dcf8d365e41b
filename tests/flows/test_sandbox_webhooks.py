"""A newcomer without an account sees a webhook verified, kept, refused and handed on: by the sandbox's buttons."""

from __future__ import annotations

import json

import pytest

from tests.live import LiveKeylodge
from tests.visitor import Visitor

pytestmark = [pytest.mark.processes, pytest.mark.soak]

LOOK = """
import json
from integrations.models import WebhookDelivery, WebhookEvent
from integrations.webhooks.test_sender import send_test
from integrations.models import WebhookEndpoint
from secrets_vault.actor import COMMAND
tested = [send_test(one, variant=how, actor=COMMAND) for one in WebhookEndpoint.objects.all()
          for how in json.loads({ask!r})]
events = WebhookEvent.objects.filter(is_test=False).order_by("id")
print(json.dumps({{
    "events": list(events.values_list("endpoint__slug", "verdict", "reason", "duplicates")),
    "states": list(WebhookDelivery.objects.filter(event__is_test=False).values_list("state", flat=True)),
    "tested": [[one.way, one.status, one.is_as_expected] for one in tested],
}}))
"""


def look(live: LiveKeylodge, *, ask: list[str] | None = None) -> dict:
    done = live.command("shell", "-v", "0", "-c", LOOK.format(ask=json.dumps(ask or [])))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_sandboxs_webhooks_come_in_by_the_front_door_and_go_on(start_keylodge):
    live = start_keylodge()
    visitor = Visitor(live.url)
    visitor.sign_in(*live.make_owner())
    visitor.get("/sandbox/")
    visitor.post("/sandbox/", do="start")
    for button in ("hook_stripe", "hook_hubspot", "hook_twice", "hook_tampered", "hook_stale"):
        visitor.post("/sandbox/", do=button)
        page = visitor.get("/sandbox/").text
        assert "Sent." in page, page[page.find("messages") :][:400]
    found = live.wait_for(
        lambda: (seen := look(live)) and set(seen["states"]) == {"delivered"} and seen, "the handing on", within_s=40
    )
    assert found["events"] == [
        ["sandbox-stripe", "accepted", "", 0],
        ["sandbox-hubspot", "accepted", "", 0],
        ["sandbox-stripe", "accepted", "", 1],
        ["sandbox-stripe", "quarantined", "mismatch", 0],
        ["sandbox-stripe", "quarantined", "stale", 0],
    ]
    assert len(found["states"]) == 3
    tested = look(live, ask=["good", "tampered"])["tested"]
    assert tested == [["http", 200, True], ["http", 401, True]] * 2
