"""The audit trail: who did what, when, from where; its filters, its export, and whether the chain holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import Q
from django.http import HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from dashboard.audit_words import AREAS, actions_saying, prefixes_of, words_of
from dashboard.csv import csv_response
from dashboard.forms import ClientFilterForm, DayInput
from dashboard.pages.owner import owner_only
from dashboard.paging import page_of
from dashboard.render import PageRequest, actor_of, render_page
from secrets_vault import audit
from secrets_vault.access import visible_clients
from secrets_vault.models import AuditEvent, AuditPerson, User
from secrets_vault.people.step_up import step_up_required

if TYPE_CHECKING:
    from secrets_vault.access import VisibleQuerySet

CSV_HEADER = ("seq", "at_utc", "action", "words", "actor", "actor_kind", "client", "object", "object_kind", "details")


class AuditFilter(ClientFilterForm):
    """Who, what, whose, when."""

    q = forms.CharField(
        required=False,
        label=gettext_lazy("Search"),
        widget=forms.TextInput(attrs={"type": "search", "placeholder": gettext_lazy("Person, object or action")}),
    )
    area = forms.ChoiceField(
        required=False, label=gettext_lazy("Area"), choices=[("", gettext_lazy("Everything")), *AREAS.items()]
    )
    since = forms.DateField(required=False, label=gettext_lazy("From"), widget=DayInput())
    until = forms.DateField(required=False, label=gettext_lazy("To"), widget=DayInput())


def trail(request: PageRequest) -> HttpResponse:
    """List the events a person may see, newest first."""
    filters = AuditFilter(request.GET, user=request.user)
    page = page_of(_matching(filters.chosen(), request.user), request, by="-seq")
    clients = dict(visible_clients(request.user).values_list("pk", "name"))
    addresses = _addresses([event.person_ref for event in page])
    rows = [(event, clients.get(event.client_id, ""), addresses.get(event.person_ref, "")) for event in page]
    context = {"page": page, "rows": rows, "filters": filters, "is_filtered": bool(filters.chosen())}
    return render_page(request, "dashboard/audit/trail.html", context, part="rows")


def _matching(chosen: dict[str, Any], user: User) -> VisibleQuerySet:
    rows = AuditEvent.objects.visible_to(user)
    if client := chosen.get("client"):
        rows = rows.filter(client_id=client.pk)
    if area := chosen.get("area"):
        begins = (Q(action__startswith=prefix) for prefix in prefixes_of(area))
        rows = rows.filter(reduce(or_, begins))
    if since := chosen.get("since"):
        rows = rows.filter(at__gte=_midnight(since))
    if until := chosen.get("until"):
        rows = rows.filter(at__lt=_midnight(until + timedelta(days=1)))
    for word in str(chosen.get("q", "")).split():
        named = Q(actor_label__icontains=word) | Q(object_label__icontains=word)
        said = Q(action__icontains=word) | Q(action__in=actions_saying(word))
        rows = rows.filter(named | said | Q(object_id__iexact=word))
    return rows


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


def _addresses(refs: list[str]) -> dict[str, str]:
    return dict(AuditPerson.objects.filter(ref__in={ref for ref in refs if ref}).values_list("ref", "value"))


@require_POST
@step_up_required
def export(request: PageRequest) -> HttpResponseBase:
    """Download the filtered events. The export is an event itself, written first."""
    filters = AuditFilter(request.POST, user=request.user)
    chosen = filters.chosen()
    said = {name: str(getattr(value, "slug", value)) for name, value in chosen.items()}
    with transaction.atomic():
        audit.record("export.made", actor=actor_of(request), label="Audit trail", details={"filter": said})
    return csv_response("audit", CSV_HEADER, _csv_rows(_matching(chosen, request.user), request.user))


def _csv_rows(events: VisibleQuerySet, user: User) -> Iterator[tuple[object, ...]]:
    names = dict(visible_clients(user).values_list("pk", "name"))
    for event in events.order_by("seq").iterator(chunk_size=2000):
        yield (
            event.seq,
            event.at.isoformat(),
            event.action,
            words_of(event.action),
            event.actor_label,
            event.actor_kind,
            names.get(event.client_id, ""),
            event.object_label,
            event.object_kind,
            event.details,
        )


@require_POST
@owner_only
def verify(request: PageRequest) -> HttpResponse:
    """Check the whole chain now and say how it stands."""
    found = audit.verify()
    if found.first_bad is None:
        messages.success(request, _("All {n} events are as they were written.").format(n=found.events))
    else:
        messages.error(
            request,
            _(
                "Event {seq} is not as it was written: {why} Somebody changed the database. Keep a copy "
                "of it and compare with your backups."
            ).format(seq=found.first_bad.seq, why=found.first_bad.why),
        )
    return HttpResponseRedirect(reverse("dashboard:audit"))
