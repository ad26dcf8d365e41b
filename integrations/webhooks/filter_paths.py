"""The paths of a filter's conditions: a small part of JSONPath (RFC 9535), read by hand, never evaluated.

$                the whole document
.name  ['name']  a member of an object; the quoted form takes any name
[0]  [-1]        an element of a list, counted from either end
[*]  .*          every element of a list, or every member's value: one that fits is enough
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

LONGEST_PATH = 300
MOST_STEPS = 20
MOST_FOUND = 10_000
_STEP = re.compile(
    r"""\.(?P<name>[^\W\d][\w-]*) | (?P<every>\.\*|\[\*\]) | \[(?P<index>-?\d{1,6})\]
      | \['(?P<single>[^'\\]*)'\] | \["(?P<double>[^"\\]*)"\]""",
    re.VERBOSE,
)


class BadPath(ValueError):
    """The text is no path. The message says where it stops being one."""


@dataclass(frozen=True, slots=True)
class Every:
    """All elements, or all members' values."""


Step = str | int | Every


def parse(text: str) -> tuple[Step, ...]:
    """Return the steps of a path; raises BadPath."""
    if not text.startswith("$"):
        raise BadPath(_("a path begins with $, for example $.data.object.status"))
    if len(text) > LONGEST_PATH:
        raise BadPath(_("a path has at most {most} characters").format(most=LONGEST_PATH))
    steps: list[Step] = []
    at = 1
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            raise BadPath(
                _("it cannot be read from character {at} on: {rest}").format(at=at + 1, rest=text[at : at + 20])
            )
        steps.append(_step(found))
        at = found.end()
    if len(steps) > MOST_STEPS:
        raise BadPath(_("a path has at most {most} steps").format(most=MOST_STEPS))
    return tuple(steps)


def values(document: object, steps: tuple[Step, ...]) -> Iterator[object]:
    """Yield what a path leads to, at most 10,000 values."""
    found = [document]
    for step in steps:
        found = [value for each in found for value in _below(each, step)][:MOST_FOUND]
    yield from found


def _step(found: re.Match[str]) -> Step:
    if found["every"]:
        return Every()
    if found["index"] is not None:
        return int(found["index"])
    return next(name for name in (found["name"], found["single"], found["double"]) if name is not None)


def _below(value: object, step: Step) -> list[object]:
    if isinstance(value, dict):
        if isinstance(step, Every):
            return list(value.values())
        return [value[step]] if isinstance(step, str) and step in value else []
    if isinstance(value, list):
        if isinstance(step, Every):
            return value
        return [value[step]] if isinstance(step, int) and -len(value) <= step < len(value) else []
    return []
