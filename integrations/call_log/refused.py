"""A dead credential is one error, whatever is called with it: its failures fold into one group of the connection.

A call that is answered 401 says nothing of its path or method; nor does one that Keylodge refused since the connection
needs reconnecting. A 403 may be about the path, so it folds only while the connection is known to be broken. What
names a missing scope or permission has a remedy of its own and stays by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from integrations.call_log.record import CallRecord
from integrations.causes import Cause, path_template
from integrations.causes.explain import REFUSED
from integrations.models import Call, Connection, ErrorGroup
from integrations.models.call import Outcome
from secrets_vault.ids import id_at

CODE = "credential_refused"
OWN_SCOPE = ("scope", "permission", "ip_")
QUIET = timedelta(minutes=5)  # without a refusal, before calls that went through count as its end
LOOK_AT = 1_000
State = ErrorGroup.State
Status = Connection.Status


def broken_among(records: Iterable[CallRecord]) -> set[UUID]:
    """Return which connections of a batch's 403s need reconnecting. No query where there is none."""
    ids = {record.connection_id for record in records if record.status == 403 and record.outcome == Outcome.AUTH}
    rows = Connection.objects.filter(pk__in=ids, status=Status.NEEDS_RECONNECTING) if ids else Connection.objects.none()
    return set(rows.values_list("pk", flat=True))


def is_refused(status: int | None, code: str, cause: Cause, *, is_broken: bool) -> bool:
    """Tell whether a call failed of its credential alone. `code` is our own; `is_broken` is of the connection."""
    if code:
        return code == "needs_reconnecting"
    if any(word in cause.code for word in OWN_SCOPE) and not is_broken:
        return False
    return status == 401 or (status == 403 and is_broken)


def key_of(connection_id: UUID | None) -> bytes:
    """Return the key of a connection's one group of refusals."""
    return sha256(f"{connection_id}\0{CODE}".encode()).digest()


def folded(cause: Cause) -> Cause:
    """Return the cause that stands over all of them: the newest one's words under one title."""
    return replace(cause, code=CODE, title=REFUSED)


@dataclass(frozen=True, slots=True)
class Child:
    """What was refused: so many calls of one kind."""

    method: str
    place: str
    count: int


def children(group: ErrorGroup) -> list[Child]:
    """Return the kinds of calls among the newest thousand of a group of refusals, the most frequent first."""
    rows = Call.objects.filter(group_id=group.pk).order_by("-pk").values_list("method", "path")[:LOOK_AT]
    counted = Counter((method, path_template(path.partition("?")[0])) for method, path in rows)
    return [Child(method, place, count) for (method, place), count in counted.most_common(20)]


def resolve_mended(now: datetime) -> int:
    """Resolve the refusals of connections that work again, and say since when; return how many."""
    open_ones = ErrorGroup.objects.filter(code=CODE, state__in=(State.OPEN, State.CAME_BACK, State.SNOOZED))
    groups = list(open_ones.filter(method=""))
    standing = Connection.objects.filter(pk__in={group.connection_id for group in groups})
    known = {pk: (status, since) for pk, status, since in standing.values_list("pk", "status", "status_since")}
    done = 0
    for group in groups:
        since = _works_since(group, *known.get(group.connection_id, ("", None)), now=now)
        if since is not None:
            mine = ErrorGroup.objects.filter(pk=group.pk, state=group.state, last_seen_at=group.last_seen_at)
            done += mine.update(state=State.RESOLVED, snoozed_until=None, state_changed_at=since, mended_at=since)
    return done


def _works_since(group: ErrorGroup, status: str, changed_at: datetime | None, *, now: datetime) -> datetime | None:
    """Return when the connection was reconnected, or when a call went through after the last refusal."""
    if status in (Status.NEEDS_RECONNECTING, Status.NOT_CONNECTED, Status.PAUSED, ""):
        return None
    if status == Status.CONNECTED and changed_at is not None and changed_at >= group.last_seen_at:
        return changed_at
    if now - group.last_seen_at < QUIET:
        return None
    later = Call.objects.filter(connection_id=group.connection_id, pk__gt=id_at(group.last_seen_at))
    fine = later.filter(outcome__in=(Outcome.OK, Outcome.RECOVERED), at__gt=group.last_seen_at).order_by("pk")
    first: datetime | None = fine.values_list("at", flat=True).first()
    return first
