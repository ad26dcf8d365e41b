"""A key set, fetched from the address that a person named, never from one in a token (RFC 8725 section 3.10)."""

from __future__ import annotations

import json
from collections.abc import Callable

from integrations import outbound
from integrations.errors import IntegrationError
from integrations.jwt.keys import BadKey, CheckingKey, of_jwks
from integrations.outbound import OutboundError

DEADLINE_S = 5.0
MAX_BYTES = 128 * 1024

Send = Callable[..., outbound.Answer]


class KeysNotFetched(IntegrationError):
    """The key set could not be had just now, or is none. `code` says why."""

    code = "keys_not_fetched"

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(f"no key set: {code}")


def fetched_keys(jwks_url: str, *, send: Send = outbound.send) -> tuple[CheckingKey, ...]:
    """Return the keys at an address. Redirects are not followed. Raises KeysNotFetched."""
    headers = {"Accept": "application/json"}
    try:
        answer = send("GET", jwks_url, headers=headers, deadline_s=DEADLINE_S, max_bytes=MAX_BYTES)
    except OutboundError as error:
        raise KeysNotFetched(error.code) from None
    if answer.status != 200:
        raise KeysNotFetched("redirect" if 300 <= answer.status < 400 else "status")
    try:
        table = json.loads(answer.body)
        rows = table["keys"]
        return of_jwks(rows if isinstance(rows, list) else [])
    except (ValueError, RecursionError, KeyError, TypeError, BadKey):
        raise KeysNotFetched("no_key_set") from None
