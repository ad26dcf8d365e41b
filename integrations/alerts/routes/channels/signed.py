"""A webhook of anybody's, signed as Standard Webhooks says (standardwebhooks.com, specification 1.0.0).

The payload's shape is ours and does not change: `type`, `timestamp`, `data`.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy

from integrations.alerts.routes.channels.shape import Channel
from integrations.alerts.routes.note import Note


def write(note: Note) -> dict[str, Any]:
    """Return the event."""
    return {
        "type": f"alert.{note.kind}",
        "timestamp": note.at.isoformat(),
        "data": {
            "id": str(note.id),
            "kind": note.kind,
            "severity": note.severity,
            "client": note.client,
            "subject": note.subject,
            "text": note.text,
            "url": note.url,
        },
    }


CHANNEL = Channel(
    write=write,
    example="https://…",
    hint=gettext_lazy(
        "Any address that takes JSON by POST: n8n, Make, Zapier, PagerDuty behind a flow, your own server."
    ),
)
