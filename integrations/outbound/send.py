"""The same calls for code that does not run on an event loop: OAuth, probes. Usable from any thread."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import TimeoutError as WaitTimeout
from dataclasses import dataclass, field

from integrations.outbound.call import Caller, Deadline
from integrations.outbound.dial import Dialler, allowed_private_hosts
from integrations.outbound.errors import BodyTooLarge, HostRefused, UpstreamTimeout
from integrations.outbound.origin import Origin, split_url

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. Its body and headers may hold secrets, so they are not in its repr."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    body: bytes = field(repr=False)

    def header(self, name: str) -> str | None:
        """Return the first header of this name as text, or None."""
        wanted = name.lower().encode("ascii")
        return next((v.decode("latin-1") for k, v in self.headers if k.lower() == wanted), None)


def send(
    method: str,
    url: str,
    *,
    headers: Headers | Mapping[str, str] = (),
    body: bytes | None = None,
    deadline_s: float = 10.0,
    max_bytes: int = 1024 * 1024,
    allowed_hosts: Sequence[str] | None = None,
    private_hosts: Sequence[str] = (),
) -> Answer:
    """Make one call and return the whole answer; raises OutboundError by `deadline_s`.

    `allowed_hosts` (`host` or `host:port`) are the only places this credential may go; None means the
    caller binds none. `private_hosts` may be private for this call, beside those of the installation: our own port.
    Redirects come back as they are. Nothing is unpacked: identity is asked for.
    """
    origin, target = split_url(url)
    if allowed_hosts is not None and not origin.is_named_by(frozenset(name.lower() for name in allowed_hosts)):
        raise HostRefused("the host is not one that this credential is bound to")
    job = _call(
        method.encode("ascii"),
        origin,
        target=target,
        headers=_with_identity(headers),
        body=body,
        deadline_s=deadline_s,
        max_bytes=max_bytes,
        allowed=allowed_private_hosts() | frozenset(private_hosts),
    )
    running = asyncio.run_coroutine_threadsafe(job, _Loop.running())
    try:
        return running.result(timeout=deadline_s + 1)
    except WaitTimeout:
        running.cancel()
        raise UpstreamTimeout("no answer by the deadline", was_sent=True) from None


def vet(url: str, *, deadline_s: float = 5.0) -> None:
    """Look the host of an address up and raise OutboundError unless a call may go there; nothing is connected.

    For addresses that are kept for later. Each call looks the host up and judges it again.
    """
    origin, _ = split_url(url)
    job = Dialler().vetted(origin, allowed=allowed_private_hosts())
    running = asyncio.run_coroutine_threadsafe(job, _Loop.running())
    try:
        running.result(timeout=deadline_s)
    except WaitTimeout:
        running.cancel()
        raise UpstreamTimeout("the host name was not found in time") from None


def _with_identity(headers: Headers | Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    raw = [(_bytes(name), _bytes(value)) for name, value in pairs]
    if not any(name.lower() == b"accept-encoding" for name, _ in raw):
        raw.append((b"Accept-Encoding", b"identity"))
    return raw


def _bytes(text: str | bytes) -> bytes:
    return text.encode("utf-8") if isinstance(text, str) else text


async def _call(
    method: bytes,
    origin: Origin,
    *,
    target: bytes,
    headers: Headers,
    body: bytes | None,
    deadline_s: float,
    max_bytes: int,
    allowed: frozenset[str],
) -> Answer:
    # A caller of its own each time: these calls are rare, and nothing of one client is left for the next.
    caller = Caller()
    try:
        answering = await caller.request(
            method,
            origin,
            target=target,
            headers=headers,
            body=body,
            deadline=Deadline(deadline_s),
            allowed=allowed,
        )
        return Answer(answering.status, tuple(answering.headers), await answering.read(max_bytes, BodyTooLarge))
    finally:
        caller.close()


class _Loop:
    """The event loop in a thread of its own, one per process (a forked child makes another)."""

    _lock = threading.Lock()
    _loop: asyncio.AbstractEventLoop | None = None
    _pid = 0

    @classmethod
    def running(cls) -> asyncio.AbstractEventLoop:
        """Return the loop, started if need be."""
        with cls._lock:
            if cls._loop is None or cls._pid != os.getpid():
                cls._loop, cls._pid = asyncio.new_event_loop(), os.getpid()
                threading.Thread(target=cls._loop.run_forever, name="outbound", daemon=True).start()
            return cls._loop
