"""The keys that a provider signs id_tokens with: fetched from the one address its facts name, kept for an hour.

Nothing in a token says where its key is (RFC 8725 section 3.10).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey, import_key

from integrations.errors import IntegrationError
from integrations.oauth.session import Send
from integrations.outbound import OutboundError

KEPT = timedelta(hours=1)
DEADLINE_S = 10.0
MAX_BYTES = 128 * 1024
MAX_KEYS = 64
MAX_KEPT = 256
MIN_RSA_BITS = 2048
KTY = {"RS": "RSA", "PS": "RSA", "ES": "EC"}

SigningKey = RSAKey | ECKey


class KeysUnreadable(IntegrationError):
    """The provider's keys could not be had just now, or are no key set."""

    code = "keys_unreadable"


@dataclass(frozen=True)
class _Kept:
    keys: tuple[Mapping[str, Any], ...]
    at: datetime


_kept: dict[str, _Kept] = {}
_lock = threading.Lock()


def find_key(jwks_url: str, *, alg: str, kid: str | None, now: datetime, send: Send) -> SigningKey | None:
    """Return the one key at `jwks_url` that may have made a signature, or None. Raises KeysUnreadable.

    A key id that the kept copy does not know has it fetched again, once: providers change their keys.
    """
    kept = _kept.get(jwks_url)
    is_kept = kept is not None and timedelta(0) <= now - kept.at < KEPT
    keys = kept.keys if kept is not None and is_kept else _fetched(jwks_url, now=now, send=send)
    found = _chosen(keys, alg=alg, kid=kid)
    if found is None and is_kept:
        found = _chosen(_fetched(jwks_url, now=now, send=send), alg=alg, kid=kid)
    return found


def forget() -> None:
    """Drop every kept copy."""
    with _lock:
        _kept.clear()


def _fetched(url: str, *, now: datetime, send: Send) -> tuple[Mapping[str, Any], ...]:
    try:
        answer = send("GET", url, headers={"Accept": "application/json"}, deadline_s=DEADLINE_S, max_bytes=MAX_BYTES)
    except OutboundError as error:
        raise KeysUnreadable(f"the key set could not be fetched: {error.code}") from None
    keys = _keys_in(answer.body) if answer.status == 200 else None  # a redirect is not followed
    if keys is None:
        raise KeysUnreadable(f"no key set (HTTP {answer.status})")
    with _lock:
        if len(_kept) >= MAX_KEPT:
            _kept.clear()
        _kept[url] = _Kept(keys, now)
    return keys


def _keys_in(body: bytes) -> tuple[Mapping[str, Any], ...] | None:
    try:
        table = json.loads(body)
    except (ValueError, RecursionError):
        return None
    keys = table.get("keys") if isinstance(table, dict) else None
    if not isinstance(keys, list) or len(keys) > MAX_KEYS:
        return None
    return tuple(key for key in keys if isinstance(key, dict))


def _chosen(keys: tuple[Mapping[str, Any], ...], *, alg: str, kid: str | None) -> SigningKey | None:
    """Return the key of that id; without an id, the only one that fits. A key made for something else never fits."""
    fitting = [key for key in keys if _fits(key, alg) and (kid is None or key.get("kid") == kid)]
    return _imported(fitting[0]) if len(fitting) == 1 else None


def _fits(key: Mapping[str, Any], alg: str) -> bool:
    """Tell whether a key is of the algorithm's own type: what is published for RS256 must never check an HS256."""
    if key.get("kty") != KTY.get(alg[:2]) or key.get("use", "sig") != "sig" or key.get("alg", alg) != alg:
        return False
    operations = key.get("key_ops", ["verify"])
    return isinstance(operations, list) and "verify" in operations


def _imported(key: Mapping[str, Any]) -> SigningKey | None:
    public = {name: key[name] for name in ("kty", "n", "e", "crv", "x", "y") if isinstance(key.get(name), str)}
    try:
        found = import_key(public)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if isinstance(found, RSAKey):
        return found if found.raw_value.key_size >= MIN_RSA_BITS else None
    return found if isinstance(found, ECKey) else None
