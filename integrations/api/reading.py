"""A request's body as JSON, bounded before anything looks at it: a hostile one is refused in words."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from ninja.parser import Parser

from integrations.api.problems import ApiProblem

MAX_BODY_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_FIELDS = 100
FORM = "application/x-www-form-urlencoded"
MAX_VALUES = 20_000
_TOO_DEEP = f"The body is nested more than {MAX_DEPTH} levels deep."


def check_length(request: HttpRequest) -> None:
    """Raise ApiProblem body_too_large by what the request says of its length; the front door has counted it."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BODY_BYTES:
        raise ApiProblem("body_too_large")


def read_ahead(request: HttpRequest) -> None:
    """Read a body that is small enough. Whatever then breaks, the log knows what came and repeats none of it."""
    if int(request.META.get("CONTENT_LENGTH") or 0) <= MAX_BODY_BYTES:
        with suppress(UnreadablePostError, SuspiciousOperation, MultiPartParserError):
            _ = request.body, request.POST  # what cannot be read is told by whoever needs it


class StrictParser(Parser):
    """Reads bodies for every route of the API. Raises ApiProblem."""

    def parse_body(self, request: HttpRequest) -> Any:
        """Return the body's JSON: small, in UTF-8, not deep, and with no number that JSON does not have.

        A form is taken too: a tool that maps an error's words into JSON by hand breaks it with the first quote.
        """
        if request.content_type == FORM:
            return _fields(_bounded(request.body))
        if request.content_type not in ("application/json", ""):
            raise ApiProblem("media_refused")
        document = _parsed(_bounded(request.body))
        _bound(document)
        return document


def _bounded(body: bytes) -> bytes:
    if len(body) > MAX_BODY_BYTES:
        raise ApiProblem("body_too_large")
    return body


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8-sig"), parse_constant=_not_json)
    except UnicodeDecodeError as error:
        raise _unreadable(f"Byte {error.start + 1} is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise _unreadable(f"Line {error.lineno}, column {error.colno}: {error.msg}.") from None
    except RecursionError:
        raise _unreadable(_TOO_DEEP) from None
    except ValueError:  # an integer of thousands of digits
        raise _unreadable("It holds a number with too many digits.") from None


def _fields(body: bytes) -> dict[str, str]:
    """Return a form's fields; of a name that stands twice the last."""
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS))
    except ValueError:
        raise ApiProblem("body_not_json", detail="The form cannot be read: too many fields, or not UTF-8.") from None


def _unreadable(why: str) -> ApiProblem:
    return ApiProblem("body_not_json", detail=f"The body cannot be read as JSON. {why}")


def _not_json(name: str) -> NoReturn:
    raise _unreadable(f"{name} is no number in JSON.")


def _bound(document: Any) -> None:
    """Refuse what is deep or has very many parts: everything behind this point walks it freely."""
    level, waiting, seen = 0, [document], 0
    while waiting:
        seen += len(waiting)
        if level > MAX_DEPTH:
            raise _unreadable(_TOO_DEEP)
        if seen > MAX_VALUES:
            raise _unreadable(f"It holds more than {MAX_VALUES} values.")
        waiting = [child for parent in waiting for child in _children(parent)]
        level += 1


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
