"""The IETF's RateLimit headers, in the three syntaxes that are on the wire.

RateLimit-Limit: 100, 100;w=60 / RateLimit-Remaining / RateLimit-Reset     drafts 00 to 02
RateLimit: limit=100, remaining=50, reset=5                                drafts 03 to 07
RateLimit: "burst";r=50;t=30 and RateLimit-Policy: "burst";q=100;w=60      drafts 08 on
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from integrations.limits import units
from integrations.limits.quota import Reading

ITEM = re.compile(r'(?:"((?:[^"\\]|\\.){1,60})"|([A-Za-z*][\w.*:/-]{0,59}))((?:\s*;\s*[a-z]+=[^;,"]{1,40})+)', re.ASCII)
PARAMETER = re.compile(r";\s*([a-z]+)=\s*([^;,\s]+)", re.ASCII)
FIELD = re.compile(r"(limit|remaining|reset)\s*=\s*(\d{1,18})", re.ASCII)
QUOTA = re.compile(r"(\d{1,18})\s*;\s*w=(\d{1,9})", re.ASCII)
PREFIXES = ("", "beta-")
NAMES = frozenset(
    [f"{prefix}ratelimit{end}" for prefix in PREFIXES for end in ("", "-policy", "-limit", "-remaining", "-reset")]
)


def read(headers: Mapping[str, str], *, now: datetime) -> list[Reading]:
    """Return the readings of whichever syntax is there, else none. `headers` has lower-case names."""
    for prefix in PREFIXES:
        state = headers.get(f"{prefix}ratelimit", "")
        policy = headers.get(f"{prefix}ratelimit-policy", "")
        if found := _items(state, policy, now=now) or _fields(state, policy, now=now):
            return found
    return _separate(headers, now=now)


def _items(state: str, policy: str, *, now: datetime) -> list[Reading]:
    quotas, found = _parse(policy), []
    for name, parameters in _parse(state).items():
        quota = quotas.get(name, {})
        reset = parameters.get("t")
        found.append(
            Reading(
                name,
                units.count(quota.get("q")) or None,
                units.count(parameters.get("r")),
                units.count(quota.get("w")),
                units.reset_at(reset, now=now) if reset else None,
            )
        )
    return found


def _parse(value: str) -> dict[str, dict[str, str]]:
    return {quoted or bare: dict(PARAMETER.findall(rest)) for quoted, bare, rest in ITEM.findall(value)}


def _fields(state: str, policy: str, *, now: datetime) -> list[Reading]:
    fields = dict(FIELD.findall(state))
    if "remaining" not in fields:
        return []
    at = units.reset_at(fields["reset"], now=now) if "reset" in fields else None
    limit = units.count(fields.get("limit")) or None
    return [Reading("requests", limit, units.count(fields["remaining"]), _window_s(policy, limit), at)]


def _separate(headers: Mapping[str, str], *, now: datetime) -> list[Reading]:
    remaining = units.count(headers.get("ratelimit-remaining"))
    stated, policy = headers.get("ratelimit-limit", ""), headers.get("ratelimit-policy", "")
    limit = units.count(stated) or None  # 0 is "not known", as in other dialects
    if remaining is None and limit is None:
        return []
    reset = headers.get("ratelimit-reset")
    at = units.reset_at(reset, now=now) if reset else None
    return [Reading("requests", limit, remaining, _window_s(f"{stated}, {policy}", limit), at)]


def _window_s(policy: str, limit: int | None) -> int | None:
    """Return the window of the quota that equals the limit, or of the only one there is."""
    windows = {int(quota): int(window) for quota, window in QUOTA.findall(policy)}
    if limit in windows:
        return windows[limit]
    return next(iter(windows.values())) if len(windows) == 1 else None
