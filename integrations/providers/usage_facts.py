"""Facts about use: where an answer says what it used, where a provider says it, and which path takes many at once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from integrations.providers.parts import KINDS, one_of

DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
PATH = re.compile(r"(?:/(?:\*|[\w.:$~-]+))+")
TARGET = re.compile(r"(?:/(?:\{[1-9]\}|[\w.:$~-]+))+")


def _check_dotted(**named: tuple[str, ...]) -> None:
    for name, places in named.items():
        for place in places:
            if place and not DOTTED.fullmatch(place):
                raise ValueError(f"{name}: {place} is no dotted name, as in usage.input_tokens")


def _check_source(name: str, url: str) -> None:
    if not url.startswith("https://"):
        raise ValueError(f"{name}: must be the address of a page that says so")


@dataclass(frozen=True, slots=True)
class Metering:
    """How an answer of an AI provider says what a call used: one form of it.

    `at` names the objects that may hold the counts, `message.usage` as well as `usage`; the other names are looked up
    in them, and those of a list are added up. `is_cached_within`: `input` counts what came from a cache too.
    `written` is what was written to a cache, `written_long` the part of it that is kept for longer and costs more.
    `cost` is where the provider tells the price itself, in dollars or in `per_dollar`ths of one. Where `tier` says
    anything but one of `list_tiers`, the list price does not hold.
    """

    at: tuple[str, ...]
    source: str
    input: tuple[str, ...] = ()
    output: tuple[str, ...] = ()
    cached: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    written_long: tuple[str, ...] = ()
    is_cached_within: bool = False
    cost: str = ""
    per_dollar: int = 1
    model: tuple[str, ...] = ("model",)
    tier: tuple[str, ...] = ()
    list_tiers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.at or not (self.input or self.output):
            raise ValueError("at: names no object, or neither input nor output in it")
        if self.per_dollar < 1:
            raise ValueError("per_dollar: must be at least 1")
        _check_dotted(at=self.at, input=self.input, output=self.output, cached=self.cached, written=self.written)
        _check_dotted(written_long=self.written_long, cost=(self.cost,), model=self.model, tier=self.tier)
        _check_source("source", self.source)

    @property
    def marks(self) -> tuple[str, ...]:
        """Return the names without which no answer of this form says anything."""
        return tuple(dict.fromkeys(place.rpartition(".")[2] for place in self.at))


@dataclass(frozen=True, slots=True)
class UsageEndpoint:
    """Where a provider says how much of a quota is used. Read now and then, never for each call.

    `items` names the list in the answer, and each of the other names stands in an item; nothing in `items`: the answer
    is the item. `where` names the field and value of the item that is meant. `kinds` are the kinds of connection whose
    calls it counts.
    """

    path: str
    bucket: str
    window_s: int
    used: str
    limit: str
    source: str
    items: str = ""
    where: tuple[str, ...] = ()
    resets_at: str = ""
    as_of: str = ""
    kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.path.startswith("/") or self.path.startswith("//"):
            raise ValueError("path: must start with one slash")
        if self.window_s < 1:
            raise ValueError("window_s: must be above 0")
        if len(self.where) not in (0, 2):
            raise ValueError("where: must be a field and its value")
        for kind in self.kinds:
            one_of("kinds", kind, KINDS)
        _check_dotted(used=(self.used,), limit=(self.limit,), items=(self.items,), resets_at=(self.resets_at,))
        _check_source("source", self.source)


@dataclass(frozen=True, slots=True)
class Batch:
    """A path that takes one record, and the one that takes many, up to `most` in a call.

    `single` is a whole path of the provider's host, where `*` is one segment; `{1}` in `many` is the first of them.
    """

    method: str
    single: str
    many: str
    most: int
    docs_url: str
    many_method: str = "POST"

    def __post_init__(self) -> None:
        one_of("method", self.method, ("GET", "POST", "PUT", "PATCH", "DELETE"))
        one_of("many_method", self.many_method, ("GET", "POST", "PUT", "PATCH", "DELETE"))
        if not PATH.fullmatch(self.single):
            raise ValueError("single: must be a path, where * is one segment")
        if not TARGET.fullmatch(self.many):
            raise ValueError("many: must be a path, where {1} is the first * of single")
        if max(map(int, re.findall(r"\{(\d)\}", self.many)), default=0) > self.single.count("*"):
            raise ValueError("many: names a * that single does not have")
        if self.most < 2:
            raise ValueError("most: must be above 1")
        _check_source("docs_url", self.docs_url)

    def many_for(self, method: str, path: str) -> str:
        """Return the path that takes many, for a call to this path; "" where it is none of the single ones."""
        found = _rule(self.single).fullmatch(path) if method == self.method else None
        many = re.sub(r"\{(\d)\}", lambda m: found[int(m[1])], self.many) if found else ""
        return many if many != path else ""  # /tickets/update_many has the form of /tickets/*, and takes many already


@cache
def _rule(single: str) -> re.Pattern[str]:
    return re.compile("".join("([^/]+)" if part == "*" else re.escape(part) for part in re.split(r"(\*)", single)))
