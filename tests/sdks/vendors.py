"""The vendors that the SDKs talk to: who they are to Keylodge, and what the upstream answers in their name.

A failing answer repeats the credential that came with the call, as vendors do ("Incorrect API key provided: sk-…"), and
sets a cookie: what is kept of it must hold neither.
"""

from __future__ import annotations

import base64
import json
import re
import socket
from dataclasses import dataclass
from typing import Any

from tests.canaries import canary


@dataclass(frozen=True)
class Vendor:
    """One vendor. `path` stands in its base URL; `fails` is in the path or the body of the call that is refused."""

    key: str
    secret: str
    good: dict[str, Any]
    fails: str
    status: int
    bad: dict[str, Any]
    path: str = ""
    account: str = ""

    @property
    def kind(self) -> str:
        return "basic" if self.account else "api_key"

    def sends(self) -> bytes:
        """Return the header in which the upstream wants the credential."""
        if self.account:
            pair = base64.b64encode(f"{self.account}:{self.secret}".encode()).decode()
            return f"authorization: basic {pair}".encode()
        return f"{'x-api-key: ' if self.key == 'anthropic' else 'authorization: bearer '}{self.secret}".encode()


COOKIE = canary("sess_")
TYPED = canary("pw_")  # a secret in the body of a call that fails
SID = "AC" + "0" * 32
CONTACT = {"id": "51", "properties": {"email": "ada@example.com"}, "createdAt": "2026-11-22T10:00:00Z",
           "updatedAt": "2026-11-22T10:00:00Z", "archived": False}  # fmt: skip
VENDORS = {vendor.key: vendor for vendor in (
    Vendor("openai", canary("sk-proj-"), path="/v1", fails="gpt-none", status=404,
           good={"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-5-mini", "choices": [
               {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello, Ada"}}]},
           bad={"error": {"message": "The model `gpt-none` does not exist. {credential}", "param": None,
                          "type": "invalid_request_error", "code": "model_not_found"}}),
    Vendor("anthropic", canary("sk-ant-api03-"), fails="claude-none", status=429,
           good={"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "stop_reason": "end_turn",
                 "stop_sequence": None, "content": [{"type": "text", "text": "Hello, Ada"}],
                 "usage": {"input_tokens": 1, "output_tokens": 1}},
           bad={"type": "error", "error": {
               "type": "rate_limit_error", "message": "Your usage limit is reached. {credential}",
               "details": {"error_code": "enforced_spend_limit_reached"}}}),
    Vendor("stripe", canary("sk_test_", length=32), fails="cus_none", status=402,
           good={"id": "cus_1", "object": "customer", "email": "ada@example.com"},
           bad={"error": {"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds",
                          "message": "Your card has insufficient funds. {credential}"}}),
    Vendor("slack", canary("xoxb-123456789012-"), path="/api", fails="C_NONE", status=200,
           good={"ok": True, "channel": "C1", "ts": "1.0", "message": {"text": "Hello, Ada"}},
           bad={"ok": False, "error": "ratelimited", "detail": "{credential}"}),
    Vendor("hubspot", canary("pat-eu1-", length=32), fails="/none", status=403, good=CONTACT,
           bad={"status": "error", "message": "This app hasn't been granted all required scopes, {credential}",
                "correlationId": "c", "category": "MISSING_SCOPES",
                "errors": [{"message": "m", "context": {"requiredScopes": ["crm.objects.contacts.read"]}}]}),
    Vendor("twilio", canary(length=32), account=SID, fails="To=030", status=400,
           good={"sid": "SM1", "status": "queued", "body": "Hello, Ada", "to": "+4930000", "from": "+4930001"},
           bad={"code": 21211, "message": "Invalid 'To' Phone Number: 030 {credential}", "status": 400,
                "more_info": "https://www.twilio.com/docs/errors/21211"}),
    Vendor("notion", canary("ntn_", length=40), fails="00000000", status=404,
           good={"object": "page", "id": "11111111-1111-1111-1111-111111111111", "properties": {}},
           bad={"object": "error", "status": 404, "code": "object_not_found",
                "message": "Could not find page. {credential}"}),
)}  # fmt: skip


def answer(sock: socket.socket, request: bytes) -> None:
    """Answer one call in the name of the vendor whose key is the first segment of its path."""
    name = re.match(rb"[A-Z]+ /([a-z]+)", request)
    vendor = VENDORS[name[1].decode()] if name else None
    if vendor is None or vendor.sends().lower() not in request.lower():
        return _send(sock, 401, {"error": {"message": "the client's credential is not in its place"}})
    if vendor.fails.encode() not in request:
        return _send(sock, 200, vendor.good)
    said = json.dumps(vendor.bad).replace("{credential}", vendor.secret)
    return _send(sock, vendor.status, json.loads(said), f"Set-Cookie: session={COOKIE}; HttpOnly")


def _send(sock: socket.socket, status: int, body: dict[str, Any], *heads: str) -> None:
    raw = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(raw)}", "Content-Type: application/json", *heads]
    # What OpenAI's and Anthropic's SDKs look at before they repeat a call.
    lines += ["x-should-retry: false", "Request-Id: req_1"]
    sock.sendall("\r\n".join([*lines, "", ""]).encode() + raw)
