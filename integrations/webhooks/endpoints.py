"""What the inlet knows of an endpoint, read once and kept for a few seconds.

Every request first looks at the generation number (`secrets_vault/generation.py`). Where it has grown, the endpoint
is read again: what was disabled, rolled or paired holds from the next request on, in every process.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from integrations.caller_networks import Network, networks
from integrations.models import WebhookEndpoint
from integrations.providers.reading import BadFacts
from integrations.webhooks import published
from integrations.webhooks.schemes.registry import UnknownScheme, custom_scheme, get_scheme
from integrations.webhooks.schemes.shape import CUSTOM, Scheme
from secrets_vault import generation, vault
from secrets_vault.actor import Actor
from secrets_vault.errors import NoValue
from secrets_vault.models import SecretVersion, StoredSecret
from secrets_vault.secret import Secret

KEPT_S = 5.0
MOST_KEPT = 10_000
INLET = Actor(kind="system", label="Webhook inlet")
NO_VERIFICATION = "none"

InThread = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Known:
    """An endpoint with all that a request is judged by. `networks` is None where every address may send."""

    endpoint: WebhookEndpoint
    scheme: Scheme | None
    current: Secret | None = field(repr=False)
    previous: Secret | None = field(repr=False)
    networks: tuple[Network, ...] | None

    def secrets(self, now: datetime) -> tuple[Secret, ...]:
        """Return the secrets that count now: the current one, and the one before it while it rolls."""
        until = self.endpoint.previous_until
        previous = self.previous if until is not None and now < until else None
        return tuple(secret for secret in (self.current, previous) if secret is not None)


def load(slug: str) -> Known | None:
    """Return the endpoint of a slug, None where there is none. Raises DatabaseError or VaultError."""
    found = WebhookEndpoint.objects.select_related("client", "secret__current").filter(slug=slug).first()
    return known(found) if found is not None else None


def known(endpoint: WebhookEndpoint) -> Known:
    """Return an endpoint with its scheme, secrets and networks."""
    stored = endpoint.secret
    return Known(
        endpoint=endpoint,
        scheme=scheme_of(endpoint),
        current=_value(stored, stored.current) if stored else None,
        previous=_value(stored, stored.in_grace) if stored and endpoint.previous_until else None,
        networks=_networks(endpoint),
    )


def scheme_of(endpoint: WebhookEndpoint) -> Scheme | None:
    """Return the scheme, None where it is unknown or its parameters are none: then everything is refused."""
    try:
        if endpoint.scheme_key == CUSTOM:
            return custom_scheme(endpoint.custom or {})
        return get_scheme(endpoint.scheme_key)
    except (UnknownScheme, BadFacts):
        return None


def _value(stored: StoredSecret, version: SecretVersion | None) -> Secret | None:
    """Return the value of a version; None where there is none any more, which refuses and never skips."""
    if version is None:
        return None
    try:
        values = vault.use(stored, actor=INLET, purpose="verifying webhooks", version=version)
    except NoValue:
        return None
    return values.get("secret") or next(iter(values.values()), None)


def _networks(endpoint: WebhookEndpoint) -> tuple[Network, ...] | None:
    """Return where the vendor may send from. A published list that was never read allows nobody."""
    if not endpoint.ip_ranges and not endpoint.uses_published_ips:
        return None
    own = networks(endpoint.ip_ranges)
    return own + (networks(published.ranges(endpoint.scheme_key)) if endpoint.uses_published_ips else ())


@dataclass(slots=True)
class _Kept:
    known: Known | None
    made_at: float
    generation: int


class Endpoints:
    """What one web process has read."""

    def __init__(self, in_thread: InThread, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._in_thread = in_thread
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._loading: dict[tuple[str, int], asyncio.Future[_Kept]] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    async def find(self, slug: str) -> Known | None:
        """Return the endpoint of a slug, None where there is none. Raises DatabaseError or VaultError."""
        seen = generation.current()
        kept = self._kept.get(slug)
        if kept is None or kept.generation != seen or self._clock() - kept.made_at > KEPT_S:
            kept = await self._loaded(slug, seen)
        return kept.known

    async def _loaded(self, slug: str, seen: int) -> _Kept:
        """Load once, however many requests wait for it."""
        loading = self._loading.get((slug, seen))
        if loading is None:
            loading = self._loading[slug, seen] = asyncio.ensure_future(self._load(slug, seen))
            loading.add_done_callback(lambda _: self._loading.pop((slug, seen), None))
        return await asyncio.shield(loading)

    async def _load(self, slug: str, seen: int) -> _Kept:
        asked_at = self._clock()
        made = _Kept(await self._in_thread(load, slug), asked_at, seen)
        kept = self._kept.get(slug)
        if kept is None or kept.generation <= seen:
            self._kept[slug] = made
            self._kept.move_to_end(slug)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(KEPT_S, self._sweep)
        return made

    def _sweep(self) -> None:
        """Let go of what is too old to be used: no secret stays in memory because nobody asks for it."""
        oldest = self._clock() - KEPT_S
        for slug in [slug for slug, kept in self._kept.items() if kept.made_at < oldest]:
            del self._kept[slug]
        self._sweeping = asyncio.get_running_loop().call_later(KEPT_S, self._sweep) if self._kept else None

    def forget(self) -> None:
        """Let go of everything, as when the process ends."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._kept.clear()
