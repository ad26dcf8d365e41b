"""`provision FILE [--probe]`: a client as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandParser
from django.utils import timezone

from config.provision import BadFile, probe_all, provision
from secrets_vault.commands import FOUND_SOMETHING, KeylodgeCommand
from secrets_vault.errors import VaultError


class Command(KeylodgeCommand):
    """Exit 0 when applied, 1 when a probe failed, 2 for a bad file: then nothing was written."""

    help = "Apply a client described in a TOML file, all or nothing. Prints what it made as JSON."
    answered = (VaultError, ImproperlyConfigured, BadFile)
    prepares = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the file and --probe."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--probe", action="store_true", help="try each credential with a cheap call")

    def run(self, **options: Any) -> object:
        """Apply, and probe when asked to."""
        now = timezone.now()
        answer = provision(options["file"], now=now)
        if options["probe"] and not probe_all(answer, now=now, say=self.say):
            self.exit_code = FOUND_SOMETHING
        return answer
