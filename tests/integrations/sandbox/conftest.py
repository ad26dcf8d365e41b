"""A running sandbox, as a process, and a browserless way through its consent page."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[3]
REDIRECT = "http://localhost:8000/oauth/callback"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@dataclass
class Answer:
    """One answer of the sandbox."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Sandbox:
    """A sandbox process and how to talk to it."""

    def __init__(self, *arguments: str, stdin: Any = subprocess.DEVNULL) -> None:
        command = [sys.executable, "-m", "integrations.sandbox", *arguments]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=stdin, stdout=subprocess.PIPE, text=True)
        self.line = json.loads(self.process.stdout.readline())
        self.port = urlsplit(self.line["url"]).port

    def call(self, method: str, target: str, body: Any = None, **headers: str) -> Answer:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, dict):
            body = urlencode(body)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, target.removeprefix(self.line["url"]), body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def control(self, **asked: Any) -> Answer:
        return self.call("POST", self.line["control_url"], json.dumps(asked))

    def arrived(self) -> list[dict[str, Any]]:
        return self.call("GET", self.line["control_url"] + "/requests").json["requests"]

    def authorize_target(self, **changes: str) -> str:
        asked = {
            "client_id": self.line["client_id"],
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "scope": "oauth crm.objects.contacts.read",
            "state": "s1",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        return "/oauth/authorize?" + urlencode({k: v for k, v in (asked | changes).items() if v})

    def consent(self, decision: str = "allow", account: str = "24680135", **changes: str) -> dict[str, str]:
        answer = self.call("POST", self.authorize_target(**changes), {"account": account, "decision": decision})
        assert answer.status == 302, answer.body
        return {k: v[0] for k, v in parse_qs(urlsplit(answer.headers["location"]).query).items()}

    def token(self, grant_type: str = "authorization_code", **fields: str) -> Answer:
        form = {"grant_type": grant_type, "client_id": self.line["client_id"]}
        form |= {"client_secret": self.line["client_secret"], **fields}
        return self.call("POST", self.line["token_url"], form)

    def exchange(self, **changes: str) -> Answer:
        code = self.consent(**changes)["code"]
        return self.token(code=code, redirect_uri=REDIRECT, code_verifier=VERIFIER)

    def hubspot(self, access_token: str, target: str = "/account-info/v3/details", method: str = "GET", body=None):
        return self.call(method, f"/hubspot{target}", body, Authorization=f"Bearer {access_token}")

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(10)


@pytest.fixture(scope="session")
def shared_sandbox():
    sandbox = Sandbox()
    yield sandbox
    sandbox.stop()
    sandbox.process.stdout.close()


@pytest.fixture
def sandbox(shared_sandbox):
    """The running sandbox, all well, nothing arrived."""
    shared_sandbox.control(clear=True)
    shared_sandbox.call("DELETE", shared_sandbox.line["control_url"] + "/requests")
    return shared_sandbox
