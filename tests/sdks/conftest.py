"""One running installation for all SDKs, with a connection to each vendor and one gateway token for them all."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from tests import npm
from tests.fake_upstream import FakeUpstream
from tests.live import LiveKeylodge
from tests.sdks.python_sdks import CALLS, Told
from tests.sdks.vendors import TYPED, VENDORS, answer

NODE_S = 60
SETUP = """
import json
from datetime import date
from dataclasses import asdict
from integrations import tokens
from integrations.models import Connection, CustomProvider
from integrations.providers.custom import custom_from
from integrations.providers.registry import get_provider
from secrets_vault import vault
from secrets_vault.actor import COMMAND
from secrets_vault.models import Client, Environment
from secrets_vault.secret import Secret
asked = json.loads(input())
client = Client.objects.create(slug="acme", name="Acme")
env = Environment.objects.create(client=client, slug="production", is_production=True)
made = []
for key, vendor in asked["vendors"].items():
    real, base = get_provider(key), f"{asked['url']}/{key}{vendor['path']}"
    slot = real.injection_for(vendor["kind"])
    where = {"in": slot.in_, "name": slot.name, "template": slot.template}
    more = {"rate_limit_dialect": real.rate_limit_dialect, "never_repeat": list(real.never_repeat), "errors_like": key,
            "limit_signals": [asdict(signal) for signal in real.limit_signals],
            "injections": {vendor["kind"]: where}}
    facts = custom_from({"base_url": base}, key=f"custom-{key}", name=real.name, today=date(2026, 11, 22), **more)
    CustomProvider.objects.create(key=f"custom-{key}", name=real.name, facts=facts)
    fields = {name: Secret(text) for name, text in vendor["fields"].items()}
    policy = vault.Policy((asked["host"],), (f"header:{slot.name.lower()}",))
    stored = vault.store(actor=COMMAND, client=client, environment=env, kind=vendor["kind"], label=key, fields=fields,
                         policy=policy)
    made.append(Connection.objects.create(slug=f"acme-{key}", client=client, environment=env, kind=vendor["kind"],
                                          provider_key=f"custom-{key}", secret=stored, status="connected"))
print(tokens.make(client, "sdks", made, actor=COMMAND)[1].expose())
"""


@dataclass
class Running:
    """The installation, the upstream, and what the SDKs told when they called through the one to the other."""

    live: LiveKeylodge
    upstream: FakeUpstream
    token: str

    def base(self, vendor: str) -> str:
        """Return the base URL that a user writes into the SDK."""
        return f"{self.live.url}/gateway/acme-{vendor}"

    @cached_property
    def by_python(self) -> dict[str, Told]:
        """Call with every Python SDK, once."""
        return {vendor: call(self.base(vendor), self.token) for vendor, call in CALLS.items()}

    @cached_property
    def by_node(self) -> dict[str, Told]:
        """Call with every Node SDK, once."""
        asked = {"base": {vendor: self.base(vendor) for vendor in VENDORS}, "token": self.token, "typed": TYPED}
        home = npm.fetched(Path(__file__).parent, "calls.mjs")
        command = [npm.node(), "calls.mjs", json.dumps(asked)]
        done = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=NODE_S, check=False)
        assert done.returncode == 0, done.stderr
        return {vendor: tuple(told) for vendor, told in json.loads(done.stdout.splitlines()[-1]).items()}

    def shell(self, code: str, stdin: str = "") -> str:
        """Run code in another process of the installation."""
        done = self.live.command("shell", "-v0", "--no-imports", "-c", code, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Yield what is shared: starting it takes seconds."""
    with FakeUpstream(answer) as upstream:
        live = LiveKeylodge(tmp_path_factory.mktemp("sdks"), KEYLODGE_ALLOWED_PRIVATE_HOSTS=upstream.host)
        live.wait_until_started()
        started = Running(live, upstream, "")
        started.token = started.shell(SETUP, json.dumps(_asked(upstream)))
        yield started
        live.stop()


def _asked(upstream: FakeUpstream) -> dict[str, Any]:
    def fields(vendor: Any) -> dict[str, str]:
        if vendor.account:
            return {"username": vendor.account, "password": vendor.secret}
        return {"api_key": vendor.secret}

    vendors = {v.key: {"path": v.path, "kind": v.kind, "fields": fields(v)} for v in VENDORS.values()}
    return {"url": upstream.url, "host": upstream.host, "vendors": vendors}
