"""What `doctor` and `restore` look at: whether what each connection is to send, or to sign with, is still there."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q, QuerySet

from integrations.models import Connection
from integrations.status import Status
from secrets_vault.doctor import Finding

IN_USE = (Status.CONNECTED, Status.UNTESTED, Status.FAILING)
HELD = {"secret": "the credential", "grant_secret": "the key", "beside_secret": "what goes beside the token"}


def credentials_are_whole() -> Finding:
    """Name connections whose credential, key for tokens, or value beside a token was deleted from under them."""
    rows = Connection.objects.filter(status__in=IN_USE, client__archived_at=None)
    bad = [line for column, words in HELD.items() for line in _without(rows, column, words)]
    if not bad:
        return Finding("connections", True, f"{rows.count()} have what they send")
    todo = "Open each connection's page and give it its credential again, or bring it back under Vault."
    return Finding("connections", False, "; ".join(bad[:10]), todo)


def _without(rows: QuerySet[Connection], column: str, words: str) -> Iterator[str]:
    gone = Q(**{f"{column}__current": None}) | Q(**{f"{column}__deleted_at__isnull": False})
    lost = rows.filter(gone, **{f"{column}__isnull": False})
    for slug in lost.values_list("slug", flat=True):
        yield f"{words} of {slug} was deleted"
