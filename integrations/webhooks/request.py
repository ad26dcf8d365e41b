"""A webhook as it arrived: raw bytes, under the address the sender was given."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from integrations.webhooks import documents
from integrations.webhooks.verdicts import Refused

FORM_TYPE = "application/x-www-form-urlencoded"
MOST_FIELDS = 1_000
# Reading a body costs its sender nothing and us seconds: before anything is proven, only what senders really send.
LONGEST_UNPROVEN = 2 * 1024 * 1024


@dataclass(frozen=True)
class WebhookRequest:
    """One request. `url` is the registered public address with the query received; header names are lower case."""

    method: str
    url: str
    headers: tuple[tuple[str, bytes], ...]
    body: bytes

    def values(self, name: str) -> tuple[bytes, ...]:
        """Return every value of a header, in order."""
        wanted = name.lower()
        return tuple(value for known, value in self.headers if known == wanted)

    def header(self, name: str) -> bytes | None:
        """Return a header's value, None where it is absent. Raises Refused when it came more than once."""
        return the_only(self.values(name), f"The header {name}")

    @cached_property
    def document(self) -> Any:
        """Return the body as JSON, read once. Raises Refused."""
        return documents.parse(self.body)

    def check_short(self) -> None:
        """Raise Refused for a body that is too long to be read by a scheme whose signature stands in it."""
        if len(self.body) > LONGEST_UNPROVEN:
            raise Refused("malformed", f"The body has more than {LONGEST_UNPROVEN} bytes, and its signature is inside.")

    @property
    def query(self) -> str:
        """Return the query as received, without the `?`."""
        return self.url.partition("#")[0].partition("?")[2]

    def query_values(self, name: str) -> tuple[str, ...]:
        """Return every decoded value of a query parameter. Raises Refused for a query that is none."""
        return tuple(value for known, value in self.query_pairs() if known == name)

    def query_pairs(self) -> list[tuple[str, str]]:
        """Return the decoded query, in order. Raises Refused for one that cannot be read."""
        try:
            return parse_qsl(self.query, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
        except ValueError:
            raise Refused("malformed", "The query of the URL cannot be read.") from None

    def form_pairs(self) -> list[tuple[bytes, bytes]]:
        """Return the decoded form fields of the body, in order, blanks too. Raises Refused for too many."""
        if self.body.count(b"&") >= MOST_FIELDS:
            raise Refused("malformed", f"The form has more than {MOST_FIELDS} fields.")
        pieces = (piece.partition(b"=") for piece in self.body.split(b"&") if piece)
        return [(_plain(name), _plain(value)) for name, _equals, value in pieces]


def the_only[T](found: tuple[T, ...], what: str) -> T | None:
    """Return the one value, None where there is none. Raises Refused where there are several."""
    if len(found) > 1:
        raise Refused("doubled", f"{what} came {len(found)} times.")
    return found[0] if found else None


def _plain(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))
