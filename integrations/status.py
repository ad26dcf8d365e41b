"""The state of a connection: every change is a compare-and-swap on its version, and is in the book."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from integrations import alerts
from integrations.errors import IntegrationError
from integrations.models import AlertEpisode, Connection
from secrets_vault import audit, generation
from secrets_vault.actor import SYSTEM, Actor

Status = Connection.Status

CHOICE_NEEDED = "choice_needed"
"""The code of a connection that waits until a person has chosen which of several accounts it is for."""

ACTIONS = {
    Status.NOT_CONNECTED: "connection.disconnected",
    Status.UNTESTED: "connection.untested",
    Status.CONNECTED: "connection.works",
    Status.FAILING: "connection.failing",
    Status.NEEDS_RECONNECTING: "connection.needs_reconnecting",
    Status.PAUSED: "connection.paused",
}


class ConnectionChanged(IntegrationError):
    """Somebody changed the connection since it was read. Read it again, then decide."""

    code = "connection_changed"


def set_status(connection: Connection, status: str, code: str = "", *, actor: Actor = SYSTEM, now: datetime) -> bool:
    """Give the connection a new state; tell whether anything changed. Raises ConnectionChanged.

    A paused connection stays paused: what it would be is remembered for when it goes on.
    """
    if connection.status == Status.PAUSED and status != Status.NOT_CONNECTED:
        return _remember(connection, status)
    if (connection.status, connection.status_code) == (status, code):
        return False
    with transaction.atomic():
        swap(connection, status=status, status_code=code, status_since=now, status_before_pause="")
        record(connection, ACTIONS[Status(status)], actor=actor, code=code)
        tell(connection, now=now)
    return True


def tell(connection: Connection, *, now: datetime) -> None:
    """Open or close the trouble that people are mailed about, in the transaction of the change itself."""
    if connection.status == Status.NEEDS_RECONNECTING:
        alerts.needs_reconnecting(connection, code=connection.status_code, now=now)
    elif connection.status == Status.CONNECTED:
        alerts.recovered(connection, now=now, kinds=[AlertEpisode.Kind.NEEDS_RECONNECTING])


def _remember(connection: Connection, status: str) -> bool:
    if connection.status_before_pause == status:
        return False
    with transaction.atomic():
        swap(connection, status_before_pause=status)
    return True


def pause(connection: Connection, *, actor: Actor, now: datetime) -> None:
    """Stop every call through this connection until it is resumed. Raises ConnectionChanged."""
    if connection.status == Status.PAUSED:
        return
    with transaction.atomic():
        swap(connection, status=Status.PAUSED, status_before_pause=connection.status, status_since=now)
        record(connection, "connection.paused", actor=actor)


def resume(connection: Connection, *, actor: Actor, now: datetime) -> None:
    """Let calls through again, in the state it had before. Raises ConnectionChanged."""
    if connection.status != Status.PAUSED:
        return
    before = connection.status_before_pause or Status.UNTESTED
    with transaction.atomic():
        swap(connection, status=before, status_before_pause="", status_since=now)
        record(connection, "connection.resumed", actor=actor)


def swap(connection: Connection, **changes: Any) -> None:
    """Write `changes` if the row is still at the version that was read, and bring the object up to date.

    Must run in a transaction, so that a lost race also undoes what was written with it.
    """
    same = Connection.objects.filter(pk=connection.pk, version=connection.version)
    if same.update(version=F("version") + 1, **changes) != 1:
        raise ConnectionChanged("the connection was changed meanwhile")
    connection.version += 1
    for name, value in changes.items():
        setattr(connection, name, value)
    generation.bump()


def record(connection: Connection, action: str, *, actor: Actor, **details: Any) -> None:
    """Write one event about a connection into the book: codes, names and counts, never a value."""
    audit.record(
        action,
        actor=actor,
        client=connection.client,
        subject=connection,
        label=connection.slug,
        details={name: value for name, value in details.items() if value not in ("", None, [])},
    )
