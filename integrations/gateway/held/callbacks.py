"""Telling whoever asked for it how a kept call ended: a POST, signed as our webhooks are, tried a few times.

The address came with the call and is vetted like every other when something is sent there: no private network, no
plain http, no redirect. The message names the call and says how it is; what the provider answered is fetched with the
gateway token, and never sent.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from django.db.models import F

from integrations.gateway.held.keeping import PLACE, SAID
from integrations.models import HeldCall
from integrations.outbound import OutboundError, split_url
from integrations.webhooks.outcome import Outcome
from integrations.webhooks.outgoing import Outgoing
from integrations.webhooks.signing import PREFIX, signed_headers
from secrets_vault import vault
from secrets_vault.errors import VaultError
from secrets_vault.models import Client
from secrets_vault.secret import Secret

WAITS = tuple(timedelta(seconds=s) for s in (5, 60, 300, 1800, 7200, 21_600))
AT_ONCE = 20
FIELD = "heldcall.callback_sealed"


@dataclass(frozen=True, slots=True)
class Notice:
    """One message on its way. `tries` counts this one."""

    call_id: UUID
    tries: int
    request: Outgoing = field(repr=False)


def signing_text(token_id: UUID) -> str:
    """Return the secret that signs for one gateway token, as its page shows it: `whsec_…` of Standard Webhooks."""
    return PREFIX + base64.b64encode(vault.keyed_hash("held-callback", token_id.bytes)).decode("ascii")


def due(*, now: datetime) -> list[Notice]:
    """Take what is to be told now; what is taken and never written down is told again after its next wait."""
    rows = HeldCall.objects.filter(callback_at__lte=now).order_by("callback_at")[:AT_ONCE]
    found = []
    for call in rows.defer(*HeldCall.BLOBS):
        wait = WAITS[min(call.callback_tries, len(WAITS) - 1)]
        mine = HeldCall.objects.filter(pk=call.pk, callback_at=call.callback_at)
        if not mine.update(callback_at=now + wait, callback_tries=F("callback_tries") + 1):
            continue
        request = _request(call, attempt=call.callback_tries + 1, now=now)
        if request is None:
            _end(call.pk, "unreadable")
        else:
            found.append(Notice(call.pk, call.callback_tries + 1, request))
    return found


def _request(call: HeldCall, *, attempt: int, now: datetime) -> Outgoing | None:
    try:
        url = vault.open_text(
            call.callback_sealed or b"", field=FIELD, row_id=call.pk, client=Client(pk=call.client_id)
        )
        split_url(url.expose())
    except (VaultError, OutboundError, ValueError):
        return None
    body = json.dumps(_said(call), separators=(",", ":")).encode()
    # A call may end more than once: refused, then sent again by a person. Each end is an event of its own.
    event_id = uuid5(call.pk, f"{call.state} {call.ended_at}")
    secret = Secret(signing_text(call.token_id))
    headers = [(b"content-type", b"application/json"), (b"user-agent", b"Keylodge")]
    headers += signed_headers(body, [secret], event_id=event_id, attempt=attempt, now=now)
    return Outgoing(b"POST", url, headers, body, partition=f"callback:{call.token_id}")


def _said(call: HeldCall) -> dict[str, object]:
    return {
        "type": f"call.{SAID[call.state]}",
        "timestamp": call.ended_at.isoformat() if call.ended_at else None,
        "data": {
            "id": str(call.pk),
            "state": SAID[call.state],
            "why": call.code,
            "status": call.status,
            "attempts": call.attempts,
            "status_url": f"{PLACE}{call.pk}",
        },
    }


def told(notice: Notice, outcome: Outcome) -> None:
    """Write down what came of telling: over where it was taken or given up, else it is told again."""
    said = str(outcome.status or outcome.error)
    if outcome.is_delivered or not outcome.may_be_repeated or notice.tries >= len(WAITS):
        _end(notice.call_id, said)
    else:
        HeldCall.objects.filter(pk=notice.call_id).update(callback_status=said)


def _end(call_id: UUID, said: str) -> None:
    HeldCall.objects.filter(pk=call_id).update(callback_at=None, callback_status=said[:60])
