"""What a person says about groups of errors: resolved, snoozed, open again. Each is in the book."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from integrations.models import ErrorGroup
from integrations.models.router import calls_alias
from secrets_vault import audit
from secrets_vault.actor import Actor

State = ErrorGroup.State
ACTIONS = {State.RESOLVED: "error.resolved", State.SNOOZED: "error.snoozed", State.OPEN: "error.reopened"}


@dataclass(frozen=True)
class Before:
    """How a group stood before it was settled, so that settling can be taken back."""

    id: str
    state: str
    snoozed_until: str | None
    became: str

    @classmethod
    def of(cls, group: ErrorGroup, became: str) -> Before:
        """Return what to remember of a group that becomes something else."""
        until = group.snoozed_until.isoformat() if group.snoozed_until else None
        return cls(str(group.pk), group.state, until, became)


def settle(
    groups: Iterable[ErrorGroup], state: str, *, actor: Actor, now: datetime, until: datetime | None = None
) -> list[Before]:
    """Give groups a state; return how they stood. A resolved group comes back when its error is seen again."""
    changed = [group for group in groups if group.state != state or (until and group.snoozed_until != until)]
    until_then = until if state == State.SNOOZED else None
    fields = {"state": state, "snoozed_until": until_then, "state_changed_at": now, "mended_at": None}
    with transaction.atomic():
        _record(changed, ACTIONS[State(state)], actor=actor, until=until)
        with transaction.atomic(using=calls_alias()):
            ErrorGroup.objects.filter(pk__in=[group.pk for group in changed]).update(**fields)
    return [Before.of(group, state) for group in changed]


def take_back(
    groups: Sequence[ErrorGroup], before: Mapping[str, Before], *, actor: Actor, now: datetime
) -> list[ErrorGroup]:
    """Put groups back as they stood; one that has moved on since then is left alone."""
    mine = [group for group in groups if str(group.pk) in before and group.state == before[str(group.pk)].became]
    with transaction.atomic():
        _record(mine, "error.settling_undone", actor=actor)
        with transaction.atomic(using=calls_alias()):
            for group in mine:
                was = before[str(group.pk)]
                until = datetime.fromisoformat(was.snoozed_until) if was.snoozed_until else None
                fields: dict[str, Any] = {"state": was.state, "snoozed_until": until, "state_changed_at": now}
                ErrorGroup.objects.filter(pk=group.pk, state=was.became).update(**fields)
    return mine


def _record(groups: Iterable[ErrorGroup], action: str, *, actor: Actor, until: datetime | None = None) -> None:
    for group in groups:
        details: dict[str, Any] = {"code": group.code, "connection": str(group.connection_id)}
        if until is not None:
            details["until"] = until.isoformat(timespec="minutes")
        audit.record(action, actor=actor, client=group.client_id, subject=group, label=group.title, details=details)


def wake_snoozed(now: datetime) -> int:
    """Open the groups whose snooze has ended; return how many."""
    over = ErrorGroup.objects.filter(state=State.SNOOZED, snoozed_until__lte=now)
    return over.update(state=State.OPEN, state_changed_at=now)
