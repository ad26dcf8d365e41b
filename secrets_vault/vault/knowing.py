"""The values a client's call log must not show: all it holds and has held, for the masker's memory only."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Count, Max

from secrets_vault.errors import Unreadable
from secrets_vault.models import SecretField
from secrets_vault.vault.fields import open_field

MOST = 2_000
SHORTEST = 8
"""A shorter value ("true", "eu") would be covered wherever it stands; those count for their own connection only."""
NAMES_NO_SECRET = ("username",)

Stamp = tuple[int, int]


def stamps(client_ids: Iterable[UUID]) -> dict[UUID, Stamp]:
    """Return, by client, what changes whenever a value is added or forgotten. One query, nothing opened."""
    rows = SecretField.objects.filter(version__secret__client__in=list(client_ids))
    counted = rows.order_by().values("version__secret__client").annotate(newest=Max("pk"), count=Count("pk"))
    return {row["version__secret__client"]: (row["newest"], row["count"]) for row in counted}


def values_to_mask(client_id: UUID) -> list[str]:
    """Return a client's values, old versions too, the newest 2,000. What does not open is left out.

    A machine asks so that nobody sees them; no event is written, as none is for masking anything else.
    """
    rows = SecretField.objects.filter(version__secret__client=client_id).exclude(name__in=NAMES_NO_SECRET)
    found = []
    for row in rows.select_related("version__secret").order_by("-pk")[:MOST].iterator(chunk_size=500):
        try:
            value = open_field(row.version.secret, row.version, row).expose()
        except (Unreadable, UnicodeDecodeError):
            continue
        if len(value) >= SHORTEST:
            found.append(value)
    return found
