"""The consents that end and that nothing here renews, as Rotations shows them beside the keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy

from integrations.models import Connection
from integrations.oauth.deaths import is_dying
from secrets_vault.models import User

WITHIN = timedelta(days=90)
SOON = timedelta(days=14)
MOST = 50
WHY = {
    "no_refresh": gettext_lazy("there is no refresh token"),
    "idle": gettext_lazy("it is not used until then"),
    "told": gettext_lazy("the provider said so"),
    "absolute": gettext_lazy("its whole life is over then"),
    "testing": gettext_lazy("the app is in testing at the provider"),
}


@dataclass(frozen=True)
class EndingGrant:
    """One of them: when, why, and whether that is soon."""

    connection: Connection
    ends_at: datetime
    why: object
    is_soon: bool


def ending_grants(user: User, *, now: datetime) -> list[EndingGrant]:
    """Return those that this person may see, the soonest first."""
    rows = Connection.objects.visible_to(user).filter(is_dying(now, within=WITHIN), client__archived_at=None)
    found = rows.select_related("client", "environment").order_by("refresh_expires_at")[:MOST]
    return [
        EndingGrant(row, row.refresh_expires_at, WHY.get(row.refresh_ends_by, ""), row.refresh_expires_at < now + SOON)
        for row in found
        if row.refresh_expires_at is not None
    ]
