"""Limits that do not say 429, and 429s that no repeat can help."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from integrations.limits import units
from integrations.limits.reading import Headers, fold
from integrations.providers.shape import Provider

LOOKED_AT_BYTES = 8_192
ALWAYS_A_LIMIT = frozenset({429, 420, 509, 529})
CODE = re.compile(
    r'"(?:code|type|error|errorCode|error_code|category|subCategory|policyName|errorType|reason|status|__type)"'
    r'\s*:\s*"([\w.\-: ]{1,80})"',
    re.ASCII,
)
REMAINING = ("x-ratelimit-remaining", "ratelimit-remaining", "x-rate-limit-remaining")
# Money is gone or a day's quota is used up: the same call answers the same until a person acts or the day ends.
NEVER_REPEATED = frozenset({
    "insufficient_quota", "credit_balance_exhausted", "billing_hard_limit_reached", "enforced_spend_limit_reached",
    "PUBLIC_API_BILLING_LIMIT_EXCEEDED", "DAILY_LIMIT_EXCEEDED", "dailyLimitExceeded", "quotaExceeded",
    "UsageCapExceeded",
})  # fmt: skip


def error_codes(body: bytes | str) -> tuple[str, ...]:
    """Return the machine-readable codes in the beginning of an error body, in order, whole JSON or cut short."""
    text = body[:LOOKED_AT_BYTES]
    readable = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return tuple(dict.fromkeys(CODE.findall(readable)))


def is_limit(status: int, headers: Headers, body: bytes | str = b"", *, provider: Provider | None = None) -> bool:
    """Return whether an answer means "too many calls": by its status, or by the provider's own signal.

    A 403 is a limit when its headers say that nothing remains, or that waiting helps.
    """
    if status in ALWAYS_A_LIMIT:
        return True
    if status == 403 and _says_wait(fold(headers)):
        return True
    words = [words for signal in (provider.limit_signals if provider else ()) if signal.status == status
             for words in signal.any_of]  # fmt: skip
    if not words:
        return False
    codes = error_codes(body)
    return any(word in codes for word in words)


def never_repeat(codes: str | Iterable[str], *, provider: Provider | None = None) -> bool:
    """Return whether a code (or one of several) means that repeating is useless, although it looks like a limit."""
    known = NEVER_REPEATED.union(provider.never_repeat) if provider else NEVER_REPEATED
    return not known.isdisjoint([codes] if isinstance(codes, str) else codes)


def _says_wait(headers: Mapping[str, str]) -> bool:
    return "retry-after" in headers or any(units.count(headers.get(name)) == 0 for name in REMAINING)
