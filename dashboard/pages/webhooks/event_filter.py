"""What the list of an endpoint's events can be narrowed by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.forms import FilterForm
from dashboard.moments import Span, span_of
from integrations.models import WebhookDelivery, WebhookEvent
from secrets_vault.ids import id_at

if TYPE_CHECKING:
    from integrations.models import WebhookEndpoint
    from secrets_vault.access import VisibleQuerySet

TYPES_FROM = 1_000  # the newest events whose types are offered
AGAIN, TESTS, NO_DELIVERY = "again", "test", "none"
VERDICTS = [
    ("", gettext_lazy("Every verdict")),
    *((verdict.value, verdict.label) for verdict in WebhookEvent.Verdict),
    (AGAIN, gettext_lazy("Came more than once")),
    (TESTS, gettext_lazy("Your own tests")),
]
DELIVERIES = [
    ("", gettext_lazy("Every state")),
    *((state.value, state.label) for state in WebhookDelivery.State),
    (NO_DELIVERY, gettext_lazy("Goes nowhere")),
]


class EventFilter(FilterForm):
    """Words, verdict, type, where it stands with its targets, and when, in words."""

    q = forms.CharField(
        label=gettext_lazy("Id, type, address or reason"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    verdict = forms.ChoiceField(label=gettext_lazy("Verdict"), required=False, choices=VERDICTS)
    type = forms.ChoiceField(label=gettext_lazy("Type"), required=False)
    delivery = forms.ChoiceField(label=gettext_lazy("Delivery"), required=False, choices=DELIVERIES)
    when = forms.CharField(
        label=gettext_lazy("When"),
        required=False,
        max_length=80,
        widget=forms.TextInput(attrs={"placeholder": "14:03 yesterday", "autocomplete": "off"}),
    )
    live = forms.BooleanField(label=gettext_lazy("Live"), required=False, widget=forms.HiddenInput)

    def clean_when(self) -> Span | None:
        """Return the span of time. What cannot be read is said."""
        text = self.cleaned_data["when"].strip()
        span = span_of(text, now=timezone.localtime())
        if text and span is None:
            raise forms.ValidationError(_("Not a time I understand. Try “14:03 yesterday”, “last 2 h” or “21 Nov”."))
        return span

    def offer_types(self, endpoint: WebhookEndpoint) -> None:
        """Put the types of the newest events into the form, with their counts."""
        newest = WebhookEvent.objects.filter(endpoint=endpoint).order_by("-pk")
        counted = Counter(newest.values_list("event_type", flat=True)[:TYPES_FROM])
        named = sorted((name, f"{name} ({n})") for name, n in counted.items() if name)
        self.fields["type"].choices = [("", _("Every type")), *named]  # type: ignore[attr-defined]


def filtered(rows: VisibleQuerySet, chosen: Mapping[str, Any]) -> VisibleQuerySet:
    """Keep the events that the filters ask for."""
    if span := chosen.get("when"):
        rows = rows.filter(pk__gte=id_at(span.start), pk__lt=id_at(span.end))
    rows = _with_verdict(rows, chosen.get("verdict", ""))
    if kind := chosen.get("type"):
        rows = rows.filter(event_type=kind)
    for word in str(chosen.get("q", "")).split():
        rows = rows.filter(
            Q(event_key__icontains=word)
            | Q(event_type__icontains=word)
            | Q(remote_ip__icontains=word)
            | Q(reason__icontains=word)
            | Q(why__icontains=word)
        )
    return _with_delivery(rows, chosen.get("delivery", ""))


def _with_verdict(rows: VisibleQuerySet, verdict: str) -> VisibleQuerySet:
    if verdict == AGAIN:
        return rows.filter(duplicates__gt=0)
    if verdict == TESTS:
        return rows.filter(is_test=True)
    return rows.filter(verdict=verdict) if verdict else rows


def _with_delivery(rows: VisibleQuerySet, state: str) -> VisibleQuerySet:
    deliveries = WebhookDelivery.objects.filter(event=OuterRef("pk"))
    if state == NO_DELIVERY:
        return rows.filter(~Exists(deliveries))
    return rows.filter(Exists(deliveries.filter(state=state))) if state else rows
