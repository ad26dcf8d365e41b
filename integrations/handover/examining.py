"""What `doctor` and `restore` look at: the outer layer of every one-time link. The inner one needs the link itself."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from integrations.models import Handover
from secrets_vault import vault
from secrets_vault.row_checks import Opening


def sealed_rows() -> Iterator[Opening]:
    """Give every link that still holds something, by name."""
    for row in Handover.objects.filter(sealed__isnull=False).select_related("client").iterator(chunk_size=200):
        name = f"one-time link {row.pk}"
        yield name, partial(vault.outer_layer, row.sealed, row_id=row.pk, client=row.client)
