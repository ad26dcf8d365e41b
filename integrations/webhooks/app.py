"""The inlet as a plain ASGI application, mounted at /hooks beside Django: no session, no cookie, no language."""

from __future__ import annotations

import asyncio
import logging
import re
import traceback
from collections.abc import Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connections

from integrations.models.webhook import MOST_BODY_BYTES
from integrations.outbound import OutboundError
from integrations.webhooks import answers, keys, pairing, receiving
from integrations.webhooks.answers import Reply, Send
from integrations.webhooks.checking import NotLetIn, judge
from integrations.webhooks.endpoints import Endpoints, Known
from integrations.webhooks.limits import REFUSED, VERIFIED, Rate
from integrations.webhooks.quarantine import Refusal
from integrations.webhooks.receiving import Receive
from integrations.webhooks.request import WebhookRequest
from integrations.webhooks.storing import Arrival
from integrations.webhooks.verdicts import Handshake, Verified
from integrations.webhooks.writer import NotStored, Writer
from secrets_vault import keys as vault_keys
from secrets_vault.errors import VaultError

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
PATH = re.compile(r"/hooks/([-a-zA-Z0-9_]{1,80})/?\Z")
THREADS = 2
SMALL_BYTES = 64 * 1024
DRAIN_S = 20.0
AWAY = (DatabaseError, VaultError, NotStored, keys.KeyNotFetched, receiving.NoRoom)
NOTHING_TO_KEEP = ("GET", "HEAD", "OPTIONS")


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


class Inlet:
    """The inlet of one web process and one event loop."""

    def __init__(self, *, now: Callable[[], datetime] = utc_now) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="webhooks")
        self._now = now
        self.endpoints = Endpoints(self.in_thread)
        self.rate = Rate(self.in_thread)
        self.keys = keys.Keys()
        self.writer = Writer()
        self.room = receiving.Room()

    async def start(self) -> None:
        """Open the vault and begin to write."""
        await self.in_thread(vault_keys.unlock)
        self.writer.start()

    async def in_thread[**P, R](self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run work that needs the database in one of the inlet's threads."""

        def checked() -> R:
            close_old_connections()
            return work(*args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._threads, checked)

    async def close(self) -> None:
        """Write what is left and close everything."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self.writer.close)
        self.endpoints.forget()
        await self.keys.close()
        await asyncio.gather(*(loop.run_in_executor(self._threads, connections.close_all) for _ in range(THREADS)))
        self._threads.shutdown()

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            reply = await self._answer(scope, receive)
        except receiving.SenderGone:
            return
        except Exception as broken:  # noqa: BLE001 - whatever broke: the sender is to come again
            # Not its message: that may repeat what was sent.
            logger.error("the inlet broke: %s at %s", type(broken).__name__, place_of(broken))
            reply = answers.unavailable()
        await reply.send(send, has_body=scope["method"] != "HEAD")

    async def _answer(self, scope: Scope, receive: Receive) -> Reply:
        found = PATH.match(scope["path"])
        if found is None:
            return answers.problem("endpoint_not_found")
        try:
            return await self._answer_for(found[1], scope, receive)
        except AWAY as failed:
            logger.warning("a webhook was answered 503: %s", type(failed).__name__)
            return answers.unavailable()
        except receiving.TooLarge:
            return answers.problem("too_large")
        except receiving.TooSlow:
            return answers.problem("too_slow")
        except receiving.NotWhole:
            return answers.problem("request_refused")

    async def _answer_for(self, slug: str, scope: Scope, receive: Receive) -> Reply:
        known = await self.endpoints.find(slug)
        if known is None:
            return answers.problem("endpoint_not_found")
        endpoint, now = known.endpoint, self._now()
        if endpoint.disabled_at is not None:
            return answers.problem("endpoint_disabled")
        request = await received(scope, receive, most=min(endpoint.max_body_bytes, MOST_BODY_BYTES), room=self.room)
        remote_ip = (scope.get("client") or ("", 0))[0]
        verdict = await self._judged(known, request, remote_ip=remote_ip, now=now)
        if not isinstance(verdict, Handshake):
            return await self._stored(known, request, verdict, remote_ip=remote_ip, now=now)
        answer = await self._shaken(known, verdict, now=now)
        if isinstance(answer, NotLetIn):
            return await self._stored(known, request, answer, remote_ip=remote_ip, now=now)
        return answer

    async def _judged(
        self, known: Known, request: WebhookRequest, *, remote_ip: str, now: datetime
    ) -> Verified | Handshake | NotLetIn:
        """Return the verdict. A long body is hashed beside the event loop, so that nobody waits for it."""
        published = await self.keys.for_request(known.scheme, request, now=now)
        if len(request.body) <= SMALL_BYTES:
            return judge(known, request, remote_ip=remote_ip, now=now, keys=published)
        return await asyncio.to_thread(judge, known, request, remote_ip=remote_ip, now=now, keys=published)

    async def _shaken(self, known: Known, handshake: Handshake, *, now: datetime) -> Reply | NotLetIn:
        try:
            pairing.check(known.endpoint, handshake, now=now)
            if handshake.secret_to_keep is not None or handshake.visit:
                await self.in_thread(pairing.carry_out, known.endpoint, handshake, now=now)
        except pairing.NotPaired as refused:
            return NotLetIn("handshake", refused.why)
        except OutboundError:
            return answers.unavailable()
        return answers.shaken(handshake)

    async def _stored(
        self, known: Known, request: WebhookRequest, verdict: Verified | NotLetIn, *, remote_ip: str, now: datetime
    ) -> Reply:
        """Answer when what was verified, or refused, is on disk; raises NotStored."""
        counted = VERIFIED if isinstance(verdict, Verified) else REFUSED
        if wait_s := await self.rate.wait_s(known.endpoint, counted, now=now):
            return answers.problem("rate_limited", retry_after_s=wait_s)
        if isinstance(verdict, Verified):
            is_repeating = known.scheme is not None and known.scheme.repeats_identically
            await self.writer.put(Arrival(known.endpoint, request, verdict, now, remote_ip, is_repeating))
            return answers.stored(known.scheme)
        if request.body or request.method not in NOTHING_TO_KEEP:
            await self.writer.put(Refusal(known.endpoint, request, verdict.reason, verdict.why, now, remote_ip))
        return answers.refused(known.scheme)


async def received(scope: Scope, receive: Receive, *, most: int, room: receiving.Room) -> WebhookRequest:
    """Return the request with its whole body, under the address that the vendor was given.

    The host is the registered one, whatever the request names; the path is one of our two forms, as it came.
    """
    headers = tuple((bytes(name).decode("latin-1").lower(), bytes(value)) for name, value in scope["headers"])
    body = await receiving.read_body(receive, headers, most=most, room=room)
    query = scope.get("query_string", b"").decode("latin-1")
    url = settings.KEYLODGE_PUBLIC_URL + scope["path"] + (f"?{query}" if query else "")
    return WebhookRequest(scope["method"], url, headers, body)


def place_of(error: Exception) -> str:
    """Return where an error was raised, as file and line."""
    raised = traceback.extract_tb(error.__traceback__)[-1]
    return f"{raised.filename}:{raised.lineno}"


_inlet: Inlet | None = None


async def start() -> None:
    """Make this process's inlet ready; called before the port opens."""
    global _inlet
    if _inlet is None:
        inlet = Inlet()
        await inlet.start()
        _inlet = inlet


async def drain() -> None:
    """End this process's inlet; called after the last request was answered."""
    global _inlet
    if _inlet is not None:
        ending, _inlet = _inlet, None
        await ending.close()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer what arrives under /hooks. Everything but HTTP is left unanswered."""
    if scope["type"] != "http":
        return
    if _inlet is None:
        await start()
    if _inlet is not None:
        await _inlet.handle(scope, receive, send)
