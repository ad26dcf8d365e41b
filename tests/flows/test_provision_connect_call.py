"""From a file to a call: provision beside the running server, consent by the client's link, calls, troubles, export."""

from __future__ import annotations

import json
import re
from html import unescape
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest

from tests.integrations.sandbox.conftest import Sandbox

pytestmark = [pytest.mark.processes, pytest.mark.matrix]

FILE = """
[[client]]
slug = "acme"
name = "Acme Ltd"

[[client.connection]]
slug = "acme-hubspot"
provider = "custom"
kind = "oauth2"
[client.connection.oauth_app]
client_id = "{client_id}"
client_secret = {{ value = "{client_secret}" }}
scopes = ["crm.objects.contacts.read"]
[client.connection.custom]
base_url = "{url}/hubspot"
authorize_url = "{authorize_url}"
token_url = "{token_url}"
revoke_url = "{revoke_url}"

[[client.gateway_token]]
name = "n8n"
connections = ["acme-hubspot"]
"""


class Browser:
    """A client's browser without JavaScript: cookies, forms, links."""

    def __init__(self) -> None:
        self.opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def go(self, url: str, form: dict[str, str] | None = None, **headers: str) -> tuple[int, str, str]:
        body = None if form is None else urlencode(form).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            with self.opener.open(Request(url, body, names), timeout=20) as answer:
                return answer.status, answer.url, answer.read().decode()
        except HTTPError as refused:
            return refused.code, url, refused.read().decode()


@pytest.fixture
def sandbox():
    running = Sandbox()
    yield running
    running.stop()


def consent(connect_url: str, *, origin: str) -> tuple[int, str, str]:
    """Open the link, go on, allow at the provider, and come back."""
    browser = Browser()
    assert browser.go(connect_url)[0] == 200
    status, _, page = browser.go(connect_url, {}, Origin=origin)
    assert status == 200, page
    away = unescape(re.search(r'href="(http://127\.0\.0\.1:\d+/oauth/authorize[^"]+)"', page)[1])
    assert browser.go(away)[0] == 200
    return browser.go(away, {"account": "24680135", "decision": "allow"})


def test_a_file_becomes_a_connected_client_whose_calls_are_logged(start_keylodge, sandbox, tmp_path: Path):
    host = sandbox.line["url"].removeprefix("http://")
    keylodge = start_keylodge(KEYLODGE_ALLOWED_PRIVATE_HOSTS=host)
    file = tmp_path / "acme.toml"
    file.write_text(FILE.format(**sandbox.line))
    made = keylodge.command("provision", str(file))
    assert made.returncode == 0, made.stderr
    acme = json.loads(made.stdout)["clients"]["acme"]
    connection, token = acme["connections"]["acme-hubspot"], acme["gateway_tokens"]["n8n"]["token"]
    status, url, page = consent(connection["connect_url"], origin=keylodge.url)
    assert status == 200, (url, page)
    again = json.loads(keylodge.command("provision", str(file)).stdout)
    assert again["changed"] == []
    assert again["clients"]["acme"]["connections"]["acme-hubspot"]["status"] == "connected"

    call = connection["gateway_url"] + "/account-info/v3/details"
    bearer = {"Authorization": f"Bearer {token}"}
    status, _, body = Browser().go(call, **bearer)
    assert status == 200, body
    assert json.loads(body)["portalId"] == 24680135
    sandbox.control(status=429, retry_after_s=1, times=1)
    assert Browser().go(call, **bearer)[0] == 200
    sandbox.control(status=404, times=1)
    assert Browser().go(call, **bearer)[0] == 404

    def logged() -> list[dict[str, object]]:
        lines = keylodge.command("export", "calls", "--format", "jsonl", "--client", "acme").stdout.splitlines()
        return [json.loads(line) for line in lines] if len(lines) == 3 else []

    calls = keylodge.wait_for(logged, "three logged calls")
    assert [(c["status"], c["outcome"], c["attempts"]) for c in calls] == [
        (200, "ok", 1),
        (200, "recovered", 2),
        (404, "client_error", 1),
    ]
    secrets = [sandbox.line["client_secret"], token]
    secrets += [dict(entry["headers"]).get("Authorization", "")[7:] for entry in sandbox.arrived()]
    seen = keylodge.output + json.dumps(calls) + made.stderr
    assert not [secret for secret in secrets if secret and secret in seen]
