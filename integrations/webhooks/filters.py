"""Which events a target wants: conditions on the JSON of the body, all of which must hold.

    [{"path": "$.data.object.status", "op": "in", "value": ["paid", "open"]},
     {"path": "$.data.object.amount", "op": "greater", "value": 1000}]

| op | holds when |
|---|---|
| equals, not_equals | a value at the path is the given one; no value there is |
| in | a value there is one of the given list |
| exists | something is there (`value` true, or left out), or nothing is (false) |
| matches_prefix | a text there begins with the given one |
| greater, less | a number there is greater, or less |

Types count as JSON has them: 1 is not "1" and not true. `filter_paths` says what a path may be. Nothing is evaluated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from integrations.errors import IntegrationError
from integrations.webhooks import filter_paths
from integrations.webhooks.filter_paths import BadPath

MOST_CONDITIONS = 20
MOST_CHOICES = 100
LONGEST_TEXT = 1_000
NO_MATCH, NOT_JSON = "filter_no_match", "filter_not_json"
Condition = Mapping[str, Any]
Conditions = Iterable[Condition]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a condition, counted from 1; 0 is the filter as a whole. `field` is path, op or value."""

    number: int
    field: str
    sentence: str

    def __str__(self) -> str:
        if not self.number:
            return self.sentence
        return _("Condition {number}, {field}: {sentence}").format(
            number=self.number, field=self.field, sentence=self.sentence
        )


class BadFilter(IntegrationError):
    """A filter that cannot be used. `problems` names each condition and field."""

    code = "bad_filter"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(" ".join(map(str, self.problems)))


@dataclass(frozen=True, slots=True)
class Match:
    """Whether a filter lets an event pass; `reason` is the code why not."""

    is_match: bool
    reason: str = ""


def check(conditions: object) -> list[dict[str, Any]] | None:
    """Return the conditions as they are stored, None where there are none. Raises BadFilter with every problem."""
    if conditions is None or conditions == []:
        return None
    if not isinstance(conditions, list) or len(conditions) > MOST_CONDITIONS:
        raise BadFilter(
            [Problem(0, "", _("A filter is a list of at most {most} conditions.").format(most=MOST_CONDITIONS))]
        )
    problems = [problem for number, each in enumerate(conditions, 1) for problem in _problems(number, each)]
    if problems:
        raise BadFilter(problems)
    return [dict(each) for each in conditions]


def read_json(body: bytes) -> tuple[object, bool]:
    """Return the document of a body, and whether it is JSON at all."""
    try:
        return json.loads(body.decode("utf-8-sig"), parse_constant=_refuse), True
    except (ValueError, RecursionError):
        return None, False


def judge(conditions: Conditions | None, body: bytes) -> Match:
    """Tell whether an event with this body passes. A body that is not JSON passes no filter but the empty one."""
    return judge_document(conditions, read_json(body)) if conditions else Match(True)


def judge_document(conditions: Conditions | None, read: tuple[object, bool]) -> Match:
    """Do the same for a body that `read_json` has read, so that several filters read it once."""
    if not conditions:
        return Match(True)
    document, is_json = read
    if not is_json:
        return Match(False, NOT_JSON)
    return Match(True) if all(_holds(each, document) for each in conditions) else Match(False, NO_MATCH)


def describe(conditions: Conditions | None) -> list[str]:
    """Return each condition as a person reads it."""
    return [_words(each) for each in conditions or ()]


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")


def _holds(condition: Condition, document: object) -> bool:
    """Return whether one condition holds. Of a filter that can no longer be read, nothing passes."""
    try:
        found = list(filter_paths.values(document, filter_paths.parse(condition["path"])))
        return OPERATIONS[condition["op"]](found, condition.get("value"))
    except (BadPath, KeyError, TypeError):
        return False


def _is_same(one: object, other: object) -> bool:
    """Compare as JSON does: in Python, True equals 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _equals(found: list[object], value: object) -> bool:
    return any(_is_same(each, value) for each in found if not isinstance(each, dict | list))


def _in(found: list[object], value: Any) -> bool:
    return any(_equals(found, choice) for choice in value)


def _has_prefix(found: list[object], value: Any) -> bool:
    return any(isinstance(each, str) and each.startswith(value) for each in found)


def _compares(is_so: Callable[[Any, Any], bool]) -> Callable[[list[object], Any], bool]:
    return lambda found, value: any(_is_number(each) and is_so(each, value) for each in found)


OPERATIONS: dict[str, Callable[[list[object], Any], bool]] = {
    "equals": _equals,
    "not_equals": lambda found, value: not _equals(found, value),
    "in": _in,
    "exists": lambda found, value: bool(found) is (value is not False),
    "matches_prefix": _has_prefix,
    "greater": _compares(lambda each, value: each > value),
    "less": _compares(lambda each, value: each < value),
}


def _problems(number: int, condition: object) -> Iterable[Problem]:
    if not isinstance(condition, dict):
        yield Problem(number, "", _("A condition has a path, an op and a value."))
        return
    if unknown := sorted(map(str, set(condition) - {"path", "op", "value"})):
        yield Problem(number, unknown[0][:40], _("There is no such part: use path, op and value."))
    if sentence := _path_problem(condition.get("path")):
        yield Problem(number, "path", sentence)
    op = condition.get("op")
    if not isinstance(op, str) or op not in OPERATIONS:
        yield Problem(number, "op", _("Use one of {known}.").format(known=", ".join(OPERATIONS)))
    elif sentence := _value_problem(op, condition):
        yield Problem(number, "value", sentence)


def _path_problem(path: object) -> str:
    if not isinstance(path, str) or not path:
        return _("Say where to look, for example $.data.object.status.")
    try:
        filter_paths.parse(path)
    except BadPath as bad:
        return _("This is no path: {why}.").format(why=bad)
    return ""


def _value_problem(op: str, condition: Condition) -> str:
    value = condition.get("value")
    if op == "exists":
        return "" if isinstance(condition.get("value", True), bool) else _("Use true or false, or leave it out.")
    if "value" not in condition:
        return _("Say what to compare with.")
    if op == "in":
        is_list = isinstance(value, list) and 0 < len(value) <= MOST_CHOICES and all(map(_is_plain, value))
        return (
            "" if is_list else _("Give a list of 1 to {most} texts, numbers or truth values.").format(most=MOST_CHOICES)
        )
    if op == "matches_prefix":
        return "" if isinstance(value, str) and value and _is_plain(value) else _("Give the text it begins with.")
    if op in ("greater", "less"):
        return "" if _is_number(value) and _is_plain(value) else _("Give a number.")
    return "" if _is_plain(value) else _("Give a text, a number, true, false or null.")


def _is_plain(value: object) -> bool:
    """Tell whether a value is one that JSON and the database can hold and compare."""
    if isinstance(value, str):
        return len(value) <= LONGEST_TEXT and "\0" not in value
    if isinstance(value, float):
        return value == value and abs(value) != float("inf")
    return value is None or isinstance(value, bool | int)


def _words(condition: Condition) -> str:
    path, op, value = condition.get("path"), condition.get("op"), condition.get("value")
    shown = json.dumps(value, ensure_ascii=False)
    sentences = {
        "equals": _("{path} is {value}"),
        "not_equals": _("{path} is not {value}"),
        "in": _("{path} is one of {value}"),
        "exists": _("{path} is not there") if value is False else _("{path} is there"),
        "matches_prefix": _("{path} begins with {value}"),
        "greater": _("{path} is greater than {value}"),
        "less": _("{path} is less than {value}"),
    }
    return sentences.get(str(op), "{path}").format(path=path, value=shown)
