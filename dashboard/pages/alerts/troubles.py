"""What is open, and what was: each trouble with since when, who heard of it, and a snooze."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from dashboard.paging import page_of
from dashboard.render import PageRequest, actor_of, render_page
from integrations.alerts import snoozing
from integrations.alerts.kinds import URGENT, kind_of
from integrations.models import AlertEpisode
from secrets_vault.models import Client

if TYPE_CHECKING:
    from django.http import HttpResponse

FOR_HOURS = [
    (1, gettext_lazy("for an hour")),
    (8, gettext_lazy("for 8 hours")),
    (24, gettext_lazy("for a day")),
    (24 * 7, gettext_lazy("for a week")),
    (24 * 30, gettext_lazy("for 30 days")),
]


@login_required
@require_GET
def troubles(request: PageRequest) -> HttpResponse:
    """List the troubles that are open, or with ?over=1 those that are over, newest first."""
    is_over = request.GET.get("over") == "1"
    rows = AlertEpisode.objects.visible_to(request.user).filter(closed_at__isnull=not is_over)
    page = page_of(rows.select_related("client", "connection", "token", "snoozed_by"), request)
    mine = set(Client.objects.manageable_by(request.user).values_list("pk", flat=True))
    now = timezone.now()
    context = {
        "page": page,
        "lines": [_line(each, now=now, may_change=each.client_id in mine) for each in page.rows],
        "is_over": is_over,
        "choices": FOR_HOURS,
        "manages_any": bool(mine),
    }
    return render_page(request, "dashboard/alerts/troubles.html", context, part="rows")


def _line(episode: AlertEpisode, *, now: datetime, may_change: bool) -> dict[str, object]:
    kind = kind_of(episode.kind)
    is_snoozed = episode.snoozed_until is not None and episode.snoozed_until > now and episode.closed_at is None
    return {
        "episode": episode,
        "words": kind.words,
        "tone": "bad" if kind.severity == URGENT else "warn",
        "url": episode.facts.get("path") or (f"/connections/{episode.connection.slug}/" if episode.connection else ""),
        "is_snoozed": is_snoozed,
        "may_change": may_change and episode.closed_at is None,
    }


@login_required
@require_POST
def snooze(request: PageRequest, pk: UUID) -> HttpResponse:
    """Tell nothing of a trouble for a while, or tell of it again."""
    rows = AlertEpisode.objects.manageable_by(request.user).select_related("client", "connection", "token")
    episode: AlertEpisode = get_object_or_404(rows, pk=pk)
    actor, now = actor_of(request), timezone.now()
    hours = request.POST.get("hours", "")
    if request.POST.get("do") == "wake":
        snoozing.wake(episode, actor=actor)
        messages.success(request, _("You hear of it again."))
    else:
        try:
            for_hours = int(hours) if hours.isdecimal() and len(hours) < 6 else 0
            until = now + timedelta(hours=for_hours)
            snoozing.snooze(episode, until, user=request.user, actor=actor, now=now)
            messages.success(request, _("Snoozed. Nobody hears of it until then, but for its end."))
        except snoozing.CannotSnooze as cannot:
            messages.error(request, str(cannot))
    return HttpResponseRedirect(reverse("dashboard:troubles"))
