"""What the sandbox knows: its OAuth app, the grants it gave, the trouble it is to make, what arrived.

With a state file the identity and the grants outlive a restart. The file holds a seed and
hashes only: no token, client secret or API key can be read from it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from integrations.sandbox.wire import Request

PORTALS = {
    "24680135": "Acme Ltd (sandbox)",
    "13579246": "Acme Staging (sandbox)",
    "99887766": "Globex GmbH (sandbox)",
}
SCOPES = {
    "oauth": "Know which account it is connected to",
    "crm.objects.contacts.read": "Look at contacts",
    "crm.objects.contacts.write": "Add and change contacts",
    "crm.objects.companies.read": "Look at companies",
    "crm.objects.deals.read": "Look at deals",
}
REQUIRED_SCOPES = ["crm.objects.contacts.read"]
TOKEN_TTL_S = 1800
KEPT_REQUESTS = 5000


@dataclass
class Grant:
    """One access or refresh token, found by its hash. Tokens of one consent share a family."""

    kind: str
    family: str
    account: str
    scopes: list[str]
    expires_at: float | None = None
    is_replaced: bool = False
    replaced_at: float = 0


@dataclass
class Trouble:
    """What goes wrong with the next calls of one provider."""

    status: int | None = None
    retry_after_s: float | None = None
    code: str = ""
    delay_s: float = 0
    reset_mid_body: bool = False
    times: int | None = None


@dataclass
class Ways:
    """How the authorization server behaves. Changed through the control URL only."""

    token_ttl_s: int = TOKEN_TTL_S
    rotate: bool = False
    grace_s: float = 0
    iss: bool = False
    account: str = ""
    missing_scope: str = ""
    required_scopes: list[str] = field(default_factory=lambda: list(REQUIRED_SCOPES))
    optional_scopes: list[str] = field(default_factory=lambda: [s for s in SCOPES if s not in REQUIRED_SCOPES])


class World:
    """Everything the sandbox keeps. Hold `lock` for what must happen at once."""

    def __init__(self, state_file: Path | None = None) -> None:
        self.lock = threading.RLock()
        self.state_file = state_file
        self.url = ""
        self.seed = secrets.token_hex(32)
        self.ways = Ways()
        self.grants: dict[str, Grant] = {}
        self.withdrawn: set[str] = set()
        self.codes: dict[str, Any] = {}
        self.troubles: dict[str, Trouble] = {}
        self.arrived: deque[dict[str, Any]] = deque(maxlen=KEPT_REQUESTS)
        self.windows: dict[str, tuple[float, int]] = {}
        self.arrivals: dict[str, deque[float]] = {}
        self.records: dict[str, list[dict[str, Any]]] = {}
        self.remembered: dict[str, tuple[bytes, int, bytes]] = {}
        self._load()

    def derive(self, label: str, length: int = 32) -> str:
        """Return letters and digits that belong to this sandbox and this label."""
        text = ""
        while len(text) < length:
            digest = hmac.digest(bytes.fromhex(self.seed), f"{label}:{len(text)}".encode(), "sha256")
            text += "".join(c for c in base64.b64encode(digest).decode() if c.isalnum())
        return text[:length]

    @property
    def client_id(self) -> str:
        """Return the OAuth app's client id: a UUID, as HubSpot's are."""
        digest = hmac.digest(bytes.fromhex(self.seed), b"client_id", "sha256").hex()
        return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))

    @property
    def client_secret(self) -> str:
        """Return the OAuth app's client secret."""
        return self.derive("client_secret", 40)

    @property
    def openai_key(self) -> str:
        """Return the key of the sandbox's OpenAI, in the vendor's own format."""
        return f"sk-proj-{self.derive('openai', 40)}T3BlbkFJ{self.derive('openai2', 40)}"

    @property
    def stripe_key(self) -> str:
        """Return the test key of the sandbox's Stripe."""
        return f"sk_test_51{self.derive('stripe', 60)}"

    @property
    def control_path(self) -> str:
        """Return the path of the control URL, with its unguessable part."""
        return f"/control/{self.derive('control', 32)}"

    def find_grant(self, token: str, kind: str = "") -> Grant | None:
        """Return what a token stands for, withdrawn and expired ones included."""
        grant = self.grants.get(_hash(token))
        return grant if grant and kind in ("", grant.kind) else None

    def is_live(self, grant: Grant, now: float) -> bool:
        """Tell whether a token still opens anything."""
        is_expired = grant.expires_at is not None and grant.expires_at <= now
        return not is_expired and not self.is_spent(grant, now) and grant.family not in self.withdrawn

    def is_spent(self, grant: Grant, now: float) -> bool:
        """Tell whether a refresh token was replaced, and its grace is over."""
        return grant.is_replaced and now >= grant.replaced_at + self.ways.grace_s

    def keep_grant(self, token: str, grant: Grant) -> None:
        """Remember a token by its hash."""
        self.grants[_hash(token)] = grant
        self.save()

    def withdraw(self, family: str | None = None) -> None:
        """Withdraw one consent, or every one there is."""
        self.withdrawn |= {family} if family else {grant.family for grant in self.grants.values()}
        self.save()

    def used_in_window(self, provider: str, window_s: float, now: float) -> tuple[int, float]:
        """Count one call of a provider; return the calls in this window and the seconds it still lasts."""
        with self.lock:
            started_at, count = self.windows.get(provider, (now, 0))
            if now - started_at >= window_s:
                started_at, count = now, 0
            self.windows[provider] = (started_at, count + 1)
            return count + 1, started_at + window_s - now

    def take_rolling(self, name: str, *, limit: int, window_s: float, now: float) -> int | None:
        """Count one call; return what is left, None where the last `window_s` seconds held `limit` already."""
        with self.lock:
            arrived = self.arrivals.setdefault(name, deque())
            while arrived and arrived[0] <= now - window_s:
                arrived.popleft()
            if len(arrived) >= limit:
                return None
            arrived.append(now)
            return limit - len(arrived)

    def next_trouble(self, provider: str) -> Trouble | None:
        """Return the trouble of this call, and count it."""
        with self.lock:
            trouble = self.troubles.get(provider)
            if trouble is None or trouble.times is None:
                return trouble
            trouble.times -= 1
            if trouble.times <= 0:
                del self.troubles[provider]
            return trouble

    def note(self, request: Request, provider: str) -> dict[str, Any]:
        """List a request that arrived; the caller adds how it was answered."""
        try:
            body = {"body": request.body.decode()}
        except UnicodeDecodeError:
            body = {"body_base64": base64.b64encode(request.body).decode()}
        entry = {
            "at": time.time(),
            "provider": provider,
            "method": request.method,
            "target": request.target,
            "headers": [list(pair) for pair in request.headers],
            **body,
        }
        with self.lock:
            self.arrived.append(entry)
        return entry

    def save(self) -> None:
        """Write the state file, whole or not at all."""
        if self.state_file is None:
            return
        with self.lock:
            now = time.time()
            grants = {h: asdict(g) for h, g in self.grants.items() if g.expires_at is None or g.expires_at > now}
            state = {"seed": self.seed, "grants": grants, "withdrawn": sorted(self.withdrawn)}
            beside = self.state_file.with_name(self.state_file.name + ".new")
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w") as out:
                json.dump(state, out)
            beside.replace(self.state_file)

    def _load(self) -> None:
        if self.state_file is None or not self.state_file.is_file():
            self.save()
            return
        state = json.loads(self.state_file.read_text())
        self.seed = state["seed"]
        self.grants = {h: Grant(**fields) for h, fields in state["grants"].items()}
        self.withdrawn = set(state["withdrawn"])


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
