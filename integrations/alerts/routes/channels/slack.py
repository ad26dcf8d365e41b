"""Slack's incoming webhooks (docs.slack.dev/messaging/sending-messages-using-incoming-webhooks, read 2026-11-22)."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.alerts.routes.channels.shape import Channel, cut
from integrations.alerts.routes.note import Note

MOST_HEADER, MOST_SECTION = 150, 3_000


def write(note: Note) -> dict[str, Any]:
    """Return the message: plain text in blocks, and the same for notifications, where only &, < and > mean anything."""
    blocks: list[dict[str, Any]] = [_block("header", cut(note.subject, MOST_HEADER))]
    if note.text:
        blocks.append(_block("section", cut(note.text, MOST_SECTION)))
    if note.url:
        link = {"type": "mrkdwn", "text": f"<{note.url}|{_escaped(_('Open in Keylodge'))}>"}
        blocks.append({"type": "context", "elements": [link]})
    return {"text": _escaped(note.subject), "blocks": blocks}


def _block(kind: str, text: str) -> dict[str, Any]:
    return {"type": kind, "text": {"type": "plain_text", "text": text, "emoji": False}}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


CHANNEL = Channel(
    write=write,
    example="https://hooks.slack.com/services/T…/B…/…",
    hint=gettext_lazy("In Slack: Apps, Incoming Webhooks, Add to Slack, choose the channel, copy the webhook URL."),
    hosts=("hooks.slack.com", "hooks.slack-gov.com"),
    answers={
        "no_service": gettext_lazy("Slack says this webhook was removed or switched off. Make a new one there."),
        "no_team": gettext_lazy("Slack does not know this workspace. Copy the webhook URL again, whole."),
        "invalid_token": gettext_lazy("Slack does not know this webhook. Copy its URL again, whole."),
        "channel_is_archived": gettext_lazy("The Slack channel is archived. Choose another one for the webhook."),
        "channel_not_found": gettext_lazy("The Slack channel is gone. Choose another one for the webhook."),
        "action_prohibited": gettext_lazy("An administrator of the Slack workspace forbids this webhook."),
        "posting_to_general_channel_denied": gettext_lazy("Only administrators may post to this Slack channel."),
    },
)
