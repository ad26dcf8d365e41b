"""Runs every check on this installation, and says of each what to do."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db import DatabaseError

from secrets_vault import doctor, keys
from secrets_vault.commands import FOUND_SOMETHING, KeylodgeCommand
from secrets_vault.errors import VaultError, WrongWrappingKey


class Command(KeylodgeCommand):
    """`doctor`: exit 0 when all is well, 1 when something is to be done, 3 when the vault does not open."""

    help = "Check keys, tables, sealed values and audit trail, and say what to do."

    def run(self, **options: Any) -> object:
        """Answer with every finding."""
        findings = doctor.examine()
        for finding in findings:
            self.say(f"{'ok  ' if finding.ok else 'LOOK'} {finding.check}: {finding.what}. {finding.todo}".rstrip())
        if any(not finding.ok for finding in findings):
            self.exit_code = FOUND_SOMETHING
        if any(not finding.ok and finding.check == "vault" for finding in findings):
            self.exit_code = WrongWrappingKey.exit_code
        return {
            "ok": self.exit_code == 0,
            "wrapping_key": _fingerprint(),
            "findings": [asdict(finding) for finding in findings],
        }


def _fingerprint() -> str | None:
    try:
        return keys.unlock().fingerprint
    except (VaultError, DatabaseError):  # no tables yet: the first finding says so
        return None
