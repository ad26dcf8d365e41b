"""Read what is left of a provider's limits from the headers of one answer."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from integrations.limits import ietf, units
from integrations.limits.quota import Reading
from integrations.outbound.by_names import by_names
from integrations.providers.limit_facts import Limit
from integrations.providers.shape import Provider

Headers = Mapping[str, str] | Iterable[tuple[bytes, bytes]]
DIALECTS_FILE = Path(__file__).with_name("dialects.toml")
USED_OF = re.compile(r"(?:^|[=\s,;])(\d{1,18})\s*/\s*(\d{1,18})", re.ASCII)
PERCENT = re.compile(r'"(?:call_count|total_cputime|total_time|acc_id_util_pct)"\s*:\s*(\d{1,4}(?:\.\d+)?)', re.ASCII)
HEADER_FIELDS = ("limit", "remaining", "used", "reset", "window_ms_header", "window_s_header", "bucket_header", "value")
BUCKET = re.compile(r"[\w .:/-]+", re.ASCII)
WINDOW = re.compile(r";\s*w=(\d{1,9})")
PAIR = re.compile(r"(\w+)\s*=\s*(\d+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Row:
    """Which headers say what about one bucket. `form` names values that hold several numbers at once.

    `unit` is what the numbers count, where that is not calls: tokens, points, percent, calls at the same time.
    """

    bucket: str
    limit: str = ""
    remaining: str = ""
    used: str = ""
    reset: str = ""
    reset_unit: str = ""
    window_s: int | None = None
    window_ms_header: str = ""
    window_s_header: str = ""
    bucket_header: str = ""
    value: str = ""
    form: str = ""
    is_rolling: bool = False
    unit: str = "calls"


def read_limits(headers: Headers, *, status: int, now: datetime, provider: Provider) -> list[Reading]:
    """Return what one answer says about the provider's limits, one reading a bucket.

    The provider's dialect is tried first, then the families that many vendors share. A 429 that names
    only a wait gives a reading of the bucket "wait" with nothing remaining.
    """
    pairs = _raw(headers) if isinstance(headers, Mapping) else list(headers)
    told = _told_by(tuple([name for name, _ in pairs]), provider.rate_limit_dialect)
    if told is None:
        return []
    folded: dict[str, str] = {}
    for place, name in told.places:
        value = pairs[place][1].decode("latin-1")
        folded[name] = f"{folded[name]}, {value}" if name in folded else value
    readings = _read_rows(told.rows, folded, now=now)
    if not readings and told.has_ietf:
        readings = ietf.read(folded, now=now)
    readings = readings or _read_rows(told.generic, folded, now=now)
    wait = units.wait_s(folded, now=now)
    if status == 429 and wait is not None and not any(reading.remaining == 0 for reading in readings):
        readings.append(Reading("wait", remaining=0, resets_at=now + timedelta(seconds=wait)))
    return readings


@dataclass(frozen=True, slots=True)
class _Told:
    """What headers of these names can say: which of them (place, name in lower case), and to which rows."""

    places: tuple[tuple[int, str], ...]
    rows: tuple[Row, ...]
    has_ietf: bool
    generic: tuple[Row, ...]


@by_names
def _told_by(names: tuple[bytes, ...], dialect: str) -> _Told | None:
    """Return what headers of these names can say about limits, None where it is nothing: so with most answers."""
    known = known_names()
    spelled = [name.decode("latin-1").lower() for name in names]
    places = tuple((place, name) for place, name in enumerate(spelled) if name in known)
    present = {name for _, name in places}
    if not present:
        return None
    rows, generic = (
        tuple(row for row in dialects().get(group, ()) if not present.isdisjoint((row.limit, row.remaining, row.value)))
        for group in (dialect, "generic")
    )
    return _Told(places, rows, not present.isdisjoint(ietf.NAMES), generic)


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]


def documented_limits(provider: Provider, *, kind: str = "", environment: str = "") -> list[Reading]:
    """Return the limits that the provider's pages name, for a kind of credential in live or test mode.

    Where several rows name one bucket, the first that fits counts: the facts list the smallest plan first.
    """
    readings: dict[str, Reading] = {}
    for limit in fitting_limits(provider, kind=kind, environment=environment):
        if limit.bucket not in readings:
            readings[limit.bucket] = Reading(limit.bucket, limit.limit, None, limit.window_s, None, "documented")
    return list(readings.values())


def fitting_limits(provider: Provider, *, kind: str = "", environment: str = "") -> list[Limit]:
    """Return the rows of the facts that hold for a kind of credential in live or test mode."""
    return [
        limit
        for limit in provider.limits
        if (not kind or not limit.kinds or kind in limit.kinds)
        and (not environment or not limit.environment or environment == limit.environment)
    ]


def fold(headers: Headers) -> dict[str, str]:
    """Return headers by lower-case name. A name sent twice is joined by a comma (RFC 9110 section 5.3)."""
    if isinstance(headers, Mapping):
        return {name.lower(): value for name, value in headers.items()}
    folded: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        folded[name] = f"{folded[name]}, {value}" if name in folded else value
    return folded


@cache
def known_names() -> frozenset[str]:
    """Return every header that some dialect reads: most of an answer's headers need no look."""
    rows = [row for group in dialects().values() for row in group]
    return frozenset(getattr(row, field) for row in rows for field in HEADER_FIELDS) | ietf.NAMES | units.WAIT_NAMES


@cache
def dialects() -> Mapping[str, tuple[Row, ...]]:
    """Return the header rows of every dialect, from dialects.toml."""
    tables = tomllib.loads(DIALECTS_FILE.read_text(encoding="utf-8"))
    return {name: tuple(Row(**row) for row in rows) for name, rows in tables.items()}


def _read_rows(rows: Iterable[Row], headers: Mapping[str, str], *, now: datetime) -> list[Reading]:
    readings: dict[str, Reading] = {}
    for row in rows:
        for reading in _read_row(row, headers, now=now):
            readings.setdefault(reading.bucket, reading)
    return list(readings.values())


def _read_row(row: Row, headers: Mapping[str, str], *, now: datetime) -> Iterator[Reading]:
    if row.form:
        yield from _read_form(row, headers.get(row.value, ""), now=now)
        return
    limit, remaining = units.count(headers.get(row.limit)), units.count(headers.get(row.remaining))
    limit = limit or None  # some vendors send 0 or -1 for "not known"
    if remaining is None and limit is not None and (used := units.count(headers.get(row.used))) is not None:
        remaining = max(0, limit - used)
    if remaining is None and limit is None:
        return
    window_s = _window_s(row, headers)
    resets_at = _resets_at(row, headers, window_s, now=now)
    bucket = _bucket(row, headers)
    family = row.bucket if bucket != row.bucket else ""
    yield Reading(bucket, limit, remaining, window_s, resets_at, unit=row.unit, family=family)


def _bucket(row: Row, headers: Mapping[str, str]) -> str:
    if row.bucket_header not in headers:
        return row.bucket
    name = headers[row.bucket_header].strip().lower()[:60]
    return name if BUCKET.fullmatch(name) else row.bucket


def _window_s(row: Row, headers: Mapping[str, str]) -> int | None:
    if (window_ms := units.count(headers.get(row.window_ms_header))) is not None:
        return max(1, round(window_ms / 1000))
    if (window_s := units.count(headers.get(row.window_s_header))) is not None:
        return window_s or None
    in_limit = WINDOW.search(headers.get(row.limit, ""))
    return int(in_limit[1]) if in_limit else row.window_s


def _resets_at(row: Row, headers: Mapping[str, str], window_s: int | None, *, now: datetime) -> datetime | None:
    """Return the reset; of a rolling window without one, the moment when it is surely empty."""
    if row.reset in headers:
        return units.reset_at(headers[row.reset], now=now, unit=row.reset_unit)
    return units.after(window_s, now=now) if row.is_rolling and window_s else None


def _read_form(row: Row, value: str, *, now: datetime) -> Iterator[Reading]:
    if row.form == "used_of_limit" and (match := USED_OF.search(value)):
        used, limit = int(match[1]), int(match[2])
        yield Reading(row.bucket, limit, max(0, limit - used), row.window_s, unit=row.unit)
    elif row.form == "percent" and (percents := [float(number) for number in PERCENT.findall(value)]):
        left = max(0, 100 - round(max(percents)))
        yield Reading(row.bucket, 100, left, row.window_s, unit="percent")
    elif row.form == "pairs" and (pairs := dict(PAIR.findall(value))):
        resets = pairs.get("resets") or pairs.get("reset")
        at = units.reset_at(resets, now=now) if resets else None
        limit_text = pairs.get("total") or pairs.get("limit")
        remaining = units.count(pairs.get("remaining"))
        yield Reading(row.bucket, units.count(limit_text), remaining, row.window_s, at, unit=row.unit)
