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
from django.utils.formats import date_format
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from dashboard.choosing import chosen_ids
from dashboard.moments import span_of
from dashboard.render import PageRequest, actor_of
from integrations.call_log.settling import Before, settle, take_back
from integrations.models import ErrorGroup

State = ErrorGroup.State
KEPT_IN_SESSION = "errors_settled"
BULK = [
    ("resolved", gettext_lazy("Resolve")),
    ("snooze:1", gettext_lazy("Snooze an hour")),
    ("snooze:24", gettext_lazy("Snooze a day")),
    ("snooze:168", gettext_lazy("Snooze a week")),
    ("open", gettext_lazy("Open again")),
]


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
        messages.error(request, _("Choose at least one error that you may settle."))
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
    messages.success(request, ngettext("{n} error as before.", "{n} errors as before.", len(done)).format(n=len(done)))
    return _back(request)


def settled_before(request: PageRequest) -> list[Before]:
    """Return how the groups stood that this person settled last."""
    return [Before(**row) for row in request.session.get(KEPT_IN_SESSION, [])]


def _chosen(request: PageRequest) -> list[Any]:
    return list(ErrorGroup.objects.manageable_by(request.user).filter(pk__in=chosen_ids(request)))


def _wanted(do: str, typed: str, *, now: datetime) -> tuple[str, datetime | None]:
    """Return the state and until when. Raises ValueError with what is wrong."""
    action, _colon, hours = do.partition(":")
    if action in (State.RESOLVED, State.OPEN):
        return action, None
    if action != "snooze":
        raise ValueError(_("Choose what to do with the errors."))
    if hours.isdigit() and 0 < int(hours) <= 24 * 90:
        return State.SNOOZED, now + timedelta(hours=int(hours))
    return State.SNOOZED, _until(typed, now=now)


def _until(typed: str, *, now: datetime) -> datetime:
    """Return the moment typed into "snooze until": a date and time, or words."""
    span = span_of(typed, now=timezone.localtime(now))
    if span is None or not now < span.start <= now + timedelta(days=90):
        raise ValueError(_("Snooze until when? Give a time within the next 90 days."))
    return span.start


def _sentence(count: int, state: str, until: datetime | None) -> str:
    if state == State.RESOLVED:
        said = ngettext(
            "{n} error resolved. It comes back when it is seen again.",
            "{n} errors resolved. They come back when they are seen again.",
            count,
        )
    elif state == State.SNOOZED and until is not None:
        said = ngettext("{n} error snoozed until {when}.", "{n} errors snoozed until {when}.", count)
    elif state == State.SNOOZED:
        said = ngettext("{n} error snoozed.", "{n} errors snoozed.", count)
    else:
        said = ngettext("{n} error open again.", "{n} errors open again.", count)
    when = date_format(timezone.localtime(until), _("j M, H:i")) if until is not None else ""
    return said.format(n=count, when=when)


def _back(request: PageRequest) -> HttpResponse:
    wanted = request.POST.get("next", "")
    is_ours = wanted.startswith("/errors/") and url_has_allowed_host_and_scheme(wanted, {request.get_host()})
    return HttpResponseRedirect(wanted if is_ours else reverse("dashboard:errors"))
