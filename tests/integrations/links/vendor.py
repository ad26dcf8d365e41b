"""A vendor of one test's own: it knows a few keys, says whose account each is of, and keeps what arrived."""

from __future__ import annotations

import json
import re
import socket
from datetime import date
from typing import Any

from integrations.models import Connection, CustomProvider
from integrations.providers.custom import custom_from
from secrets_vault.models import Client
from tests.fake_upstream import FakeUpstream

GOOD, OTHERS, RETIRED = "gk_" + "a1" * 16, "gk_" + "b2" * 16, "gk_" + "c3" * 16
ACCOUNTS = {GOOD: ("acc-acme", "Acme Ltd"), OTHERS: ("acc-other", "Other GmbH"), RETIRED: ("acc-acme", "Acme Ltd")}
KEY = "custom-gadgets"


class Vendor(FakeUpstream):
    """Answers 200 with the account to a key it knows, 401 to any other, or what `trouble` says."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.trouble = 0
        self.offered: list[str] = []

    def _answer(self, sock: socket.socket, request: bytes) -> None:
        found = re.search(rb"(?i)\r\nauthorization: Bearer ([^\r]*)", request)
        key = found[1].decode(errors="replace") if found else ""
        self.offered.append(key)
        status = self.trouble or (200 if key in ACCOUNTS else 401)
        account = ACCOUNTS.get(key, ("", ""))
        body = json.dumps({"id": account[0], "name": account[1], "echo": key}).encode()
        sock.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


def make_key_connection(
    client: Client, vendor: Vendor, *, slug: str = "acme-gadgets", kind: str = "api_key", **fields: Any
) -> Connection:
    """Return a connection of the client's to the vendor that has no credential yet."""
    more = fields.pop("facts", {})
    more["base_url"] = vendor.url + fields.pop("path", "/v1")
    more["allowed_hosts"] = [vendor.host]
    facts = custom_from(
        {"base_url": vendor.url},
        key=KEY,
        name="Gadgets",
        today=date(2026, 11, 22),
        probe={"method": "GET", "path": "/me"},
        identity={"words": "account", "probe_id": "id", "probe_name": "name"},
        key_formats=[{"kind": "api_key", "pattern": "^gk_[a-z0-9]{32}$", "words": "key (gk_…)"}],
        **more,
    )
    CustomProvider.objects.update_or_create(key=KEY, defaults={"name": "Gadgets", "facts": facts})
    environment = fields.pop("environment", None) or client.environments.get(slug="production")
    return Connection.objects.create(
        slug=slug, client=client, environment=environment, provider_key=KEY, kind=kind, **fields
    )
