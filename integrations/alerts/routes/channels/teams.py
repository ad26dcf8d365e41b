"""Microsoft Teams by its Workflows app, "When a Teams webhook request is received", which takes an Adaptive Card.

support.microsoft.com "Create incoming webhooks with Workflows for Microsoft Teams" and adaptivecards.io, schema 1.4;
read 2026-11-22. The older Office 365 connectors were retired.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.alerts.routes.channels.shape import Channel, cut, plain
from integrations.alerts.routes.note import Note

MOST = 10_000  # a message may have 28 KB
COLOURS = {"urgent": "Attention", "warning": "Warning", "info": "Good"}


def write(note: Note) -> dict[str, Any]:
    """Return a message with one card. Text blocks read Markdown, so what stands in them is escaped."""
    title = {"type": "TextBlock", "text": plain(note.subject), "weight": "Bolder", "size": "Medium", "wrap": True}
    title["color"] = COLOURS[note.severity]
    paragraphs = [each for each in cut(note.text, MOST).split("\n") if each.strip()]
    body = [title, *({"type": "TextBlock", "text": plain(each), "wrap": True} for each in paragraphs)]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    if note.url:
        card["actions"] = [{"type": "Action.OpenUrl", "title": _("Open in Keylodge"), "url": note.url}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


CHANNEL = Channel(
    write=write,
    example="https://….api.powerplatform.com/…/workflows/…",
    hint=gettext_lazy(
        "In Teams: the channel’s menu, Workflows, “Send webhook alerts to a channel”, then copy the address it shows."
    ),
    hosts=("*.logic.azure.com", "*.api.powerplatform.com", "*.webhook.office.com"),
    answers={
        "WorkflowTriggerIsNotEnabled": gettext_lazy("The workflow in Teams is switched off. Switch it on there."),
        "DirectApiAuthorizationRequired": gettext_lazy(
            "The address lacks its signature, or only members may post. Copy it again; the trigger must allow anyone."
        ),
        "WorkflowNotFound": gettext_lazy("The workflow in Teams was deleted. Make a new one."),
    },
)
