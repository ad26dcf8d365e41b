"""What a token and a slug open, kept for a few seconds.

Every call first looks at the generation number. Where it has grown, something has changed somewhere:
the rows of this one route are read again, and only if one of them differs is the route made anew. So
what was revoked, paused or replaced holds from the next call on, in every process, and one client's
token refresh does not make every other client's credential be opened again.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from django.core.exceptions import SynchronousOnlyOperation
from django.db import DatabaseError, close_old_connections, connections

from integrations import tokens
from integrations.gateway.found import Found, Rows, found_in
from integrations.gateway.problems import Problem
from integrations.gateway.reading import Reader, Unavailable, reader
from integrations.gateway.route import Route, routed
from integrations.gateway.signing_in import JWT_BEGINS, Bearer, JWTSignIn
from secrets_vault import generation, keys, vault

KEPT_S = 5.0
MOST_KEPT = 10_000
THREADS = 4

Key = tuple[bytes, str]


@dataclass(slots=True)
class _Kept:
    """A route, the rows it was made from, when they were first read, and the generation they are known to hold in."""

    route: Route | None
    rows: Rows = field(repr=False)
    made_at: float
    generation: int


class Lookup:
    """Finds routes. One per process."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        rows: Reader | None = None,
        sign_in: Callable[[Reader], JWTSignIn] | None = None,
    ) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="gateway-lookup")
        self._reader = rows or reader()
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._loading: dict[tuple[Key, int], asyncio.Future[_Kept]] = {}
        self._sign_in = JWTSignIn(self._reader, clock=clock) if sign_in is None else sign_in(self._reader)
        self._salt = os.urandom(16)
        self._sweeping: asyncio.TimerHandle | None = None
        self._clock = clock

    async def start(self) -> None:
        """Open the vault before the first call."""
        await self.in_thread(keys.unlock)

    async def route(self, token_text: str, slug: str) -> Route:
        """Return the route; raises Problem token_invalid or unavailable."""
        # A digest of this process's own: what is kept names no token, and costs less than the database's hash.
        key = hashlib.blake2b(token_text.encode("ascii"), key=self._salt, digest_size=16).digest(), slug
        seen = generation.current()
        kept = self._kept.get(key)
        is_ours = kept is not None or tokens.is_well_formed(token_text)  # a typing slip costs no look-up
        if not is_ours and not token_text.startswith(JWT_BEGINS):
            raise Problem("token_invalid")
        if kept is None or kept.generation != seen or self._clock() - kept.made_at > KEPT_S:
            kept = await self._loaded(key, token_text, seen)
        else:
            self._kept.move_to_end(key)
        route = kept.route
        if route is None or (route.token.expires_at is not None and route.token.expires_at <= datetime.now(UTC)):
            raise Problem("token_invalid")
        return route

    async def origins(self, slug: str) -> Rows:
        """Return what the tokens of a connection allow to web pages, as `reading.origins`; raises Unavailable."""
        return await self._reader.origins(slug)

    async def outages(self) -> Rows:
        """Return the upstreams that do not answer, as `reading.OUTAGES`; raises Unavailable."""
        return await self._reader.outages()

    async def _loaded(self, key: Key, token_text: str, seen: int) -> _Kept:
        """Load once, however many calls wait for it. A call that has seen a newer generation loads for itself."""
        loading = self._loading.get((key, seen))
        if loading is None:
            loading = self._loading[key, seen] = asyncio.ensure_future(self._load(key, token_text, seen))
            loading.add_done_callback(lambda _: self._loading.pop((key, seen), None))
        return await asyncio.shield(loading)

    async def _load(self, key: Key, token_text: str, seen: int) -> _Kept:
        asked_at = self._clock()
        try:
            if token_text.startswith(JWT_BEGINS):
                bearer = await self._sign_in.bearer(token_text, key[1], now=datetime.now(UTC))
            else:
                bearer = Bearer(vault.keyed_hash("gateway-token", token_text.encode("ascii")))
            rows = await self._reader.rows(bearer.token_hash, key[1])
            kept = self._kept.get(key)
            if kept is not None and kept.rows == rows and asked_at - kept.made_at <= KEPT_S and not bearer.until:
                kept.generation = max(kept.generation, seen)
                return kept
            found = found_in(rows, bearer.token_hash, now=datetime.now(UTC), seen=seen)
            found = replace(found, token=bearer.bound(found.token)) if found and bearer.until else found
            route = await self._made(found, key[1]) if found is not None else None
        except (Unavailable, DatabaseError):
            raise Problem("unavailable", retry_after_s=1) from None
        return self._keep(key, _Kept(route, rows, asked_at, seen))

    async def _made(self, found: Found, slug: str) -> Route:
        """Return the route; in a thread where the database is needed after all, as for the first use of a secret."""
        if found.connection is None or found.beside is None:
            return Route(found.token, slug, "connection_not_found")
        if found.is_first_use:
            return await self.in_thread(routed, found.token, found.connection, found.beside)
        try:
            return routed(found.token, found.connection, found.beside)
        except SynchronousOnlyOperation:
            return await self.in_thread(routed, found.token, found.connection, found.beside)

    def _keep(self, key: Key, made: _Kept) -> _Kept:
        """Keep a route unless a newer one is there, the least used of ten thousand going first."""
        kept = self._kept.get(key)
        if kept is None or kept.generation <= made.generation:
            self._kept[key] = made
            self._kept.move_to_end(key)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(KEPT_S, self._sweep)
        return made

    def _sweep(self) -> None:
        """Let go of what is too old to be used: no credential stays in memory because nobody asks for it."""
        oldest = self._clock() - KEPT_S
        for key in [key for key, kept in self._kept.items() if kept.made_at < oldest]:
            del self._kept[key]
        self._sweeping = asyncio.get_running_loop().call_later(KEPT_S, self._sweep) if self._kept else None

    async def in_thread[**P, R](self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run work that needs the database in one of the gateway's threads."""

        def checked() -> R:
            close_old_connections()
            return work(*args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._threads, checked)

    async def close(self) -> None:
        """Close every connection to the database, and the threads."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._kept.clear()
        self._sign_in.close()
        await self._reader.close()
        together = threading.Barrier(THREADS)

        def close_mine() -> None:
            together.wait(timeout=5)
            connections.close_all()

        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(self._threads, close_mine) for _ in range(THREADS)))
        self._threads.shutdown()
