"""The published keys a request needs: at hand, or fetched once for however many requests wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from django.db import close_old_connections, connections

from integrations.errors import IntegrationError
from integrations.webhooks import published
from integrations.webhooks.schemes.proven import NO_KEYS, KeysByURL, KeySource
from integrations.webhooks.verdicts import Refused

if TYPE_CHECKING:
    from integrations.webhooks.request import WebhookRequest
    from integrations.webhooks.schemes.shape import Scheme

KEPT_S = 600.0
MISSED_S = 30.0
MOST_KEPT = 256
MOST_FOR_ONE = 3
MOST_FETCHING = 8


class KeyNotFetched(IntegrationError):
    """The vendor's key could not be had just now."""

    code = "key_not_fetched"


class Keys:
    """What one web process has at hand. Fetching has a thread of its own: a slow vendor makes no other one wait."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="webhook-keys")
        self._clock = clock
        self._kept: dict[str, tuple[bytes | None, float]] = {}
        self._fetching: dict[str, asyncio.Future[bytes | None]] = {}

    async def for_request(self, scheme: Scheme | None, request: WebhookRequest, *, now: datetime) -> KeySource:
        """Return the keys that a request is verified with; raises KeyNotFetched: then it must come again."""
        if scheme is None or not scheme.needs_published_keys:
            return NO_KEYS
        found = {url: await self._one(url, now=now) for url in urls_of(scheme, request)}
        if None in found.values():
            raise KeyNotFetched
        return KeysByURL({url: body for url, body in found.items() if body is not None})

    async def _one(self, url: str, *, now: datetime) -> bytes | None:
        kept = self._kept.get(url)
        if kept is not None and kept[1] > self._clock():
            return kept[0]
        fetching = self._fetching.get(url)
        if fetching is None and len(self._fetching) >= MOST_FETCHING:
            return kept[0] if kept is not None else None  # what somebody's made-up addresses keep from being renewed
        if fetching is None:
            fetching = self._fetching[url] = asyncio.ensure_future(self._fetched(url, now=now))
            fetching.add_done_callback(lambda _: self._fetching.pop(url, None))
        return await asyncio.shield(fetching)

    async def _fetched(self, url: str, *, now: datetime) -> bytes | None:
        running = asyncio.get_running_loop()
        body = await running.run_in_executor(self._thread, partial(_in_own_thread, url, now=now))
        self._make_room()
        self._kept[url] = body, self._clock() + (MISSED_S if body is None else KEPT_S)
        return body

    def _make_room(self) -> None:
        """Forget addresses without a key first, which anybody can make up; then the key that was kept longest."""
        while len(self._kept) >= MOST_KEPT:
            del self._kept[next((url for url, (body, _) in self._kept.items() if body is None), next(iter(self._kept)))]

    async def close(self) -> None:
        """End the thread and its connection."""
        await asyncio.get_running_loop().run_in_executor(self._thread, connections.close_all)
        self._thread.shutdown()


def urls_of(scheme: Scheme, request: WebhookRequest) -> tuple[str, ...]:
    """Return where the keys are that a request needs, by the scheme's own rules. A request they refuse needs none."""
    found: list[str] = []
    for function in scheme.own_functions:
        if function.key_urls is not None:
            try:
                found.extend(function.key_urls(request))
            except Refused:  # verify() says why
                return ()
    return tuple(dict.fromkeys(found))[:MOST_FOR_ONE]


def published_keys(scheme: Scheme | None, request: WebhookRequest, *, now: datetime) -> KeySource:
    """Return the keys for a request where no event loop runs; what could not be fetched is missing."""
    if scheme is None or not scheme.needs_published_keys:
        return NO_KEYS
    found = {url: _at_hand_or_fetched(url, now=now) for url in urls_of(scheme, request)}
    return KeysByURL({url: body for url, body in found.items() if body is not None})


def _at_hand_or_fetched(url: str, *, now: datetime) -> bytes | None:
    return published.key(url, now=now) or published.fetch_key(url)


def _in_own_thread(url: str, *, now: datetime) -> bytes | None:
    close_old_connections()
    return _at_hand_or_fetched(url, now=now)
