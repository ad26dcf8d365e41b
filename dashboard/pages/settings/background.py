"""Background work: when each sweep last ran, and how it went."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from dashboard.pages.owner import owner_only
from dashboard.render import PageRequest, render_page
from integrations import clock, sweeps
from integrations.models import Sweep
from integrations.tasks import tick


@owner_only
def background(request: PageRequest) -> HttpResponse:
    """List the timetable with what the table knows of each line."""
    rows = {row.name: row for row in Sweep.objects.all()}
    lines = [(name, entry, rows.get(name)) for name, entry in sorted(sweeps.TIMETABLE.items())]
    now = timezone.now()
    context = {
        "tab": "background",
        "lines": lines,
        "is_quiet": sweeps.is_quiet(now),
        "clock_set": clock.lately_set(now),
    }
    return render_page(request, "dashboard/settings/background.html", context)


@require_POST
@owner_only
def run_now(request: PageRequest) -> HttpResponse:
    """Make everything due and ring the worker."""
    for name in sweeps.TIMETABLE:
        sweeps.hurry(name, now=timezone.now())
    tick.ring()
    return HttpResponseRedirect(reverse("dashboard:settings_background"))
