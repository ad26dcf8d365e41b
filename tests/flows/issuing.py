"""An authorization server and its API on one socket, whose answers are all canaries; and who watches files."""

from __future__ import annotations

import json
import re
import socket
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.fake_upstream import FakeUpstream
from tests.flows.test_provision_connect_call import Browser

FILE = """
[[client.connection]]
slug = "acme-issued"
provider = "custom"
kind = "oauth2"
[client.connection.oauth_app]
client_id = "the-app"
client_secret = {{ value = "{secret}" }}
scopes = ["read"]
[client.connection.custom]
base_url = "{issuer}/api"
authorize_url = "{issuer}/authorize"
token_url = "{issuer}/token"
revoke_url = "{issuer}/revoke"

[[client.connection]]
slug = "acme-signed"
provider = "custom"
kind = "jwt_bearer"
key = {{ file = "robot.pem" }}
claims = {{ iss = "robot@acme.example", sub = "jo@acme.example" }}
custom = {{ base_url = "{issuer}/api", token_url = "{issuer}/token" }}
"""


class Issuer(FakeUpstream):
    """Issues tokens that are canaries, `plant` makes one. They live a second, so that each call renews them."""

    def __init__(self, plant: Callable[..., str]) -> None:
        super().__init__(self._answer)
        self.plant = plant
        self.is_refusing = False
        self.times = 0

    def _answer(self, sock: socket.socket, request: bytes) -> None:
        path = request.split(b" ", 2)[1]
        status, table = "200 OK", {"echo": request.decode("latin-1")}
        if path == b"/token" and not self.is_refusing:
            table = self._issued()
        elif path in (b"/token", b"/revoke"):
            code = "invalid_grant" if path == b"/token" else "not_today"
            status, table = "403 No", {"error": code, "error_description": f"Not so: {request!r}"}
        body = json.dumps(table).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        sock.sendall(f"{head}X-Debug: {table.get('access_token', '')}\r\n\r\n".encode() + body)

    def _issued(self) -> dict[str, object]:
        self.times += 1
        n, signed = self.times, urlsafe_b64encode(b'{"alg":"RS256","kid":"1"}').decode().rstrip("=")
        claims = urlsafe_b64encode(json.dumps({"sub": "u-1", "nonce": "n"}).encode()).decode().rstrip("=")
        return {
            "access_token": self.plant(f"issued access token {n}"),
            "refresh_token": self.plant(f"issued refresh token {n}"),
            "id_token": f"{signed}.{claims}.{self.plant(f'signature of id_token {n}')}",
            "expires_in": 1,
            "token_type": "bearer",
            "scope": "read",
            # What providers also put beside the tokens: Slack's and Stripe's own.
            "authed_user": {"id": "U1", "access_token": self.plant(f"token of the user {n}")},
            "incoming_webhook": {"url": f"https://hooks.slack.com/services/T1/B1/{self.plant(f'webhook {n}')}"},
            "stripe_publishable_key": "pk_" + "live_x",
        }

    def consent(self, connect_url: str, *, origin: str) -> tuple[int, str, str]:
        """Open a connect link, go on, and come back with a code that is a canary."""
        browser = Browser()
        assert browser.go(connect_url)[0] == 200
        page = browser.go(connect_url, {}, Origin=origin)[2]
        away = unescape(re.search(rf'href="({re.escape(self.url)}/authorize[^"]+)"', page)[1])
        asked = {name: values[0] for name, values in parse_qs(urlsplit(away).query).items()}
        self.plant_as("the state of a consent", asked["state"])
        back = {"state": asked["state"], "code": self.plant("the code of a consent")}
        return browser.go(f"{asked['redirect_uri']}?{urlencode(back)}")

    def plant_as(self, name: str, value: str) -> None:
        """Remember a value that somebody else has made."""
        self.plant.__self__.planted[name] = value  # type: ignore[attr-defined]


class FolderWatch:
    """Keeps whatever stands in some folders at any moment: a queue's messages and temporary files go as they come."""

    def __init__(self, *folders: Path) -> None:
        self.folders = folders
        self.seen: dict[tuple[str, bytes], None] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            for folder in self.folders:
                for path in folder.rglob("*"):
                    with suppress(OSError):  # it may be gone again
                        if path.is_file():
                            self.seen[str(path), path.read_bytes()] = None

    def stop(self) -> list[tuple[str, bytes]]:
        """Return every content that was seen, by its path."""
        self._over.set()
        self._thread.join(5)
        return list(self.seen)
