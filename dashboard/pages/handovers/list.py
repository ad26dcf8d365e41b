"""Every one-time link a person may see: its state, who read it, and its end. What it holds is never shown here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import Q
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from dashboard.csv import csv_response
from dashboard.pages.handovers.forms import STATE_WORDS, HandoverFilter
from dashboard.pages.handovers.making import FRESH
from dashboard.paging import page_of
from dashboard.render import PageRequest, actor_of, render_page
from integrations import handover as links
from integrations.models import Handover
from secrets_vault import audit
from secrets_vault.people.step_up import step_up_required

if TYPE_CHECKING:
    from datetime import datetime

    from django.http.response import HttpResponseBase
    from django_stubs_ext import StrOrPromise

    from secrets_vault.access import VisibleQuerySet
    from secrets_vault.models import User

MOST_EXPORTED = 10_000
CSV_HEADER = (
    *("what", "client", "secret", "state", "views used", "views allowed", "made", "made by", "works until"),
    *("opened", "read", "confirmed by", "confirmed"),
)


@dataclass(frozen=True)
class Row:
    """One link as the page shows it."""

    handover: Handover
    tone: str
    word: StrOrPromise
    is_open: bool
    can_revoke: bool


@require_safe
def handovers(request: PageRequest) -> HttpResponse:
    """List the links, newest first; the addresses of new ones are shown once."""
    now = timezone.now()
    filters = HandoverFilter(request.GET, user=request.user)
    rows = _matching(filters.chosen(), request.user, now=now).defer("sealed")
    page = page_of(rows.select_related("client", "secret", "created_by"), request)
    context = {
        "page": page,
        "rows": _rows_of(page.rows, request.user, now=now),
        "filters": filters,
        "is_filtered": bool(filters.chosen()),
        "chosen": request.GET.urlencode(),
        "fresh": request.session.pop(FRESH, None),
    }
    return render_page(request, "dashboard/handovers/list.html", context, part="list")


def _rows_of(found: list[Handover], user: User, *, now: datetime) -> list[Row]:
    ids = [handover.pk for handover in found]
    mine = set(Handover.objects.manageable_by(user).filter(pk__in=ids).values_list("pk", flat=True)) if ids else set()
    rows = []
    for handover in found:
        state = links.state_of(handover, now=now)
        tone, word = STATE_WORDS[state]
        is_open = state in ("made", "opened")
        rows.append(Row(handover, tone, word, is_open, is_open and handover.pk in mine))
    return rows


def _matching(chosen: dict[str, Any], user: User, *, now: datetime) -> VisibleQuerySet:
    rows = Handover.objects.visible_to(user)
    if client := chosen.get("client"):
        rows = rows.filter(client=client)
    if state := chosen.get("state"):
        rows = rows.filter(links.in_state(state, now=now))
    for word in str(chosen.get("q", "")).split():
        rows = rows.filter(Q(label__icontains=word) | Q(confirm_email__icontains=word))
    return rows


@require_POST
@step_up_required
def export(request: PageRequest) -> HttpResponseBase:
    """Download the filtered list. The export is an event itself, written first."""
    now = timezone.now()
    filters = HandoverFilter(request.POST, user=request.user)
    chosen = filters.chosen()
    said = {name: str(getattr(value, "slug", value)) for name, value in chosen.items()}
    with transaction.atomic():
        audit.record("export.made", actor=actor_of(request), label="One-time links", details={"filter": said})
    rows = _matching(chosen, request.user, now=now).defer("sealed").select_related("client", "secret", "created_by")
    return csv_response("one-time-links", CSV_HEADER, _csv_rows(rows[:MOST_EXPORTED], now=now))


def _csv_rows(rows: VisibleQuerySet, *, now: datetime) -> Iterator[tuple[object, ...]]:
    for row in rows.iterator(chunk_size=500):
        yield (
            row.label,
            row.client.slug if row.client else "",
            row.secret.label if row.secret else "",
            links.state_of(row, now=now),
            row.views_used,
            row.views_allowed,
            row.created_at.isoformat(),
            row.created_by.name if row.created_by else "",
            row.expires_at.isoformat(),
            row.opened_at.isoformat() if row.opened_at else "",
            row.read_at.isoformat() if row.read_at else "",
            row.confirm_email,
            row.confirmed_at.isoformat() if row.confirmed_at else "",
        )


@require_POST
def revoke(request: PageRequest, pk: UUID) -> HttpResponse:
    """End a link before its time."""
    handover = get_object_or_404(Handover.objects.manageable_by(request.user), pk=pk)
    if links.revoke(handover, actor=actor_of(request), now=timezone.now()):
        messages.success(request, _("The link is revoked, and what it held is gone."))
    else:
        messages.info(request, _("The link had ended already."))
    return HttpResponseRedirect(reverse("dashboard:handovers"))
