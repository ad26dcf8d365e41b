"""What the sandbox sends is signed as the vendors sign it: the product's own verifier believes it, or refuses it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from integrations.webhooks.request import WebhookRequest
from integrations.webhooks.schemes.registry import get_scheme
from integrations.webhooks.verdicts import Refused
from integrations.webhooks.verify import verify
from secrets_vault.secret import Secret

pytestmark = pytest.mark.matrix  # no database: one engine is enough

SCHEMES = ["stripe", "hubspot_v3", "github", "shopify", "slack", "standard_webhooks"]
TIMED = [name for name in SCHEMES if get_scheme(name).timestamp]
REGISTERED = "https://keys.example.com/hooks/acme"


@pytest.fixture
def receiver():
    """A server that keeps what it is sent and answers 200."""

    class Keeper(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = tuple((name.lower(), value.encode()) for name, value in self.headers.items())
            self.server.got.append((headers, body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Keeper)
    server.got = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def order(sandbox, receiver, scheme, **more):
    url = f"http://127.0.0.1:{receiver.server_port}/hooks/acme"
    return sandbox.control(webhook={"url": url, "scheme": scheme, "signed_url": REGISTERED, **more})


def verdict(receiver, scheme, secret, *, number=-1):
    headers, body = receiver.got[number]
    request = WebhookRequest("POST", REGISTERED, headers, body)
    try:
        return verify(request, get_scheme(scheme), [Secret(secret)], now=datetime.now(UTC))
    except Refused as refused:
        return refused.reason


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_event_is_believed_and_a_tampered_one_is_not(sandbox, receiver, scheme):
    secret = order(sandbox, receiver, scheme, event="thing.made").json["sent"]["secret"]
    assert verdict(receiver, scheme, secret).secret_number == 0
    assert verdict(receiver, scheme, "whsec_" + "b3RoZXI=") == "mismatch"
    order(sandbox, receiver, scheme, tampered=True)
    assert verdict(receiver, scheme, secret) == "mismatch"


@pytest.mark.parametrize("scheme", TIMED)
def test_a_stale_one_is_stale(sandbox, receiver, scheme):
    secret = order(sandbox, receiver, scheme, stale=True).json["sent"]["secret"]
    assert verdict(receiver, scheme, secret) == "stale"


def test_times_are_different_events_and_a_duplicate_is_the_same_bytes(sandbox, receiver):
    said = order(sandbox, receiver, "stripe", times=2, duplicate=True, secret="whsec_mine", event="invoice.paid")
    assert said.json["sent"] == {"status": 200, "statuses": [200] * 4, "secret": "whsec_mine"}
    ids = [verdict(receiver, "stripe", "whsec_mine", number=n).event_id for n in range(4)]
    assert ids[0] == ids[1] != ids[2] == ids[3]
    assert receiver.got[0] == receiver.got[1]
    assert verdict(receiver, "stripe", "whsec_mine").event_type == "invoice.paid"


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"url": "http://example.com/x"}, "on this machine"),
        ({"url": "https://127.0.0.1/x"}, "on this machine"),
        ({"scheme": "nope"}, "scheme must be one of"),
        ({"times": 0}, "times must be"),
        ({"times": 51}, "times must be"),
        ({"times": True}, "times must be"),
        ({"tampered": "yes"}, "true or false"),
        ({"secret": 5}, "must be a text"),
        ({"colour": "red"}, "unknown: colour"),
    ],
)
def test_an_order_that_makes_no_sense_is_named(sandbox, about, words):
    asked = {"url": "http://127.0.0.1:9/x", "scheme": "stripe"} | about
    answer = sandbox.control(webhook=asked)
    assert answer.status == 400
    assert words in answer.json["error"]


def test_nobody_there_is_said(sandbox):
    assert sandbox.control(webhook={"url": "http://127.0.0.1:9/x", "scheme": "stripe"}).json["sent"]["status"] is None


def test_it_plays_the_workflow_that_webhooks_go_on_to(sandbox):
    assert sandbox.call("POST", "/workflow/stripe", {"a": 1}).status == 200
    assert sandbox.arrived()[-1]["provider"] == "workflow"
    sandbox.control(provider="workflow", status=500)
    assert sandbox.call("POST", "/workflow/stripe", {"a": 1}).status == 500
    sandbox.control(clear=True)
    assert sandbox.call("POST", "/workflow/stripe", {"a": 1}).status == 200
