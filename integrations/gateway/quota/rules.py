"""Which quotas a call needs a permit of: those that the provider's facts name, and those that its answers have taught.

Pure. What answers say goes before what the facts say, since a plan may allow more or less. A documented limit over a
longer time than an hour is shown and not enforced: how much it is depends on the plan, and when it begins anew is
known to the provider alone, so our own count could turn calls away that it would let through.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from integrations.gateway import target
from integrations.gateway.quota.window import LONG_S, Quota
from integrations.limits import Reading
from integrations.providers.limit_facts import Limit

MOST_LEARNT = 20
MOST_CLASSES = 16
# A window that nobody names is told by how far away its reset is at most: it is one of these.
USUAL_S = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 2_678_400)


@dataclass(frozen=True, slots=True)
class Whose:
    """Who shares a quota: this connection, all of its OAuth app, or all that reach the same account."""

    connection_id: UUID
    provider_key: str
    app_id: UUID | None = None
    account_id: str = ""

    def key(self, scope: str) -> str:
        """Return the name of those who share; where app or account is not known, it is the connection alone."""
        app, account = str(self.app_id or ""), self.account_id
        parts = {"app": (app,), "account": (account,), "app_account": (app, account)}.get(scope, ())
        if not parts or not all(parts):
            return f"c:{self.connection_id}"
        # An account's id is the client's own affair: a digest serves as well.
        digest = hashlib.blake2b("\0".join((self.provider_key, *parts)).encode(), digest_size=12).hexdigest()
        return f"{scope}:{digest}"


@dataclass(frozen=True, slots=True)
class Rule:
    """One quota and the calls it is for. `classes` are those of a learnt one, `not_in` those of its family's others."""

    key: str
    bucket: str
    quota: Quota
    paths: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    classes: frozenset[str] = frozenset()
    not_in: frozenset[str] = frozenset()

    @property
    def is_narrow(self) -> bool:
        """Tell whether it is for some calls only."""
        return bool(self.paths or self.methods or self.classes)

    def is_for(self, method: str, path: bytes) -> bool:
        """Tell whether a call counts here. `path` is the raw path below the base URL."""
        if self.methods and method not in self.methods:
            return False
        if self.classes or self.not_in:
            place = class_of(path)
            if place in self.not_in or (self.classes and place not in self.classes):
                return False
        return target.is_allowed(path, self.paths)

    @property
    def words(self) -> str:
        """Return the quota as in "190 in 10 s"."""
        return f"{self.quota.limit} in {self.quota.window_s:g} s"


@dataclass(frozen=True, slots=True)
class Learnt:
    """A quota that answers have named. Of one family, a call counts in the one that lists its class, else in the one
    that lists none.
    """

    family: str
    bucket: str
    limit: int
    window_s: int
    classes: tuple[str, ...] = ()


def class_of(path: bytes) -> str:
    """Return the beginning of a path: where a provider keeps several quotas under one name, it tells them apart."""
    return b"/".join(path.split(b"/", 3)[:3]).decode("latin-1")[:80]


def learn(known: tuple[Learnt, ...], readings: Iterable[Reading], *, path: bytes, now: datetime) -> tuple[Learnt, ...]:
    """Return what is known after an answer to a call of this path: the same tuple where nothing is new."""
    learnt = known
    for reading in readings:
        if reading.unit == "calls" and reading.limit and (window_s := _window_s(learnt, reading, now=now)):
            new = Learnt(reading.family or reading.bucket, reading.bucket, reading.limit, window_s)
            learnt = _placed(learnt, new, seen_in=path)
    return learnt


def is_known(learnt: Sequence[Learnt], readings: Iterable[Reading], *, now: float) -> bool:
    """Tell at little cost whether an answer teaches nothing.

    `now` is a Unix time. Of most answers that is so: each names the one quota of a family of one, over a time that
    is known. `learn` would then return what it was given, but for a reset that lies within the known time: from that
    it would take the next usual one instead.
    """
    for reading in readings:
        if reading.unit != "calls" or not reading.limit:
            continue
        family = [one for one in learnt if one.family == (reading.family or reading.bucket)]
        if len(family) != 1:
            return False
        one = family[0]
        if (one.bucket, one.limit) != (reading.bucket, reading.limit):
            return False
        if reading.window_s is not None:
            is_same = reading.window_s == one.window_s
        else:
            is_same = reading.resets_at is None or reading.resets_at.timestamp() - now <= one.window_s
        if not is_same:
            return False
    return True


def _window_s(learnt: Sequence[Learnt], reading: Reading, *, now: datetime) -> int | None:
    """Return the window as it was said, else the longest that any reset of this limit has been away."""
    if reading.window_s is not None or reading.resets_at is None:
        return reading.window_s
    left_s = (reading.resets_at - now).total_seconds()
    seen = next((usual for usual in USUAL_S if usual >= left_s), USUAL_S[-1])
    known = [one.window_s for one in learnt if (one.bucket, one.limit) == (reading.bucket, reading.limit)]
    return max([*known, seen]) if left_s > 0 or known else None


def _placed(learnt: tuple[Learnt, ...], new: Learnt, *, seen_in: bytes) -> tuple[Learnt, ...]:
    """Return what is known once an answer in this place has named a quota."""
    family = [one for one in learnt if one.family == new.family]
    same = next((one for one in family if (one.bucket, one.limit) == (new.bucket, new.limit)), None)
    if same is not None and same.window_s == new.window_s and len(family) == 1:
        return learnt
    place = class_of(seen_in)
    others = [one for one in family if one is not same]
    freed = [replace(one, classes=tuple(each for each in one.classes if each != place)) for one in others]
    kept = [after for before, after in zip(others, freed, strict=True) if after.classes or not before.classes]
    classes = same.classes if same is not None else ()
    if kept and (same is None or same.classes) and place not in classes:
        classes = (*classes, place)
    if len(classes) > MOST_CLASSES:  # the plan has changed, or this is the usual quota and another was seen first
        classes, kept = (), [one for one in kept if one.classes]
    if not kept:
        classes = ()
    placed = [*kept, replace(new, classes=classes)]
    if sorted(placed, key=str) == sorted(family, key=str):
        return learnt
    return (*(one for one in learnt if one.family != new.family), *placed)[-MOST_LEARNT:]


def rules(whose: Whose, documented: Sequence[Limit], learnt: Sequence[Learnt], *, line: float) -> tuple[Rule, ...]:
    """Return the quotas of a connection, the longest window first: a permit of it may wait for the others' longest."""
    told = [_learnt_rule(whose, one, documented, learnt, line=line) for one in learnt]
    buckets, windows = {one.bucket for one in learnt}, {one.window_s for one in learnt}
    found: dict[tuple[str, tuple[str, ...], tuple[str, ...]], Rule] = {}
    for limit in documented:
        is_told = not limit.paths and not limit.methods and (limit.bucket in buckets or limit.window_s in windows)
        if limit.unit != "calls" or limit.window_s > LONG_S or is_told:
            continue
        # The facts list the smallest plan first, and it is the one to begin with.
        found.setdefault((limit.bucket, limit.paths, limit.methods), _documented_rule(whose, limit, line=line))
    return tuple(sorted([*told, *found.values()], key=lambda rule: -rule.quota.window_s))


def _documented_rule(whose: Whose, limit: Limit, *, line: float) -> Rule:
    key = f"{whose.key(limit.scope)}:{limit.bucket}:{limit.limit}/{limit.window_s}"
    return Rule(key, limit.bucket, Quota(limit.limit, limit.window_s, line), limit.paths, limit.methods)


def _learnt_rule(
    whose: Whose, one: Learnt, documented: Sequence[Limit], learnt: Sequence[Learnt], *, line: float
) -> Rule:
    scopes = [limit.scope for limit in documented if one.bucket == limit.bucket or one.window_s == limit.window_s]
    key = f"{whose.key(scopes[0] if scopes else 'connection')}:{one.bucket}:{one.limit}/{one.window_s}"
    others = (each for other in learnt if other.family == one.family and other is not one for each in other.classes)
    quota = Quota(one.limit, one.window_s, line)
    not_in = frozenset() if one.classes else frozenset(others)
    return Rule(key, one.bucket, quota, classes=frozenset(one.classes), not_in=not_in)


def dump(learnt: Iterable[Learnt]) -> bytes:
    """Return what was learnt as bytes that outlive a restart."""
    return json.dumps([[one.family, one.bucket, one.limit, one.window_s, one.classes] for one in learnt]).encode()


def load(raw: bytes) -> tuple[Learnt, ...]:
    """Return what was dumped; nothing where it cannot be read."""
    try:
        rows = [(str(f), str(b), int(n), int(w), tuple(map(str, c))) for f, b, n, w, c in json.loads(raw)]
    except (ValueError, TypeError):
        return ()
    return tuple(Learnt(*row) for row in rows if row[2] > 0 < row[3])
