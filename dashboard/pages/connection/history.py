"""What happened to a connection, in words, from the book."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from secrets_vault.models import AuditEvent

WORDS = {
    "connection.created": "Made",
    "connection.credential_stored": "A credential was stored",
    "connection.consent_started": "A consent was begun",
    "connection.connected": "Connected",
    "connection.works": "Tried: it works",
    "connection.failing": "Tried: it fails",
    "connection.untested": "Not tested since",
    "connection.needs_reconnecting": "Needs reconnecting",
    "connection.refreshed": "The access was renewed",
    "connection.paused": "Paused",
    "connection.resumed": "Resumed",
    "connection.renamed": "Renamed",
    "connection.test_call": "A test call was sent",
    "connection.disconnected": "Disconnected",
    "link.made": "A connect link was made",
    "link.opened": "A connect link was opened",
    "link.used": "A connect link was used",
    "link.revoked": "A connect link was revoked",
}


def with_words(events: Iterable[AuditEvent]) -> list[Any]:
    """Give each event the attribute `words`; an act without words of its own is shown as the book spells it."""
    found: list[Any] = list(events)
    for event in found:
        event.words = WORDS.get(event.action) or event.action.replace(".", ", ").replace("_", " ")
    return found
