"""Puts a backup into an empty home, after checking that it will open there."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from secrets_vault.backup import restore_backup
from secrets_vault.backup.asking import lock_to_open
from secrets_vault.commands import FOUND_SOMETHING, KeylodgeCommand
from secrets_vault.errors import BadInput


class Command(KeylodgeCommand):
    """`restore FILE`: exit 1 when the file is refused or something did not open, 3 for a wrong wrapping key."""

    help = "Restore a backup. The wrapping key it needs must be here first; nothing is written before it fits."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """FILE, how to open it, and whether to replace what is here."""
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument("--identity", type=Path, help="a file with an age identity (AGE-SECRET-KEY-1…)")
        parser.add_argument("--force", action="store_true", help="replace what is here")

    def run(self, **options: Any) -> object:
        """Answer with what came back and what was found."""
        path: Path = options["file"]
        try:
            with path.open("rb") as source:
                lock = lock_to_open(options["identity"], beginning=source.read(200))
                source.seek(0)
                restored = restore_backup(source, lock=lock, force=options["force"])
        except OSError as error:
            raise BadInput(f"{error.filename} cannot be read: {error.strerror}.") from error
        if not restored.ok:
            self.exit_code = FOUND_SOMETHING
        for name in restored.unreadable:
            self.say(f"Unreadable: {name}.")
        return {"ok": restored.ok, **asdict(restored)}
