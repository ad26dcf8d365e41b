"""`provision FILE [--probe]`: a client as a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from config.management.commands.serve import prepare
from config.provision import BadFile, probe_all, provision


class Command(BaseCommand):
    """Reads the file, applies it, prints one JSON object."""

    help = "Apply a client described in a TOML file, all or nothing. Prints what it made as JSON."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the file and --probe."""
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--probe", action="store_true", help="test each credential with the provider's cheapest call"
        )

    def handle(self, *args: Any, file: Path, probe: bool, **options: Any) -> None:
        """Exit 0 when applied, 1 when a probe failed, 2 for a bad file."""
        prepare(settings.KEYLODGE_HOME)
        now = timezone.now()
        try:
            answer = provision(file, now=now)
        except BadFile as problem:
            self.stderr.write(str(problem))
            sys.exit(problem.exit_code)
        is_fine = probe_all(answer, now=now, say=self.stderr.write) if probe else True
        self.stdout.write(json.dumps(answer, indent=2, ensure_ascii=False))
        if not is_fine:
            sys.exit(1)
