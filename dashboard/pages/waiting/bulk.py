"""Many calls at once: first the sentence that says what it would be, then the deed, watched and stopped; and lanes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from dashboard.choosing import chosen_ids
from dashboard.counting import MOST_COUNTED, count_to_most, is_more
from dashboard.pages.waiting.filters import WaitingFilter, narrowed
from dashboard.pages.waiting.words import TONES, WHY, worded
from dashboard.paging import page_of
from dashboard.render import PageRequest, actor_of, render_page
from integrations.gateway.held import acts, plan, runs
from integrations.models import Connection, HeldCall, HeldRun

if TYPE_CHECKING:
    from django.http import HttpResponse

    from secrets_vault.access import VisibleQuerySet

State = HeldCall.State
ORDER = (State.SENT, State.WAITING, State.SENDING, State.NEEDS_DECISION, State.FAILED, State.DISCARDED)


@login_required
@require_POST
def settle(request: PageRequest) -> HttpResponse:
    """Send or discard what was chosen; `all` means all that the filter shows."""
    do, back = request.POST.get("do", ""), HttpResponseRedirect(reverse("dashboard:waiting"))
    rows, fields = _selected(request)
    if rows is None:
        messages.error(request, _("Choose at least one call."))
    elif do == "plan":
        found = plan.plan(rows, now=timezone.now())
        context = {"plan": found, "fields": fields, "back": back.url, "most": runs.MOST}
        return render_page(request, "dashboard/waiting/plan.html", context)
    elif do == "replay":
        run = runs.begin(rows, user=request.user, actor=actor_of(request), now=timezone.now())
        return HttpResponseRedirect(reverse("dashboard:held_run", args=[run.pk]))
    elif do == "discard" and not request.POST.get("reason", "").strip():
        return _ask_why(request, rows, fields, back=back.url)
    elif do == "discard":
        _discard(request, rows)
    else:
        messages.error(request, _("Choose what to do with them."))
    return back


def _selected(request: PageRequest) -> tuple[VisibleQuerySet | None, list[tuple[str, str]]]:
    """Return the calls that are meant, None for no call, and the fields that mean them again."""
    rows = HeldCall.objects.manageable_by(request.user)
    if request.POST.get("all") != "yes":
        ids = chosen_ids(request)
        return (rows.filter(pk__in=ids) if ids else None), [("chosen", str(pk)) for pk in ids]
    filters = WaitingFilter(request.POST)
    filters.offer(rows)
    chosen = filters.chosen()
    return narrowed(rows, chosen), [("all", "yes"), *((name, str(value)) for name, value in chosen.items())]


def _ask_why(request: PageRequest, rows: VisibleQuerySet, fields: list[tuple[str, str]], *, back: str) -> HttpResponse:
    """Say how many would be discarded, and ask why."""
    count = count_to_most(rows.filter(state__in=acts.UNSENT))
    context = {
        "count": min(count, MOST_COUNTED),
        "left_out": is_more(count),
        "most": MOST_COUNTED,
        "fields": fields,
        "back": back,
    }
    return render_page(request, "dashboard/waiting/discard.html", context)


def _discard(request: PageRequest, rows: VisibleQuerySet) -> None:
    reason, now, count = request.POST.get("reason", "").strip(), timezone.now(), 0
    for call in rows.filter(state__in=acts.UNSENT).select_related("connection").order_by("pk")[:MOST_COUNTED]:
        try:
            acts.discard(call, reason=reason, actor=actor_of(request), now=now)
            count += 1
        except acts.NotNow:
            continue
    messages.success(request, ngettext("{n} call discarded.", "{n} calls discarded.", count).format(n=count))


@login_required
@require_safe
def run(request: PageRequest, pk: UUID) -> HttpResponse:
    """Show how far a run has come, call by call."""
    row = get_object_or_404(HeldRun.objects.filter(made_by=request.user), pk=pk)
    calls = HeldCall.objects.visible_to(request.user).filter(run=row).select_related("client", "connection")
    counts = runs.progress(row)
    page: Any = page_of(calls, request, by="pk")
    worded(page.rows)
    left = 0 if row.stopped_at else counts.get(State.WAITING, 0) + counts.get(State.SENDING, 0)
    # What was taken back counts for nothing, whatever it was before.
    done = calls.filter(attempted_at__gte=row.made_at).order_by().count() if row.stopped_at else row.calls - left
    context = {
        "run": row,
        "counts": [(TONES[state], state.label, counts[state]) for state in ORDER if counts.get(state)],
        "done": done,
        "left": left,
        "stopped_why": WHY.get(row.stopped_why, "") if row.stopped_why != "person" else "",
        "page": page,
    }
    return render_page(request, "dashboard/waiting/run.html", context, part="progress")


@login_required
@require_POST
def stop(request: PageRequest, pk: UUID) -> HttpResponse:
    """Take back what has not been sent."""
    row = get_object_or_404(HeldRun.objects.filter(made_by=request.user), pk=pk)
    if runs.stop(row, actor=actor_of(request), now=timezone.now()):
        messages.success(request, _("Stopped. What was not sent is what it was before."))
    return HttpResponseRedirect(reverse("dashboard:held_run", args=[pk]))


@login_required
@require_POST
def lane(request: PageRequest, slug: str, do: str) -> HttpResponse:
    """Pause or resume the waiting calls of a connection."""
    connection = get_object_or_404(Connection.objects.manageable_by(request.user), slug=slug)
    if do == "pause" and acts.pause(connection, actor=actor_of(request), now=timezone.now()):
        messages.success(request, _("Paused. Nothing of it is sent until you resume it."))
    elif do == "resume" and acts.resume(connection, actor=actor_of(request)):
        messages.success(request, _("Resumed. The oldest call goes first."))
    return HttpResponseRedirect(reverse("dashboard:waiting"))
