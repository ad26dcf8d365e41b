"""Where good answers are kept: sealed, a day at most, so many for each connection, the least used going first.

For threads: it asks the database and the vault.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models.functions import Length

from integrations.models import Connection, GatewayToken, StoredAnswer
from integrations.models.router import calls_alias
from secrets_vault import vault
from secrets_vault.ids import uuid7
from secrets_vault.models import Client

Headers = list[tuple[bytes, bytes]]

KEPT = timedelta(hours=24)
MOST_ANSWERS = 200
MOST_BYTES = 20 * 1024 * 1024
FIELD = "storedanswer.sealed"
USABLE = (Connection.Status.CONNECTED, Connection.Status.UNTESTED, Connection.Status.FAILING, Connection.Status.PAUSED)


@dataclass(frozen=True, slots=True)
class Good:
    """One good answer and whose it is. `key_hash` says to what."""

    key_hash: bytes
    client_id: UUID
    connection_id: UUID
    token_id: UUID
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    at: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """An answer from the store."""

    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    stored_at: datetime


def keep(answers: Sequence[Good]) -> None:
    """Keep these, each in the place of the earlier one to the same request. Raises DatabaseError, VaultError."""
    newest = {answer.key_hash: answer for answer in answers}
    rows = [_sealed(answer) for answer in newest.values()]
    try:
        with transaction.atomic(using=calls_alias()):
            StoredAnswer.objects.filter(key_hash__in=list(newest)).delete()
            StoredAnswer.objects.bulk_create(rows)
    except IntegrityError:  # another process kept the same in the same moment: either is good
        return
    for connection_id in {answer.connection_id for answer in newest.values()}:
        _make_room(connection_id)


def _sealed(answer: Good) -> StoredAnswer:
    row_id = uuid7()
    head = json.dumps([[name.decode("latin-1"), value.decode("latin-1")] for name, value in answer.headers]).encode()
    plain = b"%d\n%b%b" % (len(head), head, answer.body)
    return StoredAnswer(
        id=row_id,
        key_hash=answer.key_hash,
        client_id=answer.client_id,
        connection_id=answer.connection_id,
        token_id=answer.token_id,
        sealed=vault.seal_text(plain, field=FIELD, row_id=row_id, client=Client(pk=answer.client_id)),
        stored_at=answer.at,
        used_at=answer.at,
        expires_at=answer.at + KEPT,
    )


def _make_room(connection_id: UUID) -> None:
    """Delete what a connection has too much of, the least used first."""
    rows = StoredAnswer.objects.filter(connection_id=connection_id).order_by("-used_at", "-pk")
    sizes = rows.annotate(size=Length("sealed")).values_list("pk", "size")
    gone, total = [], 0
    for number, (pk, size) in enumerate(sizes):
        total += size
        if number >= MOST_ANSWERS or total > MOST_BYTES:
            gone.append(pk)
    if gone:
        StoredAnswer.objects.filter(pk__in=gone).delete()


def find(key_hash: bytes, *, now: datetime) -> Found | None:
    """Return what is kept under a key, and note that it was used. Raises DatabaseError, VaultError."""
    row = StoredAnswer.objects.filter(key_hash=key_hash, expires_at__gt=now).first()
    if row is None:
        return None
    client = Client(pk=row.client_id)
    plain = vault.open_text(bytes(row.sealed), field=FIELD, row_id=row.pk, client=client).expose_bytes()
    length, _, rest = plain.partition(b"\n")
    head, body = rest[: int(length)], rest[int(length) :]
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in json.loads(head)]
    StoredAnswer.objects.filter(pk=row.pk).update(used_at=now)
    return Found(headers, body, row.stored_at)


def forget(now: datetime) -> int:
    """Delete what is over: a day old, or of a token or connection that is revoked, disconnected or gone."""
    gone = StoredAnswer.objects.filter(expires_at__lte=now).delete()[0]
    tokens = set(StoredAnswer.objects.order_by().values_list("token_id", flat=True).distinct())
    alive = GatewayToken.objects.filter(pk__in=tokens, revoked_at=None, client__archived_at=None)
    gone += StoredAnswer.objects.filter(token_id__in=tokens - set(alive.values_list("pk", flat=True))).delete()[0]
    connections = set(StoredAnswer.objects.order_by().values_list("connection_id", flat=True).distinct())
    used = set(Connection.objects.filter(pk__in=connections, status__in=USABLE).values_list("pk", flat=True))
    return gone + StoredAnswer.objects.filter(connection_id__in=connections - used).delete()[0]
