"""`export calls|audit|secrets`: masked rows on stdout, streamed."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from integrations import export
from integrations.spreadsheet import Row, csv_lines, json_lines
from secrets_vault import audit
from secrets_vault.actor import COMMAND
from secrets_vault.commands import prepare
from secrets_vault.models import Client

COLUMNS = {"calls": export.CALL_COLUMNS, "audit": export.AUDIT_COLUMNS, "secrets": export.SECRET_COLUMNS}
AGO = re.compile(r"(\d{1,5})([mhdw])")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Command(BaseCommand):
    """Writes rows as they are read. The export itself is in the book before its first row."""

    help = "Write calls, audit events or the secrets' metadata to stdout. Nothing unmasked leaves."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what, how, whose and since when."""
        parser.add_argument("what", choices=sorted(COLUMNS))
        parser.add_argument("--format", choices=["jsonl", "csv"], required=True)
        parser.add_argument("--client", help="the slug of one client; all clients when left out")
        parser.add_argument("--since", help="7d, 12h, or a moment such as 2026-11-01T00:00:00Z")

    def handle(self, *args: Any, what: str, format: str, client: str | None, since: str | None, **options: Any) -> None:
        """Exit 2 for an unknown client or moment."""
        prepare()
        now = timezone.now()
        whose = get_client(client) if client else None
        after = read_since(since, now=now) if since else None
        with transaction.atomic():
            details = {"what": what, "format": format, "since": after.isoformat() if after else None}
            audit.record("export.made", actor=COMMAND, client=whose, details=details)
        found = rows(what, client=whose, since=after, now=now)
        lines = csv_lines(COLUMNS[what], found) if format == "csv" else json_lines(found)
        try:
            for line in lines:
                self.stdout.write(line, ending="")
            self.stdout.flush()
        except BrokenPipeError:  # `export … | head` is no fault; Python must not complain when it flushes at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def rows(what: str, *, client: Client | None, since: datetime | None, now: datetime) -> Iterator[Row]:
    """Return the rows of one kind."""
    if what == "calls":
        return export.calls(client=client, since=since)
    if what == "audit":
        return export.audit_events(client=client, since=since)
    return export.secrets(client=client, since=since, today=now.date())


def get_client(slug: str) -> Client:
    """Return a client by its slug. Raises CommandError."""
    found = Client.objects.filter(slug=slug).first()
    if found is None:
        raise CommandError(f"There is no client {slug!r}.", returncode=2)
    return found


def read_since(text: str, *, now: datetime) -> datetime:
    """Return the moment that `7d` or an RFC 3339 text means; UTC where it says no offset. Raises CommandError."""
    if ago := AGO.fullmatch(text):
        return now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(
            f"--since {text!r} is neither like 7d nor like 2026-11-01T00:00:00Z.", returncode=2
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
