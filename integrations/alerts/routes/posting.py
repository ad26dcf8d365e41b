"""One message by one route, now. What it takes is opened here and nowhere kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from smtplib import SMTPException
from typing import Any

from django.utils.translation import override

from integrations import mail, outbound
from integrations.alerts.routes import sealing
from integrations.alerts.routes.answers import Result, said_in
from integrations.alerts.routes.apprise.sending import deliver
from integrations.alerts.routes.channels import CHANNELS
from integrations.alerts.routes.note import Note
from integrations.alerts.saying import can_mail
from integrations.limits.units import retry_after_s
from integrations.models import AlertRoute
from integrations.webhooks.signing import signed_headers
from secrets_vault.errors import VaultError
from secrets_vault.people.language import code_of
from secrets_vault.secret import Secret

Send = Callable[..., outbound.Answer]
Job = Callable[[], Result]
DEADLINE_S = 10.0
MOST_ANSWER_BYTES = 64 * 1024


def job_of(route: AlertRoute, note: Note, *, attempt: int, now: datetime, send: Send = outbound.send) -> Job:
    """Return what sends a message when it is called, from any thread: it uses neither database nor vault."""
    try:
        address = sealing.open_address(route)
        keys = [sealing.open_signing(route)] if route.signing_sealed else []
    except VaultError:
        return lambda: Result(code="address_unreadable")
    if route.channel == AlertRoute.Channel.MAIL:
        return lambda: _mailed(address, note)
    if route.channel == AlertRoute.Channel.APPRISE:
        return lambda: deliver(address.expose(), note, deadline_s=DEADLINE_S, now=now, send=send)
    with override(code_of(route.language)):
        written = CHANNELS[route.channel].write(note)
    body = json.dumps(written, ensure_ascii=False, separators=(",", ":")).encode()
    headers: list[tuple[bytes, bytes]] = [(b"Content-Type", b"application/json"), (b"User-Agent", b"Keylodge")]
    if route.channel == AlertRoute.Channel.SIGNED:
        headers += signed_headers(body, keys, event_id=note.id, attempt=attempt, now=now)
    return lambda: _posted(route.channel, address, headers, body=body, now=now, send=send)


def _mailed(address: Secret, note: Note) -> Result:
    if not can_mail():
        return Result(code="no_mail_server")
    body = f"{note.text}\n\n{note.url}\n" if note.url else f"{note.text}\n"
    try:
        mail.deliver(address.expose(), note.subject, body)
    except (OSError, SMTPException):
        return Result(code="mail_refused")
    return Result(status=250)


def _posted(channel: str, address: Secret, headers: Any, *, body: bytes, now: datetime, send: Send) -> Result:
    try:
        answer = send(
            "POST",
            address.expose(),
            headers=headers,
            body=body,
            deadline_s=DEADLINE_S,
            max_bytes=MOST_ANSWER_BYTES,
        )
    except outbound.OutboundError as failed:
        return Result(code=failed.code)
    asked = answer.header("retry-after") if answer.status == 429 or answer.status >= 500 else None
    wait_s = retry_after_s(asked, now=now) if asked else None
    is_taken = 200 <= answer.status < 300
    return Result(answer.status, "" if is_taken else said_in(channel, answer.body), wait_s)
