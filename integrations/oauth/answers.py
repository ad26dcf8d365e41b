"""What a token endpoint answers, read without trusting it: a grant, or one of three kinds of refusal.

An answer holds tokens, so neither it nor any part of it but a short code enters a message, a log or
an exception. RFC 6749 sections 5.1 and 5.2; oddities are provider facts.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeGuard

from integrations.oauth.errors import AppWrong, BadMinute, GrantDead, GrantRefused
from integrations.providers.oauth_facts import OAuthFacts
from integrations.providers.spelling_facts import Spelling
from secrets_vault.secret import Secret

MAX_TTL_S = 10 * 365 * 86_400
CODE = re.compile(r"[a-z0-9_.\-]{1,60}")
# The field `error` is RFC 6749's; the others carry the code where a provider leaves it out.
CODE_FIELDS = ("error", "status", "code", "errorCode")

DEAD_CODES = frozenset(
    {
        "invalid_grant",
        "bad_refresh_token",
        "invalid_refresh_token",
        "token_revoked",
        "account_inactive",
        "consent_required",
        "interaction_required",
        "invalid_rapt",
    }
)
APP_CODES = frozenset(
    {
        "invalid_client",
        "unauthorized_client",
        "invalid_client_id",
        "deleted_client",
        "invalid_scope",
        "redirect_uri_mismatch",
        "unsupported_grant_type",
    }
)
TRANSIENT_CODES = frozenset({"temporarily_unavailable", "server_error", "slow_down", "ratelimited", "internal_error"})
ENDS_AT = "ends_at"  # where an answer's expires_at goes that is a moment in writing; Authlib takes it for a number
TRANSIENT_STATUSES = frozenset({408, 409, 425, 429})


class ProviderError(Exception):
    """What Authlib raises for an `error` answer, reduced to its code; the description may quote the token."""

    def __init__(self, error: Any = None, **_ignored: Any) -> None:
        self.code = read_code(error)
        super().__init__(self.code)


class UnreadableAnswer(ValueError):
    """The body is not a JSON object. Never chained: a JSON error carries the whole document."""


@dataclass(frozen=True)
class Answer:
    """An answer in the shape that Authlib reads: `status_code`, `json()`, `raise_for_status()`."""

    status_code: int
    headers: Iterable[tuple[Any, Any]] = field(repr=False)
    body: bytes = field(repr=False)
    spelling: Spelling = field(default_factory=Spelling, repr=False)

    def json(self) -> dict[str, Any]:
        """Return the cleaned JSON object. Raises UnreadableAnswer."""
        try:
            table = json.loads(self.body)
        except (ValueError, RecursionError):
            table = None
        if not isinstance(table, dict):
            raise UnreadableAnswer
        failed = self.status_code >= 400 or table.get("ok") is False or not _succeeded(table, self.spelling)
        return _cleaned(_read_as(self.spelling, table, failed=failed), failed=failed)

    def raise_for_status(self) -> None:
        """Raise for a failure that Authlib will not look into. Without the body, unlike other clients."""
        if self.status_code >= 400:
            raise UnreadableAnswer

    def header(self, name: str) -> str:
        """Return the first header of that name as text, or ""."""
        for key, value in self.headers:
            if _text(key).lower() == name:
                return _text(value)
        return ""


def _text(raw: Any) -> str:
    return raw.decode("latin-1") if isinstance(raw, bytes) else str(raw)


def _succeeded(table: dict[str, Any], spelling: Spelling) -> bool:
    """Tell whether an answer says of itself that it is no refusal, where a provider puts that into the body."""
    return not spelling.success_at or str(dig(table, spelling.success_at)) == spelling.success_is


def _read_as(spelling: Spelling, table: dict[str, Any], *, failed: bool) -> dict[str, Any]:
    """Return the table with the token, or a refusal with its code where RFC 6749 has it."""
    if failed:
        code = dig(table, spelling.error_at)
        return table | {"error": str(code)} if isinstance(code, str | int) else table
    inner = dig(table, spelling.answer_at)
    return dict(inner) if isinstance(inner, dict) else table


def _cleaned(table: dict[str, Any], *, failed: bool) -> dict[str, Any]:
    """Give a failure its `error`, and drop what Authlib would choke on: times that are no numbers."""
    if failed and "error" not in table:
        table["error"] = next((table[name] for name in CODE_FIELDS if isinstance(table.get(name), str)), "unknown")
    if not failed and table.get("error") in (None, ""):
        table.pop("error", None)
    for name in ("expires_at", "expires_in", "refresh_token_expires_in", "refresh_expires_in"):
        raw = table.pop(name, None)
        if name == "expires_at" and isinstance(raw, str) and "T" in raw:
            table[ENDS_AT] = raw
        seconds = read_seconds(raw)
        if seconds is not None and name != "expires_at":
            table[name] = seconds
    return table


def says_no(answer: Answer) -> bool:
    """Return whether an answer is a refusal: by its status, or with status 200 by `"ok": false` as Slack says it."""
    if not 200 <= answer.status_code < 300:
        return True
    try:
        told = answer.json()
        return told.get("ok") is False or ("error" in told and bool(answer.spelling.success_at))
    except UnreadableAnswer:
        return False  # what a confirmed revocation answers is of no account (RFC 7009 section 2.2)


def code_of(answer: Answer) -> str:
    """Return the error code of a failed answer that Authlib did not read (revocation, introspection)."""
    try:
        return read_code(answer.json().get("error"))
    except UnreadableAnswer:
        return "unreadable_answer"


def read_seconds(value: Any) -> int | None:
    """Return a lifetime in whole seconds, capped at ten years; None for anything that is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return int(min(seconds, MAX_TTL_S)) if math.isfinite(seconds) and seconds >= 1 else None


def read_code(error: Any) -> str:
    """Return an error code fit for a page and a log: lower case, short, of harmless characters."""
    code = error.lower() if isinstance(error, str) else ""
    return code if CODE.fullmatch(code) else "unknown"


@dataclass(frozen=True)
class Grant:
    """What the provider gave. `scopes` is None where it did not say; `extras` is the answer without its tokens.

    The id_token is read once, by `id_token.verify`, and never stored.
    """

    access_token: Secret
    refresh_token: Secret | None
    expires_in_s: int | None
    refresh_expires_in_s: int | None
    scopes: tuple[str, ...] | None
    id_token: Secret | None = field(default=None, repr=False)
    extras: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def fields(self, *, kept_refresh_token: Secret | None = None) -> dict[str, Secret]:
        """Return the fields to store; an absent refresh token means that the old one stays (RFC 6749 section 6)."""
        refresh_token = self.refresh_token or kept_refresh_token
        stored = {"access_token": self.access_token} if self.access_token else {}
        return stored | ({"refresh_token": refresh_token} if refresh_token else {})


TOKEN_FIELDS = frozenset({"access_token", "refresh_token", "id_token"})


def read_grant(table: Mapping[str, Any], facts: OAuthFacts, *, now: datetime, token_at: str) -> Grant:
    """Return the grant in a token answer. Raises BadMinute when it holds no access token."""
    access, id_token = dig(table, token_at), table.get("id_token")
    if not _is_token(access):
        raise BadMinute("no_access_token")
    refresh = table.get("refresh_token")
    return Grant(
        access_token=Secret(access),
        refresh_token=Secret(refresh) if _is_token(refresh) else None,
        expires_in_s=table.get("expires_in") or seconds_until(table.get(ENDS_AT), now) or facts.access_token_ttl_s,
        refresh_expires_in_s=table.get("refresh_token_expires_in") or table.get("refresh_expires_in"),
        id_token=Secret(id_token) if _is_token(id_token) else None,
        scopes=read_scopes(dig(table, facts.granted_scopes_at), facts.scope_separator),
        extras={name: value for name, value in table.items() if name not in {*TOKEN_FIELDS, token_at}},
    )


def seconds_until(moment: Any, now: datetime) -> int | None:
    """Return how long it is until a moment in writing (RFC 3339); None where it is none."""
    try:
        ends_at = datetime.fromisoformat(moment) if isinstance(moment, str) else None
    except ValueError:
        return None
    if ends_at is None or ends_at.tzinfo is None:
        return None
    return read_seconds((ends_at - now).total_seconds())


def _is_token(value: Any) -> TypeGuard[str]:
    """A token must be able to stand in a header (RFC 6750 section 2.1); anything else breaks every later call."""
    return isinstance(value, str) and 0 < len(value) <= 16_384 and value.isascii() and value.isprintable()


def read_scopes(value: Any, separator: str) -> tuple[str, ...] | None:
    """Return granted scopes from a list or a text, sorted; None where the answer names none."""
    if isinstance(value, str):
        value = value.replace(separator or " ", " ").replace(",", " ").split()
    if not isinstance(value, list):
        return None
    return tuple(sorted({scope for scope in value if isinstance(scope, str) and scope and len(scope) <= 300}))


def dig(table: Any, path: str) -> Any:
    """Return the value at a dotted path ("team.id", "0.tenantId"), or None."""
    for step in path.split(".") if path else ():
        if isinstance(table, list) and step.isdigit() and int(step) < len(table):
            table = table[int(step)]
        elif isinstance(table, Mapping):
            table = table.get(step)
        else:
            return None
    return table if path else None


def refusal(facts: OAuthFacts, *, code: str, answer: Answer, now: datetime) -> GrantRefused:
    """Return the exception that says what a failed answer means, by provider facts first, then in general.

    A busy or broken server is never taken for a dead grant, whatever its body says: a grant declared
    dead costs a person a new consent.
    """
    status = answer.status_code
    if status >= 500 or status in TRANSIENT_STATUSES or code in TRANSIENT_CODES | _lower(facts.refresh.transient_codes):
        return BadMinute(code, status=status, retry_after_s=retry_after_s(answer.header("retry-after"), now=now))
    if code in DEAD_CODES | _lower(facts.refresh.dead_codes):
        return GrantDead(code, status=status)
    if code in APP_CODES or status == 401:
        return AppWrong(code, status=status)
    return BadMinute(code, status=status)


CLOCK_MAY_BE_OFF_S = 30.0


def is_clock_off(answer: Answer | None, *, now: datetime) -> bool:
    """Tell whether the answer's Date is so far from our time that a JWT's times would be refused for it."""
    if answer is None:
        return False
    try:
        theirs = parsedate_to_datetime(answer.header("date"))
    except (ValueError, OverflowError, TypeError):
        return False
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=UTC)
    return abs((theirs - now).total_seconds()) > CLOCK_MAY_BE_OFF_S


def _lower(codes: Iterable[str]) -> frozenset[str]:
    return frozenset(code.lower() for code in codes)


def retry_after_s(header: str, *, now: datetime) -> float | None:
    """Return how many seconds a Retry-After asks for, 1 s to 1 h; None where it cannot be read (RFC 9110 10.2.3)."""
    if header.isascii() and header.isdigit():
        return min(max(float(header[:9]), 1.0), 3600.0)
    try:
        wanted_at = parsedate_to_datetime(header)
    except (ValueError, OverflowError, TypeError):
        return None
    if wanted_at.tzinfo is None:
        wanted_at = wanted_at.replace(tzinfo=UTC)
    return min(max((wanted_at - now).total_seconds(), 1.0), 3600.0)
