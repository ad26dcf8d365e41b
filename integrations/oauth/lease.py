"""At most one refresh per connection is in flight: a lease taken by one conditional update, outside any transaction.

`select_for_update` is a no-op on SQLite and pins a connection on PostgreSQL; the compare-and-swap
on the row's version works on both. The same statement records the intent, so that a crash between
the provider's answer and our commit is seen by whoever comes next.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from integrations.models import Connection
from integrations.oauth.wire import TIMEOUT_S
from integrations.wall_clock import SKEW

# Longer than the token call's own deadline (15 s) and the commit after it, on a machine that is busy.
LEASE = timedelta(seconds=45)
LONGEST_WAIT = timedelta(hours=1)  # after a failed refresh: a Retry-After is followed so far (`answers.py`)
SECOND = "second-"


@dataclass(frozen=True)
class Lease:
    """The right to refresh one connection, at the version that was read."""

    connection_id: UUID
    owner: str
    version: int
    until: datetime

    @property
    def mine(self) -> Q:
        """Return the condition that nobody took over or wrote since."""
        return Q(pk=self.connection_id, version=self.version, refresh_lease_owner=self.owner)


def take(row: Connection, *, now: datetime) -> Lease | None:
    """Return the lease, with the intent recorded; None when somebody else has it or the row moved on."""
    owner = (SECOND if was_interrupted(row) else "") + secrets.token_hex(12)
    free = (
        Q(refresh_lease_until__isnull=True)
        | Q(refresh_lease_until__lte=now)
        | Q(refresh_lease_until__gt=now + LEASE + SKEW)
    )
    same = Q(pk=row.pk, version=row.version, refresh_lease_owner=row.refresh_lease_owner)
    changed = Connection.objects.filter(free & same).update(
        refresh_lease_owner=owner,
        refresh_lease_until=now + LEASE,
        refresh_intent_at=now,
        refresh_intent_version=current_number(row),
    )
    return Lease(row.pk, owner, row.version, now + LEASE) if changed == 1 else None


def was_interrupted(row: Connection) -> bool:
    """Tell whether a refresh with the current token was begun and never ended, in any way that we could record."""
    return row.refresh_intent_at is not None and row.refresh_intent_version == current_number(row)


def was_interrupted_twice(row: Connection) -> bool:
    """Tell whether the one repeat that a crash is allowed has ended in a crash too."""
    return was_interrupted(row) and row.refresh_lease_owner.startswith(SECOND)


def is_held(row: Connection, *, now: datetime) -> bool:
    """Tell whether somebody is refreshing right now."""
    return holds(row.refresh_lease_until, now=now)


def holds(until: datetime | None, *, now: datetime) -> bool:
    """Tell whether a lease that ends then is a lease now."""
    return until is not None and now < until <= now + LEASE + SKEW


def covers_a_call(lease: Lease, *, now: datetime) -> bool:
    """Tell whether the lease outlives a token call that begins now, with the commit after it."""
    return lease.until - now > timedelta(seconds=TIMEOUT_S + 5)


def current_number(row: Connection) -> int | None:
    """Return the number of the stored version that would be sent."""
    current = row.secret.current if row.secret else None
    return current.number if current else None


def is_due(now: datetime) -> Q:
    """Return the condition of a connection that it is time to refresh.

    Its times mean nothing when they were written by a clock that has since been put back: a refresh or a
    consent in the future, a pause after a failure longer than any.
    """
    later = now + SKEW
    of_another_clock = (
        Q(refreshed_at__gt=later)
        | Q(refreshed_at=None, connected_at__gt=later)
        | Q(refresh_failures__gt=0, refresh_due_at__gt=later + LONGEST_WAIT)
    )
    return Q(refresh_due_at__lte=now) | (of_another_clock & Q(refresh_due_at__isnull=False))


def is_waiting(connection: Connection, *, now: datetime) -> bool:
    """Tell whether the pause after a failed refresh is not over yet."""
    until = connection.refresh_due_at
    return connection.refresh_failures > 0 and until is not None and now < until <= now + LONGEST_WAIT + SKEW


RELEASED = {
    "refresh_lease_owner": "",
    "refresh_lease_until": None,
    "refresh_intent_at": None,
    "refresh_intent_version": None,
}
