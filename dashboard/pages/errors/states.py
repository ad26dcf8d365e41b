"""Resolve, snooze, open again, and take it back: one group or many."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from dashboard.moments import span_of
from dashboard.render import PageRequest, actor_of
from integrations.call_log.settling import Before, settle, take_back
from integrations.models import ErrorGroup

State = ErrorGroup.State
KEPT_IN_SESSION = "errors_settled"
MOST = 200
BULK = [
    ("resolved", "Resolve"),
    ("snooze:1", "Snooze an hour"),
    ("snooze:24", "Snooze a day"),
    ("snooze:168", "Snooze a week"),
    ("open", "Open again"),
]
WORDS = {State.RESOLVED: "resolved", State.SNOOZED: "snoozed", State.OPEN: "open again"}


@require_POST
def settling(request: PageRequest) -> HttpResponse:
    """Give the chosen groups a state."""
    now = timezone.now()
    groups = _chosen(request)
    try:
        state, until = _wanted(request.POST.get("do", ""), request.POST.get("until", ""), now=now)
    except ValueError as unclear:
        messages.error(request, str(unclear))
        return _back(request)
    if not groups:
        messages.error(request, "Choose at least one error that you may settle.")
        return _back(request)
    before = settle(groups, state, actor=actor_of(request), now=now, until=until)
    if before:
        request.session[KEPT_IN_SESSION] = [asdict(row) for row in before]
    messages.success(request, _sentence(len(groups), state, until))
    return _back(request)


@require_POST
def undo(request: PageRequest) -> HttpResponse:
    """Put the groups that were settled last back as they stood."""
    before = {row.id: row for row in settled_before(request)}
    request.session.pop(KEPT_IN_SESSION, None)
    groups = list(ErrorGroup.objects.manageable_by(request.user).filter(pk__in=[UUID(pk) for pk in before]))
    done = take_back(groups, before, actor=actor_of(request), now=timezone.now())
    messages.success(request, f"{_counted(len(done))} as before.")
    return _back(request)


def settled_before(request: PageRequest) -> list[Before]:
    """Return how the groups stood that this person settled last."""
    return [Before(**row) for row in request.session.get(KEPT_IN_SESSION, [])]


def _chosen(request: PageRequest) -> list[Any]:
    ids = []
    for text in request.POST.getlist("chosen")[:MOST]:
        try:
            ids.append(UUID(text))
        except ValueError:
            continue
    return list(ErrorGroup.objects.manageable_by(request.user).filter(pk__in=ids))


def _wanted(do: str, typed: str, *, now: datetime) -> tuple[str, datetime | None]:
    """Return the state and until when. Raises ValueError with what is wrong."""
    action, _, hours = do.partition(":")
    if action in (State.RESOLVED, State.OPEN):
        return action, None
    if action != "snooze":
        raise ValueError("Choose what to do with the errors.")
    if hours.isdigit() and 0 < int(hours) <= 24 * 90:
        return State.SNOOZED, now + timedelta(hours=int(hours))
    return State.SNOOZED, _until(typed, now=now)


def _until(typed: str, *, now: datetime) -> datetime:
    """Return the moment typed into "snooze until": a date and time, or words."""
    span = span_of(typed, now=timezone.localtime(now))
    if span is None or not now < span.start <= now + timedelta(days=90):
        raise ValueError("Snooze until when? Give a time within the next 90 days.")
    return span.start


def _sentence(count: int, state: str, until: datetime | None) -> str:
    ending = ""
    if state == State.RESOLVED:
        ending = " It comes back when it is seen again." if count == 1 else " They come back when they are seen again."
    elif until is not None:
        ending = f" until {timezone.localtime(until):%-d %b, %H:%M}."
    return f"{_counted(count)} {WORDS[State(state)]}{ending if until else '.' + ending}"


def _counted(count: int) -> str:
    return f"{count} error{'' if count == 1 else 's'}"


def _back(request: PageRequest) -> HttpResponse:
    wanted = request.POST.get("next", "")
    is_ours = wanted.startswith("/errors/") and url_has_allowed_host_and_scheme(wanted, {request.get_host()})
    return HttpResponseRedirect(wanted if is_ours else reverse("dashboard:errors"))
