"""Sends signed webhooks to an address on this machine, as their vendors sign them: genuine ones and bad ones."""

from __future__ import annotations

import time
import urllib.request
from dataclasses import dataclass, fields
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from integrations.sandbox.signing import EVENTS, SIGNERS, Signed, webhook_secret
from integrations.sandbox.world import World

LOOPBACK = ("localhost", "127.0.0.1", "::1")
LONG_AGO_S = 3600
MOST_TIMES = 50


@dataclass(frozen=True)
class Asked:
    """One order. `signed_url` is the address as the receiver registered it, where that is another than `url`."""

    url: str
    scheme: str
    secret: str = ""
    event: str = ""
    body: object = None
    signed_url: str = ""
    times: int = 1
    tampered: bool = False
    stale: bool = False
    duplicate: bool = False


def send(world: World, asked: dict[str, Any]) -> dict[str, Any]:
    """Sign and send; return what the receiver answered, the last and all. Raises ValueError for a bad order."""
    order = _read(asked)
    secret = order.secret or webhook_secret(world, order.scheme)
    statuses: list[int | None] = []
    for _ in range(order.times):
        signed = _signed(order, secret)
        statuses += [_post(order.url, signed) for _copy in range(2 if order.duplicate else 1)]
    return {"status": statuses[-1], "statuses": statuses, "secret": secret}


def _signed(order: Asked, secret: str) -> Signed:
    now = time.time() - (LONG_AGO_S if order.stale else 0)
    made = SIGNERS[order.scheme](secret, order.signed_url or order.url, _body(order), now)
    return Signed(made.body + b" ", made.headers) if order.tampered else made


def _body(order: Asked) -> object:
    return EVENTS[order.scheme](order.event) if order.body is None else order.body


def _read(asked: dict[str, Any]) -> Asked:
    known = {field.name for field in fields(Asked)}
    if unknown := asked.keys() - known:
        raise ValueError(f"webhook: unknown: {', '.join(sorted(unknown))}.")
    for name in ("url", "scheme", "secret", "event", "signed_url"):
        if not isinstance(asked.get(name, ""), str):
            raise ValueError(f"webhook.{name} must be a text.")
    for name in ("tampered", "stale", "duplicate"):
        if not isinstance(asked.get(name, False), bool):
            raise ValueError(f"webhook.{name} must be true or false.")
    times = asked.get("times", 1)
    if type(times) is not int or not 1 <= times <= MOST_TIMES:
        raise ValueError(f"webhook.times must be 1 to {MOST_TIMES}.")
    parts = urlsplit(asked.get("url", ""))
    if parts.scheme != "http" or parts.hostname not in LOOPBACK:
        raise ValueError("webhook.url must be http on this machine.")
    if asked.get("scheme") not in SIGNERS:
        raise ValueError(f"webhook.scheme must be one of {', '.join(SIGNERS)}.")
    return Asked(**asked)


def _post(url: str, signed: Signed) -> int | None:
    request = urllib.request.Request(  # noqa: S310  loopback http only, checked above
        url, signed.body, {"Content-Type": "application/json", **signed.headers}, method="POST"
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as response:
            return int(response.status)
    except HTTPError as refused:
        return refused.code
    except (URLError, OSError):
        return None
