"""The address a request came from, counted through trusted proxies only."""

from __future__ import annotations

import ipaddress


def client_address(peer: str, forwarded_for: str, *, trusted_hops: int) -> str:
    """Return the caller's address in its plain form ("::ffff:1.2.3.4" becomes "1.2.3.4").

    `forwarded_for` is the X-Forwarded-For value. Each trusted proxy appends one
    entry, so with n hops the caller is the n-th from the right; what stands left
    of it was written by the caller and is not believed. Anything that is not an
    address falls back to the peer, and an unreadable peer (a Unix socket) to "".
    """
    entries = [entry.strip() for entry in forwarded_for.split(",") if entry.strip()]
    if trusted_hops > 0 and len(entries) >= trusted_hops:
        named = _plain(entries[-trusted_hops])
        if named:
            return named
    return _plain(peer)


def _plain(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
