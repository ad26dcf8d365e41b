"""One running Keylodge with one connection to one upstream, for tests of what happens when something breaks."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.fake_upstream import FakeUpstream
from tests.live import LiveKeylodge

CLIENT = """
[[client]]
slug = "acme"
name = "Acme"
[[client.connection]]
slug = "acme-fake"
provider = "custom"
kind = "api_key"
secret = {{ value = "key-0123456789abcdef" }}
custom = {{ base_url = "{url}", inject = {{ in = "header", name = "X-Api-Key", template = "{{token}}" }} }}
{also}
[[client.gateway_token]]
name = "free"
connections = {slugs}
[[client.gateway_token]]
name = "counted"
connections = ["acme-fake"]
per_minute = 20
"""


SIGN_IN = """
from django.conf import settings
from django.test import Client as Browser
from secrets_vault.models import User
browser = Browser(SERVER_NAME="localhost")
browser.force_login(User.objects.get(is_owner=True))
print(json.dumps(f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}"))
"""


class Installation:
    """One running Keylodge with one connection to one upstream."""

    def __init__(
        self,
        folder: Path,
        upstream: FakeUpstream,
        *,
        also_reach: str = "",
        also: str = "",
        slugs: Sequence[str] = ("acme-fake",),
        **variables: str,
    ) -> None:
        self.upstream = upstream
        hosts = ",".join(filter(None, [upstream.host, also_reach]))
        self.live = LiveKeylodge(folder / "home", KEYLODGE_ALLOWED_PRIVATE_HOSTS=hosts, **variables)
        self.live.wait_until_started()
        self.file = folder / "acme.toml"
        self.file.write_text(CLIENT.format(url=upstream.url, also=also, slugs=json.dumps(slugs)))
        provisioned = self.live.command("provision", str(self.file))
        assert provisioned.returncode == 0, provisioned.stderr
        made = json.loads(provisioned.stdout)["clients"]["acme"]
        self.tokens = {name: told["token"] for name, told in made["gateway_tokens"].items()}

    def call(
        self,
        token: str = "free",
        *,
        method: str = "GET",
        path: str = "/gateway/acme-fake/x",
        body=None,
        headers=None,
        within_s: float = 30,
    ):
        """Make one request and return (status, headers, body)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.live.port, timeout=within_s)
        try:
            headers = headers or {"Authorization": f"Bearer {self.tokens[token]}"}
            connection.request(method, path, body, headers | {"Host": f"localhost:{self.live.port}"})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def get(self, path: str, cookie: str) -> str:
        """Return a page as a signed-in browser sees it."""
        status, _, body = self.call(path=path, headers={"Cookie": cookie})
        assert status == 200, (path, status)
        return body.decode()

    def child(self, name: str) -> int:
        """Return the id of the process that is web, worker or beat."""
        named = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in self.live.children()}
        return next(pid for pid, line in named.items() if line.endswith(b"\0" + name.encode() + b"\0"))

    def web(self) -> int:
        """Return the id of the web process."""
        return self.child("web")

    def shell(self, code: str, **given: Any) -> Any:
        """Run code in another process of the installation; it finds `given` and prints JSON at last."""
        begin = "import json\ngiven = json.loads(input())\n"
        done = self.live.command("shell", "-v0", "--no-imports", "-c", begin + code, stdin=json.dumps(given))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.strip().splitlines()[-1]) if done.stdout.strip() else None

    def kill_web(self) -> None:
        """Kill the web process outright and wait until another one answers."""
        os.kill(self.web(), signal.SIGKILL)

        def answers() -> bool:
            with contextlib.suppress(OSError, http.client.HTTPException):
                return self.call(path="/healthz")[0] == 200
            return False

        self.live.wait_for(answers, "the web process")

    def logged(self) -> set[str]:
        """Return the ids in the call log."""
        rows = sqlite3.connect(self.live.home / "calls.sqlite3").execute("SELECT id FROM integrations_call")
        return {str(row[0]).replace("-", "") for row in rows}
