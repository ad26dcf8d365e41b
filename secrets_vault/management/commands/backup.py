"""Writes one encrypted file that holds everything but the wrapping key."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from secrets_vault.backup import write_backup
from secrets_vault.backup.asking import lock_to_close
from secrets_vault.commands import KeylodgeCommand
from secrets_vault.errors import BadInput


class Command(KeylodgeCommand):
    """`backup FILE`: the file appears whole, with mode 0600, or not at all."""

    help = "Write an encrypted backup. The wrapping key is not part of it: keep that elsewhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """FILE, and whom to encrypt to instead of a passphrase."""
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument("--recipient", action="append", default=[], help="an age public key (age1…)")

    def run(self, **options: Any) -> object:
        """Answer with the manifest."""
        path: Path = options["file"]
        lock = lock_to_close(options["recipient"])
        draft = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            manifest = self._write(draft, lock)
            draft.replace(path)
        except OSError as error:
            raise BadInput(f"{path} cannot be written: {error.strerror}.") from error
        finally:
            draft.unlink(missing_ok=True)
        self.say(f"The backup opens with the wrapping key {' or '.join(manifest['needs_wrapping_key'])}.")
        return {"file": str(path), "bytes": path.stat().st_size, **manifest}

    def _write(self, draft: Path, lock: Any) -> dict[str, Any]:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as out:
            manifest = write_backup(out, lock=lock)
            out.flush()
            os.fsync(out.fileno())
        return asdict(manifest)
