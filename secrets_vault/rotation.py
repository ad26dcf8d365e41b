"""Ages and due dates: which secret is to be rotated when, and by whose rule.

The rule nearest to the secret wins: its own date, its own days, its client's days, its provider's, then 90.
What the provider itself says about expiry wins when it is sooner. A secret whose day of making is not
known is due now: an age that is not known is no young age.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from secrets_vault import audit
from secrets_vault.actor import Actor
from secrets_vault.errors import BadInput
from secrets_vault.models import Client, SecretVersion, StoredSecret, User

DEFAULT_DAYS = 90
SOON_DAYS = 14
Kind = StoredSecret.Kind
RENEWED_BY_MACHINE = (Kind.OAUTH_TOKENS, Kind.SYSTEM)
ProviderDays = Callable[[str], int | None]


class Rule(StrEnum):
    """Whose rule gave the date."""

    DATE = "date"
    SECRET = "secret"  # noqa: S105
    CLIENT = "client"
    PROVIDER = "provider"
    DEFAULT = "default"
    EXPIRY = "expiry"
    AGE_UNKNOWN = "age_unknown"


class State(StrEnum):
    """How a row of the board reads."""

    OVERDUE = "overdue"
    DUE_SOON = "due_soon"
    FINE = "fine"
    SNOOZED = "snoozed"


class Due(NamedTuple):
    """When a secret is due, by which rule, and how old it is (None: not known). A tuple: boards make 10,000 of them."""

    on: date
    rule: Rule
    state: State
    age_days: int | None
    days_left: int
    snoozed_until: date | None = None
    snooze_reason: str = ""

    @property
    def age_text(self) -> str:
        """Return the age in words."""
        if self.age_days is None:
            return _("age unknown")
        return ngettext("{n} day", "{n} days", self.age_days).format(n=self.age_days)


class BoardRow(NamedTuple):
    """One line of the board over all clients."""

    stored: StoredSecret
    due: Due


def no_provider_days(provider_key: str) -> int | None:
    """Say nothing about any provider: the default where no catalogue is at hand."""
    return None


def due(stored: StoredSecret, today: date, *, provider_days: ProviderDays = no_provider_days) -> Due | None:
    """Return when a secret is due, or None for one that is never rotated by a person.

    Asks no database when `client` and `current` are loaded. `provider_days` gives a provider's own
    default by its key.
    """
    version = stored.current
    if version is None or not is_rotated(stored):
        return None
    on, rule = _rule_of(stored, version, today=today, provider_days=provider_days)
    expires_on = version.expires_at.date() if version.expires_at else None
    if expires_on is not None and expires_on < on:
        on, rule = expires_on, Rule.EXPIRY
    age_days, days_left = (today - version.made_on).days if version.made_on else None, (on - today).days
    until, reason = _snooze_of(stored)
    if not until or until <= today:
        return Due(on, rule, _state(days_left), age_days, days_left)
    state = State.FINE if days_left > SOON_DAYS else State.SNOOZED
    return Due(on, rule, state, age_days, days_left, until, reason)


def is_rotated(stored: StoredSecret) -> bool:
    """Tell whether a person rotates this secret. A note is rotated only when somebody gave it a rule."""
    if stored.kind in RENEWED_BY_MACHINE or stored.deleted_at is not None:
        return False
    return stored.kind != Kind.NOTE or bool(stored.rotate_on or stored.rotate_after_days)


def board(user: User, today: date, *, provider_days: ProviderDays = no_provider_days) -> list[BoardRow]:
    """Return every secret this person may see that is to be rotated, soonest first, the snoozed ones last.

    One query, whatever the number of secrets; nothing is opened.
    """
    rows = StoredSecret.objects.visible_to(user).filter(deleted_at=None, current__isnull=False)
    rows = rows.exclude(kind__in=RENEWED_BY_MACHINE).filter(client__archived_at=None)
    loaded = rows.select_related("client", "environment", "current", "owner")
    return sorted(_board_rows(loaded, today, provider_days), key=lambda row: place_of(row, row.stored.pk))


def _board_rows(rows: Iterable[StoredSecret], today: date, provider_days: ProviderDays) -> list[BoardRow]:
    found = ((stored, due(stored, today, provider_days=provider_days)) for stored in rows)
    return [BoardRow(stored, when) for stored, when in found if when is not None]


def place_of(row: BoardRow, pk: UUID | str) -> tuple[bool, date, str, UUID | str]:
    """Return what the board is sorted by. `pk` decides between namesakes, so that pages of it hold still."""
    return row.due.state == State.SNOOZED, row.due.on, row.stored.label, pk


def _rule_of(
    stored: StoredSecret, version: SecretVersion, *, today: date, provider_days: ProviderDays
) -> tuple[date, Rule]:
    made_on, wanted_on = version.made_on, stored.rotate_on
    if wanted_on is not None and (made_on is None or made_on < wanted_on):
        return wanted_on, Rule.DATE  # a version made on that day or later has obeyed it
    if made_on is None:
        return today, Rule.AGE_UNKNOWN
    days, rule = days_for(stored, provider_days=provider_days)
    return made_on + timedelta(days=days), rule


def days_for(stored: StoredSecret, *, provider_days: ProviderDays = no_provider_days) -> tuple[int, Rule]:
    """Return after how many days a secret is to be rotated, and whose rule that is."""
    if stored.rotate_after_days:
        return stored.rotate_after_days, Rule.SECRET
    if stored.client is not None and stored.client.rotate_after_days:
        return stored.client.rotate_after_days, Rule.CLIENT
    days = provider_days(stored.provider_key) if stored.provider_key else None
    return (days, Rule.PROVIDER) if days else (DEFAULT_DAYS, Rule.DEFAULT)


def _snooze_of(stored: StoredSecret) -> tuple[date | None, str]:
    """Return the later of the secret's and its client's snooze."""
    client, until = stored.client, stored.snoozed_until
    if client is not None and client.snoozed_until and (until is None or until < client.snoozed_until):
        return client.snoozed_until, client.snooze_reason
    return until, stored.snooze_reason


def _state(days_left: int) -> State:
    if days_left > SOON_DAYS:
        return State.FINE
    return State.DUE_SOON if days_left > 0 else State.OVERDUE


def snooze(target: StoredSecret | Client, until: date, *, actor: Actor, today: date, reason: str = "") -> None:
    """Stop reminding of one secret, or of all of a client's, until a day. The age goes on counting."""
    if not today < until <= today + timedelta(days=366):
        raise BadInput(_("Snooze until a day after today, within a year."))
    _write_snooze(target, until, reason, actor=actor, action="rotation.snoozed")


def wake(target: StoredSecret | Client, *, actor: Actor) -> None:
    """End a snooze at once."""
    _write_snooze(target, None, "", actor=actor, action="rotation.woken")


def _write_snooze(target: StoredSecret | Client, until: date | None, reason: str, *, actor: Actor, action: str) -> None:
    details = {"until": until.isoformat() if until else None, "reason": reason}
    client_id = target.pk if isinstance(target, Client) else target.client_id
    with transaction.atomic():
        target.snoozed_until, target.snooze_reason = until, reason[:200]
        target.save(update_fields=["snoozed_until", "snooze_reason"])
        audit.record(action, actor=actor, client=client_id, subject=target, details=details)
