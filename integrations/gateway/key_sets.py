"""The key sets of trusted issuers, kept by their address: fetched once for everybody, and not at a stranger's word."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from django.db import connections

from integrations.gateway.problems import Problem
from integrations.jwt.fetching import KeysNotFetched, fetched_keys
from integrations.jwt.keys import CheckingKey, chosen
from integrations.jwt.parts import UnverifiedJWT

FRESH_S = 3600.0
STALE_S = 6 * 3600.0
# Between two fetches of one set, whatever callers send: an unknown key id costs the issuer at most this often.
FLOOR_S = 30.0
MOST_KEPT = 256
THREADS = 2

Fetch = Callable[[str], tuple[CheckingKey, ...]]


@dataclass(slots=True)
class _Set:
    """The keys of one address, when they came, and when they were last asked for."""

    keys: tuple[CheckingKey, ...] = ()
    came_at: float | None = None
    tried_at: float | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class KeySets:
    """The key sets of one process."""

    def __init__(self, *, fetch: Fetch = fetched_keys, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._sets: OrderedDict[str, _Set] = OrderedDict()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="gateway-keys")

    async def keys_for(self, token: UnverifiedJWT, jwks_url: str) -> tuple[CheckingKey, ...]:
        """Return the keys at an address; raises Problem unavailable where none can be had that are young enough.

        They are fetched again once an hour, and for a key id they do not have. An address that does not answer
        leaves what came from it in force for six hours.
        """
        kept = self._sets.setdefault(jwks_url, _Set())
        self._sets.move_to_end(jwks_url)
        if len(self._sets) > MOST_KEPT:
            self._sets.popitem(last=False)
        if self._is_wanted(kept, token):
            async with kept.lock:
                if self._is_wanted(kept, token):
                    await self._renew(kept, jwks_url)
        if kept.came_at is None or self._clock() - kept.came_at > STALE_S:
            raise Problem("unavailable", retry_after_s=FLOOR_S)
        return kept.keys

    def _is_wanted(self, kept: _Set, token: UnverifiedJWT) -> bool:
        now = self._clock()
        if kept.tried_at is not None and now - kept.tried_at < FLOOR_S:
            return False
        return kept.came_at is None or now - kept.came_at > FRESH_S or chosen(kept.keys, token) is None

    async def _renew(self, kept: _Set, jwks_url: str) -> None:
        kept.tried_at = self._clock()
        try:
            kept.keys = await asyncio.get_running_loop().run_in_executor(self._threads, self._fetched, jwks_url)
        except KeysNotFetched:
            return
        kept.came_at = self._clock()

    def _fetched(self, jwks_url: str) -> tuple[CheckingKey, ...]:
        try:
            return self._fetch(jwks_url)
        finally:
            connections.close_all()  # rare enough: nothing is kept open for it

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
