"""A held call as a person may see it: every text went through the masker, but for the one who edits it."""

from __future__ import annotations

from dataclasses import dataclass

from integrations.call_log.known import ClientValues
from integrations.call_log.rows import MAX_PATH, masked_body, storable
from integrations.gateway.held import sealing
from integrations.gateway.held.sealing import Headers, Request
from integrations.models import HeldCall
from secrets_vault.errors import Unreadable
from secrets_vault.masking import Masker, mask_head, mask_path

MOST_EDITED = 256 * 1024


@dataclass(frozen=True, slots=True)
class ShownSide:
    """One side of a call, masked."""

    line: str
    head: str
    body: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What was sent, what will be sent instead, and what came back. None where it is not kept."""

    request: ShownSide | None
    original: ShownSide | None
    answer: ShownSide | None


def shown(call: HeldCall) -> Shown:
    """Return both sides of a call. The caller has checked that the person may look."""
    full: HeldCall = HeldCall.objects.defer(None).get(pk=call.pk)
    masker = Masker(ClientValues().of([full.client_id])[full.client_id])
    try:
        request = _request(full, masker) if full.head_sealed is not None else None
        original = _request(full, masker, original=True) if request is not None and full.is_edited else None
        given = sealing.open_answer(full)
    except Unreadable:
        return Shown(None, None, None)
    answer = (
        ShownSide(str(given.status), _head(given.headers, masker), _body(given.body, given.headers, masker))
        if given
        else None
    )
    return Shown(request, original, answer)


def _request(call: HeldCall, masker: Masker, *, original: bool = False) -> ShownSide:
    request = sealing.open_request(call, original=original)
    path = storable(mask_path(target_of(request), masker, host=call.host))[:MAX_PATH]
    return ShownSide(
        f"{request.method} {path}", _head(request.headers, masker), _body(request.body, request.headers, masker)
    )


def target_of(request: Request) -> str:
    """Return path and query as they stand behind the connection's name."""
    return (request.rest + (b"?" + request.query if request.query else b"")).decode("latin-1")


def _head(headers: Headers, masker: Masker) -> str:
    return storable(mask_head(headers, masker))


def _body(body: bytes, headers: Headers, masker: Masker) -> str:
    return masked_body(body, headers, masker)


def editable_body(request: Request) -> str | None:
    """Return the body as text to edit, None for one that is no text or too long for that."""
    if len(request.body) > MOST_EDITED or any(name.lower() == b"content-encoding" for name, _ in request.headers):
        return None
    try:
        text = request.body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
