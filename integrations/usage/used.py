"""What one call used, read from the ends of its answer by the provider's facts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from integrations.models.usage import NANO
from integrations.usage.ends import EVENTS, Ends

if TYPE_CHECKING:
    from integrations.providers.shape import Provider
    from integrations.providers.usage_facts import Metering

MOST = 10**12  # of tokens, or of billionths of a thousand dollars: no single call is larger, whatever an answer says
MAX_MODEL = 120
MODEL = re.compile(r"[A-Za-z0-9][\w.:/@+-]{0,119}", re.ASCII)
COUNTS = ("input", "cached", "written", "written_long", "output")


@dataclass(frozen=True, slots=True)
class Used:
    """Tokens of one call. `input` is what came from no cache; `told_nano` what the provider says it costs."""

    model: str = ""
    input: int = 0
    cached: int = 0
    written: int = 0
    written_long: int = 0
    output: int = 0
    told_nano: int | None = None
    is_list_price: bool = True

    @property
    def prompt(self) -> int:
        """Return the size of the whole prompt."""
        return self.input + self.cached + self.written + self.written_long


def used_in(ends: Ends, provider: Provider, *, request_body: bytes = b"") -> Used | None:
    """Return what an answer says it used, None where it does not say. The model may stand in the request alone."""
    documents = list(_documents(ends, provider.metering))
    for form in provider.metering:
        if found := _of_form(documents, form):
            model = found.pop("model") or _model_in(_parsed(request_body), form)
            return Used(model=model, **found)
    return None


def _documents(ends: Ends, forms: tuple[Metering, ...]) -> Iterator[Any]:
    """Yield the JSON values of an answer that may hold counts."""
    marks = {mark for form in forms for mark in form.marks}
    head, tail = ends.parts()
    if ends.form == EVENTS:
        yield from _events(head, marks)
        yield from _events(tail, marks)
    elif not tail:
        whole = _parsed(head)
        yield from whole if isinstance(whole, list) else [whole]
    if tail:
        yield from _loose(tail, marks)


def _events(text: bytes, marks: set[str]) -> Iterator[Any]:
    for line in text.split(b"\n"):
        if line.startswith(b"data:") and any(f'"{mark}"'.encode() in line for mark in marks):
            yield _parsed(line[5:])


def _loose(tail: bytes, marks: set[str]) -> Iterator[Any]:
    """Yield what stands after the last of each name in an end whose beginning is gone.

    In a string the quotes would be escaped, so this is no text of the model's; and every provider says what was used
    after what it made.
    """
    text = tail.decode("utf-8", "replace")
    for mark in marks:
        at = text.rfind(f'"{mark}":')
        if at >= 0:
            try:
                value, _ = _DECODER.raw_decode(text[at + len(mark) + 3 :].lstrip())
            except (ValueError, RecursionError):
                continue
            yield {mark: value}


_DECODER = json.JSONDecoder(parse_float=Decimal)


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text, parse_float=Decimal) if text else None
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return None


def _of_form(documents: list[Any], form: Metering) -> dict[str, Any] | None:
    """Return the largest of each count over all documents: those of a stream grow, and each names but some of them."""
    held = [(document, counts) for document in documents for counts in _counts(document, form)]
    if not held:
        return None
    sums = {name: max(_sum(counts, getattr(form, name)) for _, counts in held) for name in COUNTS}
    sums["written"] = max(0, sums["written"] - sums["written_long"])
    if form.is_cached_within:
        sums["input"] = max(0, sums["input"] - sums["cached"] - sums["written"] - sums["written_long"])
    tiers = {tier for document, counts in held for tier in _texts(document, counts, form.tier)}
    told = [nano for _, counts in held if (nano := _nano(_at(counts, form.cost), form.per_dollar)) is not None]
    return {
        **sums,
        "model": next((model for document in documents if (model := _model_in(document, form))), ""),
        "told_nano": max(told, default=None),
        "is_list_price": tiers <= set(form.list_tiers),
    }


def _counts(document: Any, form: Metering) -> Iterator[Mapping[str, Any]]:
    for place in form.at:
        counts = _at(document, place)
        # Where only the last name is known, of an end without its beginning, it stands at the top.
        counts = _at(document, place.rpartition(".")[2]) if counts is None and _is_loose(document) else counts
        if isinstance(counts, Mapping) and any(_at(counts, name) is not None for name in (*form.input, *form.output)):
            yield counts


def _is_loose(document: Any) -> bool:
    return isinstance(document, Mapping) and len(document) == 1


def _at(value: Any, dotted: str) -> Any:
    for name in dotted.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _sum(counts: Mapping[str, Any], names: tuple[str, ...]) -> int:
    return min(MOST, sum(_count(_at(counts, name)) for name in names))


def _count(value: Any) -> int:
    """Return a count; what is none counts as nothing. Some vendors write whole numbers as 12.0."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return 0
    return int(value) if 0 <= value <= MOST else 0


def _nano(amount: Any, per_dollar: int) -> int | None:
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal) or not 0 <= amount <= 1000 * per_dollar:
        return None
    return int(amount * NANO // per_dollar)


def _texts(document: Any, counts: Any, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        for value in (_at(document, name), _at(counts, name)):
            if isinstance(value, str):
                yield value


def _model_in(document: Any, form: Metering) -> str:
    """Return the model that a document names, where it is written as models are: it goes into a table of ours."""
    for name in form.model:
        model = _at(document, name)
        if isinstance(model, str) and MODEL.fullmatch(model):
            return model
    return ""
