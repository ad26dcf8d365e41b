"""Discord's webhooks (discord.com/developers/docs/resources/webhook#execute-webhook, read 2026-11-22)."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy

from integrations.alerts.routes.channels.shape import Channel, cut, plain
from integrations.alerts.routes.note import Note

MOST_TITLE, MOST_TEXT = 256, 4_096
COLOURS = {"urgent": 0xC0392B, "warning": 0xB7791F, "info": 0x2F855A}


def write(note: Note) -> dict[str, Any]:
    """Return one embed. Nobody is mentioned, whatever a name says."""
    embed: dict[str, Any] = {
        "title": cut(plain(note.subject), MOST_TITLE),
        "description": cut(plain(note.text), MOST_TEXT),
        "color": COLOURS[note.severity],
        "timestamp": note.at.isoformat(),
    }
    if note.url:
        embed["url"] = note.url
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


CHANNEL = Channel(
    write=write,
    example="https://discord.com/api/webhooks/…/…",
    hint=gettext_lazy("In Discord: the channel’s settings, Integrations, Webhooks, New Webhook, Copy Webhook URL."),
    hosts=("discord.com", "*.discord.com", "discordapp.com"),
    answers={
        "Unknown Webhook": gettext_lazy("Discord does not know this webhook: it was deleted. Make a new one there."),
        "Invalid Webhook Token": gettext_lazy("The last part of the webhook’s URL is wrong. Copy it again, whole."),
    },
)
