"""Reads the whole book of openings and names the first event that is not as it was written."""

from __future__ import annotations

from typing import Any

from secrets_vault import audit
from secrets_vault.commands import FOUND_SOMETHING, KeylodgeCommand


class Command(KeylodgeCommand):
    """`audit_verify`: exit 0 when the chain holds, 1 when it does not."""

    help = "Check the audit trail for edited, removed, moved or cut off events."

    def run(self, **options: Any) -> object:
        """Answer with the contract's four names."""
        found = audit.verify()
        first_bad = {"seq": found.first_bad.seq, "why": found.first_bad.why} if found.first_bad else None
        if not found.ok:
            self.exit_code = FOUND_SOMETHING
            self.say(f"Event {first_bad['seq']}: {first_bad['why']}." if first_bad else "The audit trail is damaged.")
        return {"ok": found.ok, "events": found.events, "head": found.head, "first_bad": first_bad}
