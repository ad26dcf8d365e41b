"""Whose address a request came from, when reverse proxies of ours stand in front."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address


def caller_address(peer: str, headers: Iterable[tuple[bytes, bytes]], *, hops: int) -> str:
    """Return the caller's address: the `hops`-th from the right of X-Forwarded-For.

    Each trusted proxy appends the address it saw, so anything further left was written
    by the caller and proves nothing. With no trusted proxy, or too short or broken a
    list, the address is the peer's own.
    """
    if hops <= 0:
        return peer
    seen = b",".join(value for name, value in headers if name == b"x-forwarded-for").decode("latin-1").split(",")
    if len(seen) < hops:
        return peer
    try:
        return str(ip_address(seen[-hops].strip()))
    except ValueError:
        return peer
