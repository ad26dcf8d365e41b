"""Waiting calls: the lanes, and the calls in them, the oldest first: in the order in which they go."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from dashboard.counting import count_to_most
from dashboard.csv import csv_response
from dashboard.pages.waiting.filters import WaitingFilter, narrowed
from dashboard.pages.waiting.lanes import lanes_of
from dashboard.pages.waiting.words import why, worded
from dashboard.paging import page_of
from dashboard.render import PageRequest, actor_of, render_page
from integrations.models import Connection, HeldCall, HeldRun
from secrets_vault import audit

if TYPE_CHECKING:
    from secrets_vault.access import VisibleQuerySet

MOST_EXPORTED = 10_000
REMEMBERED = timedelta(days=7)
BULK = [("plan", gettext_lazy("Send now")), ("discard", gettext_lazy("Discard"))]
CSV_HEADER = (
    "id", "state", "why", "status", "client", "connection", "environment", "token", "method", "path", "body bytes",
    "kept at", "attempts", "last attempt at", "ended at", "edited", "reason",
)  # fmt: skip


@login_required
@require_safe
def waiting(request: PageRequest) -> HttpResponseBase:
    """List the lanes and the calls."""
    now, mine = timezone.now(), HeldCall.objects.visible_to(request.user)
    filters = WaitingFilter(request.GET)
    filters.offer(mine)
    chosen = filters.chosen()
    rows = narrowed(mine, chosen)
    if request.GET.get("format") == "csv":
        return _export(request, rows)
    page = page_of(rows.select_related("client", "environment", "connection"), request, by="pk")
    manageable = Connection.objects.manageable_by(request.user).filter(pk__in={row.connection_id for row in page.rows})
    context = {
        "lanes": lanes_of(request.user, now=now, client=chosen.get("client", "")),
        "filters": filters,
        "is_filtered": bool(chosen),
        "chosen": chosen,
        "page": page,
        "calls": worded(page.rows),
        "count": count_to_most(rows),
        "manageable": set(manageable.values_list("pk", flat=True)) if page.rows else set(),
        "running": HeldRun.objects.filter(made_by=request.user, stopped_at=None, rows__state__in=("waiting", "sending"))
        .distinct()
        .first(),
        "last_run": HeldRun.objects.filter(made_by=request.user, made_at__gt=now - REMEMBERED).first(),
        "bulk": BULK,
        "now": now,
    }
    return render_page(request, "dashboard/waiting/list.html", context, part="rows")


def _export(request: PageRequest, rows: VisibleQuerySet) -> HttpResponseBase:
    """Return the calls as CSV, at most ten thousand, and say so in the book."""
    with transaction.atomic():
        audit.record("export.made", actor=actor_of(request), label="Waiting calls as CSV")
    return csv_response("waiting-calls", CSV_HEADER, _lines(rows))


def _lines(rows: VisibleQuerySet) -> Iterator[tuple[object, ...]]:
    for row in rows.select_related("client", "environment", "connection").order_by("pk")[:MOST_EXPORTED].iterator():
        yield (
            row.pk, row.get_state_display(), why(row), row.status, row.client.name, row.connection.slug,
            row.environment.slug, row.token_name, row.method, row.path, row.body_bytes, row.held_at.isoformat(),
            row.attempts, row.attempted_at and row.attempted_at.isoformat(), row.ended_at and row.ended_at.isoformat(),
            row.is_edited, row.reason,
        )  # fmt: skip
