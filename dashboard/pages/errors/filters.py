"""What the list of errors can be narrowed by, and how many there are of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.counting import MOST_COUNTED
from dashboard.forms import FilterForm
from dashboard.moments import Span
from dashboard.names import provider_names
from dashboard.navigation import OPEN_STATES
from dashboard.pages.calls.filters import span_typed
from integrations.call_log.search.criteria import REPORTED
from integrations.models import Call, Connection, ErrorGroup
from integrations.models.call import Outcome, Source
from secrets_vault.ids import id_at
from secrets_vault.models import Client, Environment

if TYPE_CHECKING:
    from secrets_vault.access import VisibleQuerySet
    from secrets_vault.models import User

State = ErrorGroup.State
MOST_FAILING = 10_000
DAYS = (("1", gettext_lazy("24 hours")), ("7", gettext_lazy("7 days")), ("30", gettext_lazy("30 days")))
WHO_WORDS = {
    "you": gettext_lazy("you"),
    "client": gettext_lazy("the client"),
    "provider": gettext_lazy("the provider"),
    "nobody": gettext_lazy("nobody"),
}
STATE_CHOICES = [
    ("", gettext_lazy("Not settled")),
    (State.CAME_BACK, gettext_lazy("Came back")),
    (State.SNOOZED, gettext_lazy("Snoozed")),
    (State.RESOLVED, gettext_lazy("Resolved")),
    ("all", gettext_lazy("Every state")),
]


class GroupFilter(FilterForm):
    """Client, environment, provider, status, who must act, state; and how far back the chart goes."""

    q = forms.CharField(
        label=gettext_lazy("Title or path"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    when = forms.CharField(
        required=False,
        max_length=80,
        widget=forms.TextInput(attrs={"placeholder": "14:03 yesterday", "autocomplete": "off"}),
    )
    client = forms.ChoiceField(required=False)
    environment = forms.ChoiceField(required=False)
    provider = forms.ChoiceField(required=False)
    status = forms.ChoiceField(required=False)
    who = forms.ChoiceField(label=gettext_lazy("Who must act"), required=False)
    source = forms.ChoiceField(label=gettext_lazy("Seen by"), required=False)
    state = forms.ChoiceField(required=False, choices=STATE_CHOICES)
    days = forms.ChoiceField(label=gettext_lazy("Chart of"), required=False, choices=DAYS)

    def clean_when(self) -> Span | None:
        """Return the span of time. What cannot be read is said."""
        return span_typed(self.cleaned_data["when"].strip())


def in_state(rows: VisibleQuerySet, state: str, *, now: datetime) -> VisibleQuerySet:
    """Keep the groups in a state. A snooze that has ended counts as open before the sweep has been by."""
    is_over = Q(state=State.SNOOZED, snoozed_until__lte=now)
    if state == "all":
        return rows
    if state == State.SNOOZED:
        return rows.filter(state=state).exclude(is_over)
    return rows.filter(state=state) if state else rows.filter(Q(state__in=OPEN_STATES) | is_over)


def narrowed(rows: VisibleQuerySet, chosen: dict[str, Any], environments: dict[UUID, str]) -> VisibleQuerySet:
    """Keep the groups that the filters ask for."""
    if client := chosen.get("client"):
        rows = rows.filter(client_id=client)
    if slug := chosen.get("environment"):
        rows = rows.filter(environment_id__in=[pk for pk, name in environments.items() if name == slug])
    if provider := chosen.get("provider"):
        rows = rows.filter(provider_key=provider)
    if status := chosen.get("status"):
        rows = rows.filter(status=None if status == "none" else int(status))
    if who := chosen.get("who"):
        rows = rows.filter(who=who)
    if source := chosen.get("source"):
        rows = rows.exclude(source=Source.GATEWAY) if source == REPORTED else rows.filter(source=source)
    for word in str(chosen.get("q", "")).split():
        rows = rows.filter(Q(title__icontains=word) | Q(path_template__icontains=word) | Q(code__icontains=word))
    return rows


def failing_in(span: Span, user: User) -> set[UUID]:
    """Return the groups whose calls failed in a span, among its newest ten thousand."""
    span_of_ids = {"pk__gte": id_at(span.start), "pk__lt": id_at(span.end)}
    calls = Call.objects.visible_to(user).exclude(outcome=Outcome.OK).filter(group_id__isnull=False, **span_of_ids)
    return set(calls.order_by("-pk").values_list("group_id", flat=True)[:MOST_FAILING])


class Facets:
    """How many groups there are of each client, environment, provider, status and person to act.

    Counted over the newest thousand: one query of light rows, however many groups there are.
    """

    def __init__(self, rows: VisibleQuerySet, user: User) -> None:
        fields = ("client_id", "environment_id", "provider_key", "status", "who", "source")
        found = list(rows.order_by("-last_seen_at").values_list(*fields)[: MOST_COUNTED + 1])
        self.clients, self.environment_ids, self.providers, self.statuses, self.who, self.sources = (
            Counter(row[i] for row in found) for i in range(len(fields))
        )
        self.client_names = dict(Client.objects.visible_to(user).values_list("pk", "name"))
        self.environments = dict(Environment.objects.visible_to(user).values_list("pk", "slug"))

    def offer(self, form: GroupFilter) -> None:
        """Put what there is, with its counts, into the form's choices."""
        slugs: Counter[str] = Counter()
        for pk, count in self.environment_ids.items():
            slugs[self.environments.get(pk, "")] += count
        names = provider_names(self.providers)
        clients = ((pk, self.client_names.get(pk, ""), count) for pk, count in self.clients.items())
        form.fields["client"].choices = _choices(_("Every client"), clients)  # type: ignore[attr-defined]
        form.fields["environment"].choices = _choices(_("Both"), ((s, s, n) for s, n in slugs.items()))  # type: ignore[attr-defined]
        providers = ((key, names[key], n) for key, n in self.providers.items())
        form.fields["provider"].choices = _choices(_("Every provider"), providers)  # type: ignore[attr-defined]
        statuses = ((s or "none", str(s or _("no answer")), n) for s, n in self.statuses.items())
        form.fields["status"].choices = _choices(_("Every status"), statuses)  # type: ignore[attr-defined]
        who = ((w, WHO_WORDS.get(w, w), n) for w, n in self.who.items())
        form.fields["who"].choices = _choices(_("Anybody"), who)  # type: ignore[attr-defined]
        labels: dict[str, Any] = dict(Source.choices)
        reported = [(REPORTED, _("Reported by a tool"), sum(n for s, n in self.sources.items() if s != Source.GATEWAY))]
        sources = [*(row for row in reported if row[2]), *((s, str(labels[s]), n) for s, n in self.sources.items())]
        form.fields["source"].choices = _choices(_("Gateway and tools"), sources)  # type: ignore[attr-defined]


def _choices(every: str, found: Iterable[tuple[Any, str, int]]) -> list[tuple[str, str]]:
    rows = sorted(((name, str(value), count) for value, name, count in found if name), key=lambda row: row[0].lower())
    return [("", every), *((value, f"{name} ({count})") for name, value, count in rows)]


def connections_asked_for(chosen: dict[str, Any], user: User) -> list[UUID] | None:
    """Return the connections that the filters mean, or None when they do not ask for some."""
    wanted = {
        field: chosen[name]
        for name, field in (("provider", "provider_key"), ("environment", "environment__slug"))
        if chosen.get(name)
    }
    if not wanted:
        return None
    return list(Connection.objects.visible_to(user).filter(**wanted).values_list("pk", flat=True))
