"""`--probe`: after the file was applied, each credential is tried with the provider's cheapest call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from integrations.connections import probe
from integrations.models import Connection
from secrets_vault.actor import COMMAND

UNTRIED = ("no_probe", "no_credential")


def probe_all(answer: dict[str, Any], *, now: datetime, say: Callable[[str], object]) -> bool:
    """Try every connection of the answer; put the status found into it. True when none failed.

    A provider without a harmless call, or a connection without a credential yet, is no failure.
    """
    is_fine = True
    for client in answer["clients"].values():
        for slug, said in client["connections"].items():
            connection = Connection.objects.get(slug=slug)
            found = probe(connection, actor=COMMAND, now=now)
            said["status"] = connection.status
            say(f"{slug}: {found}")
            is_fine = is_fine and (found.is_good or found.outcome in UNTRIED)
    return is_fine
