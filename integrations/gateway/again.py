"""A call of the log that a person makes again: what is left of it to send, and what may happen twice.

The log holds a call masked, and the head and body of failed calls only. So what is left is sent as it was, or it is
not sent by itself at all: a person completes it in the console.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote, urlsplit
from uuid import UUID

from integrations.errors import IntegrationError
from integrations.gateway import retry
from integrations.gateway.attempts import request_of
from integrations.gateway.retry import Kind, Verdict
from integrations.injecting import shown_segment
from integrations.models import Call, CallAgain, Connection
from integrations.models.call import Outcome, Source
from integrations.outbound import split_url
from integrations.providers.registry import get_provider
from integrations.providers.shape import Provider
from secrets_vault.masking import WITHHELD

Pair = tuple[str, str]

MASKED = "****"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
LONGEST_PATH = 2_000
LONGEST_DRAFT = 60_000  # bytes; what the log keeps of a longer one may be cut
PLAIN_PATH = re.compile(r"(?:[/?][\x21-\x22\x24-\x7e]*)?\Z")
PLAIN_VALUE = re.compile(r"[\x20-\x7e]{0,1000}\Z")
PLAIN_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,80}\Z")
# Of the caller's own way here, not of the call: the credential, the framing, who came by which proxy.
NOT_OF_THE_CALL = frozenset({
    "authorization", "proxy-authorization", "cookie", "host", "content-length", "transfer-encoding", "connection",
    "upgrade", "te", "trailer", "expect", "keep-alive", "forwarded", "x-forwarded-for", "accept-encoding",
})  # fmt: skip
ESCAPED = re.compile(r"\\x[0-9a-f]{2}")  # how the log writes what cannot be printed
FIRST_CALL = "x-keylodge-first-call"
"""The header by which a held call that is made names the call that was kept. It goes no further than the log."""
OTHER_CHARSET = re.compile(r"charset\s*=(?!\s*\"?(?:utf-?8|us-ascii)\b)", re.IGNORECASE)


class Lack(Enum):
    """What of a call cannot be sent again as it was."""

    METHOD = "a method that nobody but its caller uses"
    PATH = "a path of which a part is masked, or was cut"
    MOVED = "an address that the connection does not have any more"
    HEADERS = "headers of which the value is masked"
    BODY = "a body that was not kept, or is masked or cut"


class Effect(Enum):
    """Whether the call took effect when it was made."""

    TOOK = "it went through"
    UNKNOWN = "it may have reached the provider, and nobody knows what happened there"
    NONE = "it was never sent, or the provider turned it away"


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What is left of a call. `path` is what stood behind the connection's name, with its query.

    `body` is "" where it lacks. `has_head`: its headers were kept; of a call that went through they are not.
    `hidden` names the headers that are masked.
    """

    method: str
    path: str
    headers: tuple[Pair, ...]
    body: str
    lacks: frozenset[Lack]
    hidden: tuple[str, ...]
    has_head: bool
    kind: Kind
    effect: Effect

    @property
    def is_whole(self) -> bool:
        """Tell whether it can be sent as it was. Without a body, headers that were not kept are only said."""
        return not self.lacks


def left_of(call: Call, connection: Connection) -> Left | None:
    """Return what is left of a call through the gateway, None where nothing could be made of it."""
    if call.source != Source.GATEWAY or call.connection_id != connection.pk:
        return None
    try:
        provider = get_provider(connection.provider_key).of_kind(connection.kind).render(connection.variables)
        carriers = _carriers(provider, connection)
        path = _path(call, provider, connection)
    except (IntegrationError, ValueError, KeyError):
        return None
    lacks = set() if call.method in METHODS else {Lack.METHOD}
    if _is_elsewhere(call, provider) or (path is None and not _is_masked(call.path)):
        lacks.add(Lack.MOVED)
    path = _without_token(call.path if path is None else path, carriers)
    if not PLAIN_PATH.match(path) or len(path) > LONGEST_PATH or _is_masked(path):
        lacks.add(Lack.PATH)
    lines = list(_lines(call.request_head, carriers))
    hidden = tuple(name for name, value in lines if not _is_as_sent(name, value))
    headers = tuple((name, value) for name, value in lines if name not in hidden)
    if hidden:
        lacks.add(Lack.HEADERS)
    has_head = bool(call.request_head) and call.request_head != WITHHELD
    is_body_whole = _is_whole_body(call, headers) if call.request_bytes else not _has_unread_body(call.request_head)
    if not is_body_whole:
        lacks.add(Lack.BODY)
    return Left(
        method=call.method,
        path=path,
        headers=headers,
        body=call.request_body if call.request_bytes and is_body_whole else "",
        lacks=frozenset(lacks),
        hidden=hidden,
        has_head=has_head,
        kind=_kind(call.method, headers, provider, has_head=has_head),
        effect=effect_of(call),
    )


def _is_masked(text: str) -> bool:
    return MASKED in text or WITHHELD in text


def _path(call: Call, provider: Provider, connection: Connection) -> str | None:
    """Return the path as the caller gave it, None where it is none of this base.

    The log shows the whole path at the provider; of a call that was refused before its way was known, the caller's.
    """
    if not call.host:
        return call.path
    base = urlsplit(provider.base_url).path.rstrip("/")
    if segment := shown_segment(provider.injection_for(connection.kind)).decode("ascii"):
        base += f"/{segment}"
    rest = call.path.removeprefix(base)
    is_there = call.path.startswith(base) and rest[:1] in ("", "/", "?")
    return rest if is_there else None


def _is_elsewhere(call: Call, provider: Provider) -> bool:
    return bool(call.host) and split_url(provider.base_url)[0].bound_name != call.host


def _carriers(provider: Provider, connection: Connection) -> frozenset[str]:
    """Return the slots in which the caller may have sent its gateway token: where the provider's own key goes."""
    return frozenset(provider.injection_for(connection.kind).slots)


def _without_token(path: str, carriers: frozenset[str]) -> str:
    """Return the path without a parameter that held the gateway token."""
    plain, mark, query = path.partition("?")
    kept = [part for part in query.split("&") if f"query:{unquote(part.partition('=')[0])}" not in carriers]
    return f"{plain}{mark}{'&'.join(kept)}".removesuffix("?") if mark else path


def _lines(head: str, carriers: frozenset[str]) -> Iterator[Pair]:
    """Yield the headers of the call itself."""
    for line in head.splitlines():
        name, colon, value = (part.strip() for part in line.partition(":"))
        lower = name.lower()
        if not colon or not PLAIN_NAME.match(name) or lower in NOT_OF_THE_CALL or f"header:{lower}" in carriers:
            continue
        if not lower.startswith("x-keylodge-"):
            yield name, value


def _is_as_sent(name: str, value: str) -> bool:
    """Tell whether the log holds a header as it was: nothing masked, nothing written in another way."""
    return bool(PLAIN_VALUE.match(value)) and not _is_masked(name + value) and not ESCAPED.search(value)


def _said_in(head: str) -> dict[str, str]:
    """Return the headers that a head tells, by their names in lower case."""
    lines = (line.partition(":") for line in head.splitlines())
    return {name.strip().lower(): value.strip() for name, _colon, value in lines}


def _has_unread_body(head: str) -> bool:
    """Tell whether a call came with a body of which nothing was read, as of one that is turned away at the door."""
    said = _said_in(head)
    return head == WITHHELD or "transfer-encoding" in said or said.get("content-length", "").strip("0") != ""


def _is_whole_body(call: Call, headers: tuple[Pair, ...]) -> bool:
    """Tell whether the log holds the body byte for byte: nothing masked, nothing cut, nothing decoded."""
    text, size = call.request_body, str(call.request_bytes)
    is_all_read = _said_in(call.request_head).get("content-length", size) == size
    return is_all_read and _is_plain(headers) and not _is_masked(text) and len(text.encode()) == call.request_bytes


def _is_plain(headers: tuple[Pair, ...]) -> bool:
    named = {name.lower(): value for name, value in headers}
    return "content-encoding" not in named and not OTHER_CHARSET.search(named.get("content-type", ""))


def draft_of(call: Call, left: Left) -> str:
    """Return a body for a person to complete: the whole one, or the masked one where nothing else is wrong with it."""
    is_only_masked = MASKED in call.request_body and call.request_bytes <= LONGEST_DRAFT and _is_plain(left.headers)
    return call.request_body if left.body or (is_only_masked and WITHHELD not in call.request_body) else ""


def _kind(method: str, headers: tuple[Pair, ...], provider: Provider, *, has_head: bool) -> Kind:
    """Return what sending it twice can do. Whether it carried a key is known only where its headers were kept."""
    sent = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers]
    kind = request_of(method, sent, provider).kind
    return Kind.ONCE if kind is Kind.KEYED and not has_head else kind


def effect_of(call: Call) -> Effect:
    """Return whether a call took effect, by the table of what is repeated, read as for a POST without a key."""
    if call.outcome in (Outcome.OK, Outcome.RECOVERED):
        return Effect.TOOK
    if not call.attempts:
        return Effect.NONE
    # What an earlier attempt did is not known from the answer to the last one.
    if call.attempts > 1 or call.outcome == Outcome.CANCELLED or call.code or call.status is None:
        return Effect.UNKNOWN
    is_unclear = retry.verdict(retry.Request("POST"), retry.Failure(call.status)) is Verdict.UNCLEAR
    return Effect.UNKNOWN if is_unclear else Effect.NONE


@dataclass(frozen=True, slots=True)
class Again:
    """Which call a person makes again.

    `key_id` is the call whose idempotency key it carries on: to the provider it is the same call. None: a new one.
    """

    of: Call
    key_id: UUID | None = None


class AlreadyMade(IntegrationError):
    """The approval was spent before. `call_id` is the call that came of it."""

    code = "already_made"

    def __init__(self, call_id: UUID) -> None:
        super().__init__("this approval has been used")
        self.call_id = call_id


def spend(approval: UUID, *, call_id: UUID, connection: Connection, again: Again | None = None) -> None:
    """Note what `call_id` is made for, before anything is sent. Raises AlreadyMade. In a transaction.

    An approval sends one call, however often its form comes.
    """
    row, is_new = CallAgain.objects.get_or_create(
        pk=approval,
        defaults={
            "call_id": call_id,
            "of_id": again.of.pk if again else call_id,
            "key_id": (again and again.key_id) or call_id,
            "client_id": connection.client_id,
        },
    )
    if not is_new:
        raise AlreadyMade(row.call_id)


def key_of(call: Call) -> UUID:
    """Return the id whose idempotency key a call carried."""
    row = CallAgain.objects.filter(call_id=call.pk).first()
    return row.key_id if row else first_of(call)


def first_of(call: Call) -> UUID:
    """Return the call that was kept and is made here, to the provider the same one; else the call itself."""
    try:
        return UUID(_said_in(call.request_head)[FIRST_CALL])
    except (KeyError, ValueError):
        return call.pk
