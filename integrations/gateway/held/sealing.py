"""How a held request and its answer become ciphertext: under the client's keyring, each bound to its row and column."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from uuid import UUID

from integrations.models import HeldCall
from secrets_vault import vault
from secrets_vault.models import Client

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent again: never with the gateway token, and never with a credential.

    `rest` is the raw path after the connection's name. A request may have a body that is empty, or none.
    """

    method: str
    rest: bytes = field(repr=False)
    query: bytes = field(repr=False)
    headers: Headers = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    has_body: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider answered when the call was made in the end."""

    status: int
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)


def seal_request(request: Request, *, row_id: UUID, client_id: UUID, is_edit: bool = False) -> dict[str, bytes]:
    """Return the two columns of a request; those of its edited form beside the original."""
    head = json.dumps(
        {
            "rest": request.rest.decode("latin-1"),
            "query": request.query.decode("latin-1"),
            "headers": _written(request.headers),
            "has_body": request.has_body,
        }
    ).encode()
    names = ("edited_head", "edited_body") if is_edit else ("head_sealed", "body_sealed")
    return {
        name: _seal(blob, name, row_id=row_id, client_id=client_id)
        for name, blob in zip(names, (head, request.body), strict=True)
    }


def open_request(call: HeldCall, *, original: bool = False) -> Request:
    """Return what is to be sent, as it was edited last; raises Unreadable."""
    is_edit = call.is_edited and not original
    names = ("edited_head", "edited_body") if is_edit else ("head_sealed", "body_sealed")
    head = json.loads(_open(call, names[0]))
    return Request(
        method=call.method,
        rest=head["rest"].encode("latin-1"),
        query=head["query"].encode("latin-1"),
        headers=_read(head["headers"]),
        body=_open(call, names[1]),
        has_body=head["has_body"],
    )


def seal_answer(answer: Answer, *, row_id: UUID, client_id: UUID) -> dict[str, bytes]:
    """Return the two columns of an answer."""
    head = json.dumps({"status": answer.status, "headers": _written(answer.headers)}).encode()
    blobs = {"answer_head": head, "answer_body": answer.body}
    return {name: _seal(blob, name, row_id=row_id, client_id=client_id) for name, blob in blobs.items()}


def open_answer(call: HeldCall) -> Answer | None:
    """Return the answer, None where none is kept; raises Unreadable."""
    if call.answer_head is None:
        return None
    head = json.loads(_open(call, "answer_head"))
    return Answer(head["status"], _read(head["headers"]), _open(call, "answer_body"))


def _written(headers: Headers) -> list[list[str]]:
    return [[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers]


def _read(headers: list[list[str]]) -> Headers:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def _seal(blob: bytes, column: str, *, row_id: UUID, client_id: UUID) -> bytes:
    return vault.seal_text(blob, field=f"heldcall.{column}", row_id=row_id, client=Client(pk=client_id))


def _open(call: HeldCall, column: str) -> bytes:
    blob = getattr(call, column) or b""
    opened = vault.open_text(blob, field=f"heldcall.{column}", row_id=call.pk, client=Client(pk=call.client_id))
    return opened.expose_bytes()
