"""Limits that do not say 429, and 429s that no repeat can help."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from integrations.limits import units
from integrations.limits.reading import Headers, fold
from integrations.providers.limit_facts import LimitSignal
from integrations.providers.shape import Provider

LOOKED_AT_BYTES = 8_192
ALWAYS_A_LIMIT = frozenset({429, 420, 509, 529})
CODE = re.compile(
    r'"(?:code|type|Type|error|errorCode|error_code|category|subCategory|policyName|errorType|reason|status|__type'
    r'|title|name)"'
    r'\s*:\s*"([\w.\-: ]{1,80})"',
    re.ASCII,
)
REMAINING = ("x-ratelimit-remaining", "ratelimit-remaining", "x-rate-limit-remaining", "x-toggl-quota-remaining")
# Money is gone or a day's quota is used up: the same call answers the same until a person acts or the day ends.
NEVER_REPEATED = frozenset({
    "insufficient_quota", "credit_balance_exhausted", "billing_hard_limit_reached", "enforced_spend_limit_reached",
    "PUBLIC_API_BILLING_LIMIT_EXCEEDED", "DAILY_LIMIT_EXCEEDED", "dailyLimitExceeded", "quotaExceeded",
    "UsageCapExceeded",
})  # fmt: skip


def error_codes(body: bytes | str) -> tuple[str, ...]:
    """Return the machine-readable codes in the beginning of an error body, in order, whole JSON or cut short."""
    return tuple(dict.fromkeys(CODE.findall(_beginning(body))))


def _beginning(body: bytes | str) -> str:
    text = body[:LOOKED_AT_BYTES]
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text


def is_limit(status: int, headers: Headers, body: bytes | str = b"", *, provider: Provider | None = None) -> bool:
    """Return whether an answer means "too many calls": by its status, or by the provider's own signal.

    A 403 is a limit when its headers say that nothing remains, or that waiting helps.
    """
    if status in ALWAYS_A_LIMIT:
        return True
    if status == 403 and _says_wait(fold(headers)):
        return True
    return any(_is_said(signal, headers, body) for signal in _signals(status, provider))


def may_be_limit(status: int, *, provider: Provider) -> bool:
    """Return whether the body of an answer that succeeded by its status has to be looked at: facts say so, or not."""
    return status < 400 and bool(_signals(status, provider))


def _signals(status: int, provider: Provider | None) -> list[LimitSignal]:
    return [signal for signal in (provider.limit_signals if provider else ()) if signal.status == status]


def _is_said(signal: LimitSignal, headers: Headers, body: bytes | str) -> bool:
    if signal.asks_to_wait and _says_wait(fold(headers)):
        return True
    text = _beginning(body)
    if any(said in text for said in signal.says):
        return True
    if not any(code in text for code in signal.any_of):  # most answers hold none: they are not taken apart
        return False
    if signal.false_at and not _is_false(body, signal.false_at):
        return False
    codes = _codes_at(body, signal.code_at) if signal.code_at else error_codes(body)
    return not set(signal.any_of).isdisjoint(codes)


def _is_false(body: bytes | str, field: str) -> bool:
    """Tell whether a field of a whole, small JSON object is false."""
    table = _whole(body)
    return isinstance(table, dict) and table.get(field) is False


def asked_wait_s(headers: Mapping[str, str], body: bytes | str, *, provider: Provider, now: datetime) -> float | None:
    """Return the wait that an answer asks for: by its head, else the longest that its body says where the facts know.

    `headers` has lower-case names. In the body a wait is in seconds, or a duration such as "13s".
    """
    if (by_head := units.wait_s(headers, now=now)) is not None or not provider.wait_at:
        return by_head
    said = [text for path in provider.wait_at for text in _codes_at(body, path)]
    waits = [units.retry_after_s(text, now=now) or units.go_duration_s(text) for text in said]
    return max((min(wait, units.MAX_WAIT_S) for wait in waits if wait), default=None)


def _codes_at(body: bytes | str, path: str) -> list[str]:
    """Return the codes at a path of a whole, small JSON body; * in the path is each of a list."""
    found = [_whole(body)]
    for step in path.split("."):
        if step == "*":
            found = [item for each in found if isinstance(each, list) for item in each]
        else:
            found = [each[step] for each in found if isinstance(each, dict) and step in each]
    return [str(each) for each in found if isinstance(each, str | int | float)]


def _whole(body: bytes | str) -> object:
    """Return a small body as JSON, or None for what is large, cut short or none."""
    if len(body) > LOOKED_AT_BYTES:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def never_repeat(codes: str | Iterable[str], *, provider: Provider | None = None) -> bool:
    """Return whether a code (or one of several) means that repeating is useless, although it looks like a limit."""
    known = NEVER_REPEATED.union(provider.never_repeat) if provider else NEVER_REPEATED
    return not known.isdisjoint([codes] if isinstance(codes, str) else codes)


def _says_wait(headers: Mapping[str, str]) -> bool:
    return "retry-after" in headers or any(units.count(headers.get(name)) == 0 for name in REMAINING)
