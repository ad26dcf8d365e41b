"""What a caller asks of the gateway itself, in its X-Keylodge-* headers. None of them goes upstream.

A new one is a field of `Asked` and a line in `READ`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from integrations.gateway.problems import Problem
from integrations.tokens import LONGEST_WAIT_S

Headers = list[tuple[bytes, bytes]]

PREFIX = b"x-keylodge-"
LONGEST_KEY = 255
LONGEST_URL = 2000
SECONDS = re.compile(r"[0-9]{1,4}(\.[0-9]{1,3})?", re.ASCII)

ON_FAILURE, ALWAYS, NEVER = "on-failure", "always", "never"


@dataclass(frozen=True, slots=True)
class Asked:
    """What one request asks for; "" or None where it does not say.

    `queue`: whether the call is kept where it fails. `idempotency_key`: under which a kept call is the same call.
    `callback`: where to say how a kept call ended; an address may be all that guards its door, so it is a secret.
    `max_wait_s`: how long the call may wait for the provider's limit; what takes longer is answered 429 at once.
    `cache`: whether the last good answer is given where it fails.
    """

    queue: str = ""
    idempotency_key: str = field(default="", repr=False)
    callback: str = field(default="", repr=False)
    max_wait_s: float | None = None
    cache: str = ""


NOTHING = Asked()


class NotUnderstood(Exception):
    """A value is none of those that a header may have. The message names them."""


def asked(headers: Headers) -> Asked:
    """Return what a request asks for; raises Problem header_invalid, which names the header and what it may say."""
    ours = [(name.lower(), value) for name, value in headers if name[:11].lower() == PREFIX]
    found: dict[str, Any] = {}
    for name, value in ours:
        if name not in READ:
            continue
        attribute, read = READ[name]
        if attribute in found:
            raise Problem("header_invalid", detail=f"{_shown(name)} stands there twice. Send it once.")
        try:
            found[attribute] = read(value.strip().decode("latin-1"))
        except NotUnderstood as wanted:
            raise Problem("header_invalid", detail=f"{_shown(name)} is {wanted}.") from None
    return Asked(**found) if found else NOTHING


def one_of(*words: str) -> Callable[[str], str]:
    """Return what reads one of these words, in any case."""

    def read(value: str) -> str:
        if value.lower() not in words:
            raise NotUnderstood(f"{', '.join(words[:-1])} or {words[-1]}")
        return value.lower()

    return read


def key(value: str) -> str:
    """Return a name that a caller gives to a call."""
    if not 0 < len(value) <= LONGEST_KEY or not (value.isascii() and value.isprintable()):
        raise NotUnderstood(f"1 to {LONGEST_KEY} printable characters of ASCII")
    return value


def address(value: str) -> str:
    """Return an address. Whether anything may be sent there is asked when something is."""
    is_plain = value.isascii() and value.isprintable() and " " not in value
    if not is_plain or len(value) > LONGEST_URL or not value.startswith(("https://", "http://")):
        raise NotUnderstood(f"an https address of at most {LONGEST_URL} characters")
    return value


def seconds(value: str) -> float:
    """Return a number of seconds."""
    if not SECONDS.fullmatch(value) or float(value) > LONGEST_WAIT_S:
        raise NotUnderstood(f"a number of seconds from 0 to {LONGEST_WAIT_S:.0f}")
    return float(value)


def _shown(name: bytes) -> str:
    return "X-Keylodge-" + name[len(PREFIX) :].decode("ascii").title()


READ: dict[bytes, tuple[str, Callable[[str], Any]]] = {
    b"x-keylodge-queue": ("queue", one_of(ON_FAILURE, ALWAYS, NEVER)),
    b"x-keylodge-idempotency-key": ("idempotency_key", key),
    b"x-keylodge-callback": ("callback", address),
    b"x-keylodge-max-wait": ("max_wait_s", seconds),
    b"x-keylodge-cache": ("cache", one_of(ON_FAILURE, NEVER)),
}
