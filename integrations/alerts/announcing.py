"""Tells everyone whom a client concerns: its people, each in their language, and the routes that ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from integrations.alerts.routes.noting import note
from integrations.alerts.saying import is_play_of, recipients, tell
from secrets_vault.models import Client


def announce(
    client: Client, kind: str, context: Mapping[str, object], *, key: str, now: datetime, is_play: bool = False
) -> int:
    """Say `emails/<kind>.txt` to the client's people and routes, once for each `key`; return how many people are new.

    `context["url"]` is the page to look at. Nothing of the sandbox and the demo leaves Keylodge.
    """
    people = recipients(client)
    new = sum(tell(user, kind, dict(context), key=key, client=client, now=now, is_play=is_play) for user in people)
    if not (is_play or is_play_of(client)):
        note(client, kind, context, key=key, now=now)
    return new
