"""The front door: `/gateway` and `/hooks` as plain ASGI, everything else as Django's pages in threads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable
from functools import lru_cache
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from config.wsgi import application as wsgi  # isort: skip  # sets Django up before anything below imports a model

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from config.answers import Message, Receive, Scope, Send, answer, problem, with_safe_headers
from config.pages import Pages
from integrations.gateway import app as gateway
from integrations.webhooks import app as webhooks
from secrets_vault import generation
from secrets_vault.people.client_address import client_address

DRAIN_WITHIN_S = 20.0
PERMISSIONS = (b"permissions-policy", settings.PERMISSIONS_POLICY.encode())
HSTS = (b"strict-transport-security", f"max-age={settings.SECURE_HSTS_SECONDS}".encode())
EXTRA_HEADERS = [PERMISSIONS, HSTS] if settings.IS_HTTPS else [PERMISSIONS]

pages = Pages(wsgi)
mounted: Any = gateway.application
hooks: Any = webhooks.application
in_flight: set[asyncio.Task[None]] = set()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request, or follow the server's start and stop."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "http":
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # an ASGI server always calls from a task
        in_flight.add(task)
        try:
            await answer_one(from_caller(scope), receive, nameless(send))
        finally:
            in_flight.discard(task)


async def answer_one(scope: Scope, receive: Receive, send: Send) -> None:
    """Choose the floor that answers this path."""
    path = scope["path"]
    if not is_for_us(scope):
        await problem(send, 400, code="host_unknown", title="This host name is not one of ours.")
    elif is_under(path, "/gateway"):
        await mounted(scope, receive, send)
    elif is_under(path, "/hooks"):
        await hooks(scope, receive, send)
    elif path == "/healthz":
        await answer(send, 200, b"ok", media=b"text/plain; charset=utf-8")
    else:
        await pages(scope, receive, with_safe_headers(send, EXTRA_HEADERS))


def is_for_us(scope: Scope) -> bool:
    """Tell whether the request names exactly one host, and one of ours (DNS rebinding makes a browser name another)."""
    named = [value for name, value in scope["headers"] if name == b"host"]
    return len(named) == 1 and is_ours(named[0], tuple(settings.ALLOWED_HOSTS))


@lru_cache(maxsize=256)
def is_ours(host: bytes, allowed: tuple[str, ...]) -> bool:
    """Tell whether a Host header names one of the allowed hosts. Asked on every request, mostly with the same."""
    return validate_host(split_domain_port(host.decode("latin-1"))[0], allowed)


def nameless(send: Send) -> Send:
    """Return a `send` whose answers name no software; the server writes its own name only where none stands."""

    def sending(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"server", b"")]
        return send(message)

    return sending


def is_under(path: str, folder: str) -> bool:
    """Tell whether a path is a folder or inside it."""
    return path == folder or path.startswith(f"{folder}/")


def from_caller(scope: Scope) -> Scope:
    """Return the scope with the caller's address in place of our own proxy's, for the gateway and the pages alike."""
    hops = settings.KEYLODGE_TRUSTED_PROXIES
    client = scope.get("client")
    if not hops or not client:
        return scope
    forwarded_for = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").decode("latin-1")
    return {**scope, "client": (client_address(client[0], forwarded_for, trusted_hops=hops), client[1])}


async def lifespan(receive: Receive, send: Send) -> None:
    """Start the gateway and the inlet before the port opens; at the end let the requests in flight finish."""
    await receive()
    listener = generation.start_listener()
    await gateway.start()
    await webhooks.start()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await drain()
    await webhooks.drain()
    await gateway.drain()
    if listener is not None:
        await asyncio.to_thread(listener.stop)
    await send({"type": "lifespan.shutdown.complete"})


async def drain() -> None:
    """Wait until every request in flight has been answered, at most 20 s."""
    if in_flight:
        await asyncio.wait(set(in_flight), timeout=DRAIN_WITHIN_S)
