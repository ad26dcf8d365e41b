"""What an event held, for a person: masked, JSON set out line by line, and as a command that sends it again."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from dashboard.call_words import NOT_COPIED
from integrations.webhooks.making import address_of
from integrations.webhooks.opening import Forgotten, ReadEvent, read_event
from secrets_vault.errors import VaultError

if TYPE_CHECKING:
    from integrations.models import WebhookEndpoint, WebhookEvent
    from secrets_vault.models import User

MOST_SET_OUT = 64 * 1024
DEEPEST = 60
INDENT = "  "
JSON_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s"{}\[\],:]+')
# Letters that turn the direction of what follows them, or that cannot be seen, are shown as their number.
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
SHOWN_IN_CURL = 4_000


@dataclass(frozen=True)
class Payload:
    """The masked request, or why there is none to show."""

    read: ReadEvent | None
    head: str = ""
    body: str = ""
    is_json: bool = False
    problem: str = ""

    @property
    def is_gone(self) -> bool:
        """Tell whether there is nothing to send again."""
        return self.read is None


def payload_of(event: WebhookEvent, *, user: User) -> Payload:
    """Return what an event held, as far as it can be opened."""
    try:
        read = read_event(event, user=user)
    except Forgotten:
        return Payload(None, problem=_("The request itself was kept as long as it was to be kept, and is gone."))
    except VaultError:
        return Payload(
            None, problem=_("The request is kept, and cannot be opened: its key does not fit. See Settings.")
        )
    laid_out = set_out(read.body)
    return Payload(read, seen(read.head), seen(laid_out or read.body), is_json=laid_out is not None)


def seen(text: str) -> str:
    """Return a text in which every letter can be seen: the others by their numbers."""
    return UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text.replace("\r\n", "\n"))


def set_out(text: str) -> str | None:
    """Return JSON with a line for each value, every value written as it came; None for what is not JSON.

    It is not parsed and written again: that would change numbers, and drop what is there twice.
    """
    if len(text) > MOST_SET_OUT or not text.lstrip().startswith(("{", "[")):
        return None
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    return "".join(_pieces(text))


def _pieces(text: str) -> Iterator[str]:
    depth, pieces = 0, JSON_PIECE.findall(text)
    for before, piece in zip(["", *pieces], pieces, strict=False):
        is_empty = (before, piece) in (("{", "}"), ("[", "]"))
        if piece in "}]":
            depth -= 1
        if (piece in "}]" and not is_empty) or (before in ("{", "[", ",") and piece not in "}]"):
            yield "\n" + INDENT * min(depth, DEEPEST)
        yield ": " if piece == ":" else piece
        if piece in "{[":
            depth += 1


def curl_of(endpoint: WebhookEndpoint, read: ReadEvent) -> str:
    """Return the request as curl to the endpoint's own address. What was masked stays masked.

    A letter that a terminal would obey is written as its number: somebody will paste this into one.
    """
    parts = ["curl", "-X", shlex.quote(read.method), shlex.quote(seen(address_of(endpoint) + _query(read.url)))]
    parts += [f"-H {shlex.quote(line)}" for line in _headers(seen(read.head))]
    if read.body:
        parts.append(f"--data-raw {shlex.quote(seen(read.body[:SHOWN_IN_CURL]))}")
    return f"{' '.join(parts[:4])} \\\n  " + " \\\n  ".join(parts[4:]) if parts[4:] else " ".join(parts)


def _query(url: str) -> str:
    _path, mark, query = url.partition("?")
    return mark + query


def _headers(head: str) -> Iterator[str]:
    for line in head.splitlines():
        name, colon, value = line.partition(":")
        if colon and name.strip().lower() not in NOT_COPIED:
            yield f"{name.strip()}: {value.strip()}"
