"""The lanes: of each connection with calls that wait, how many, since when, and what they wait for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Min, Q, Sum
from django.utils.translation import gettext as _

from dashboard.health import lightly
from dashboard.names import name_providers
from dashboard.pages.waiting.words import WHY
from dashboard.words import ago_words
from integrations.models import Connection, HeldCall, HeldLane
from integrations.models.held import ON_THE_WAY, OPEN_STATES
from integrations.states import is_one_of

if TYPE_CHECKING:
    from secrets_vault.models import User

MOST = 200
_STOPPED = {
    Connection.Status.PAUSED: "paused",
    Connection.Status.NEEDS_RECONNECTING: "needs_reconnecting",
    Connection.Status.NOT_CONNECTED: "needs_reconnecting",
}


@dataclass(frozen=True)
class LaneLine:
    """One lane as the page shows it."""

    connection: Any
    waiting: int
    for_a_person: int
    bytes: int
    oldest_at: datetime
    tone: str
    word: str
    text: str
    is_paused: bool
    can_manage: bool


def lanes_of(user: User, *, now: datetime, client: str = "") -> list[LaneLine]:
    """Return the lanes that a person sees, those with most calls first; in four queries however many there are."""
    rows = HeldCall.objects.visible_to(user).filter(is_one_of(OPEN_STATES)).order_by()
    if client:
        rows = rows.filter(client__slug=client)
    counted = rows.values("connection_id").annotate(
        n=Count("pk", filter=Q(state__in=ON_THE_WAY)), all=Count("pk"), bytes=Sum("size"), oldest=Min("held_at")
    )
    found = {row["connection_id"]: row for row in counted.order_by("-all")[:MOST]}
    lanes = HeldLane.objects.in_bulk(list(found))
    connections = name_providers(list(lightly(Connection.objects.filter(pk__in=list(found)))))
    mine = set(Connection.objects.manageable_by(user).filter(pk__in=list(found)).values_list("pk", flat=True))
    by_id = {each.pk: each for each in connections}
    return [
        _line(by_id[pk], row, lanes.get(pk), can_manage=pk in mine, now=now) for pk, row in found.items() if pk in by_id
    ]


def _line(connection: Any, row: dict[str, Any], lane: HeldLane | None, *, can_manage: bool, now: datetime) -> LaneLine:
    tone, word, text = _said(connection, lane, waiting=row["n"], now=now)
    return LaneLine(
        connection=connection,
        waiting=row["n"],
        for_a_person=row["all"] - row["n"],
        bytes=row["bytes"],
        oldest_at=row["oldest"],
        tone=tone,
        word=word,
        text=text,
        is_paused=lane is not None and lane.paused_at is not None,
        can_manage=can_manage,
    )


def _said(connection: Any, lane: HeldLane | None, *, waiting: int, now: datetime) -> tuple[str, str, str]:
    """Return tone, word and sentence of a lane's state."""
    if lane is not None and lane.paused_at is not None:
        return "warn", _("Paused"), _paused(lane, now=now)
    stopped = _STOPPED.get(connection.status)
    if stopped:
        return "warn", _("Waits for the connection"), str(WHY[stopped])
    if lane is not None and lane.next_at is not None and lane.next_at > now:
        when = ago_words(lane.next_at, now=now)
        why = str(WHY.get(lane.waits_for, ""))
        return "info", _("Waits"), _("{why} Tried again {when}.").format(why=why, when=when).strip()
    if waiting:
        return "ok", _("Running"), _("One call after the other, the oldest first.")
    return "info", _("Needs a decision"), _("Nothing of it goes by itself.")


def _paused(lane: HeldLane, *, now: datetime) -> str:
    assert lane.paused_at is not None  # noqa: S101 - for the type checker; the caller looked
    when = ago_words(lane.paused_at, now=now)
    if lane.paused_by:
        return _("By {name}, {when}.").format(name=lane.paused_by, when=when)
    why = str(WHY.get(lane.paused_why, lane.paused_why))
    return _("By Keylodge, {when}: {why}").format(when=when, why=why)
