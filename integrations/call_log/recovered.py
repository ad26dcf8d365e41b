"""Calls like failed ones that went through in the end."""

from __future__ import annotations

from dataclasses import dataclass

from integrations.causes import path_template
from integrations.models import Call, ErrorGroup
from integrations.models.call import Outcome

LOOK_AT = 1000


@dataclass(frozen=True)
class Recovered:
    """How many there were among the connection's newest calls, and the newest of them."""

    count: int
    newest: Call | None


def recovered_like(group: ErrorGroup) -> Recovered:
    """Return the calls of the same kind that a repeat brought through, among the connection's last thousand."""
    newest = Call.objects.filter(connection_id=group.connection_id).order_by("-pk")[:LOOK_AT]
    rows = Call.objects.filter(pk__in=newest.values("pk"), outcome=Outcome.RECOVERED, method=group.method)
    rows = rows.only("id", "at", "path", "attempts", "total_ms").order_by("-pk")
    alike = [row for row in rows if path_template(row.path) == group.path_template]
    return Recovered(len(alike), alike[0] if alike else None)
