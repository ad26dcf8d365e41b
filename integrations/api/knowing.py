"""Why a reported error happened: by the provider's answer where the report holds it, and never by a guess."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from integrations.causes import Cause, explain
from integrations.limits.signals import is_limit
from integrations.models import Call
from integrations.models.call import Outcome
from integrations.providers.registry import catalogue

UNKNOWN = "reported"
TEST = "keylodge_test"
MAX_TITLE = 200
# Names of errors: of Node.js, and of Make (help.make.com/types-of-errors, 2026-11-22).
_BY_NAME = {
    **dict.fromkeys(("ETIMEDOUT", "ESOCKETTIMEDOUT", "ECONNABORTED", "ModuleTimeoutError"), Outcome.TIMEOUT),
    **dict.fromkeys(("ECONNREFUSED", "ENOTFOUND", "ECONNRESET", "EAI_AGAIN", "ConnectionError"), Outcome.UNREACHABLE),
    **dict.fromkeys(("InvalidAccessTokenError", "AccountValidationError"), Outcome.AUTH),
    "RateLimitError": Outcome.LIMITED,
}
_VARIES = re.compile(r"[0-9A-Fa-f]{8}-[0-9A-Fa-f-]{27}|\b(?=\w*\d)\w+\b|\*{4}\w*|\"[^\"]{0,80}\"|'[^']{0,80}'")


def cause_of(provider_key: str, status: int | None, answer: str, *, message: str, code: str) -> Cause:
    """Return why, from masked texts. Where nothing is known the message itself is the title."""
    if code == TEST:
        return explain(provider_key, None, "", TEST)
    found = explain(provider_key, status, answer or message)
    if found.is_known:
        return found
    return replace(explain(provider_key, None, "", UNKNOWN), title=_title(message))


def cause_of_row(call: Call) -> Cause:
    """Return why a reported error happened, from the row that was kept of it."""
    said: Mapping[str, Any] = call.reported or {}
    message, code = str(said.get("message", "")), str(said.get("code", ""))
    return cause_of(call.provider_key, call.status, call.response_body, message=message, code=code)


def _title(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= MAX_TITLE else f"{line[: MAX_TITLE - 1]}…"


def alike(message: str) -> str:
    """Return what two messages of the same error share: without ids, numbers and quoted values."""
    return _VARIES.sub("·", message)[:MAX_TITLE]


def outcome_of(status: int | None, code: str, answer: str) -> Outcome:
    """Return how the call ended, as far as the report says it."""
    if status is None or status < 400:
        return _BY_NAME.get(code, Outcome.UPSTREAM_ERROR)
    if is_limit(status, (), answer):
        return Outcome.LIMITED
    if status in (401, 403):
        return Outcome.AUTH
    return Outcome.CLIENT_ERROR if status < 500 else Outcome.UPSTREAM_ERROR


def provider_at(host: str) -> str:
    """Return the key of the one provider in the catalogue whose host this is, or nothing."""
    return _by_host().get(host.lower(), "")


@cache
def _by_host() -> dict[str, str]:
    owners: dict[str, set[str]] = {}
    for key, provider in catalogue().items():
        for host in provider.allowed_hosts:
            owners.setdefault(host.lower(), set()).add(key)
    return {host: next(iter(keys)) for host, keys in owners.items() if len(keys) == 1}
