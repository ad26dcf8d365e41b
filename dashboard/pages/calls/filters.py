"""What the list of calls can be narrowed by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.forms import FilterForm
from dashboard.moments import Span, span_of
from dashboard.names import provider_names
from integrations.models import Connection, GatewayToken
from integrations.models.call import FAILED_OUTCOMES, Outcome
from secrets_vault.ids import id_at
from secrets_vault.models import Client

if TYPE_CHECKING:
    from secrets_vault.access import VisibleQuerySet
    from secrets_vault.models import User

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
STATUSES = ("2xx", "4xx", "400", "401", "403", "404", "409", "422", "429", "5xx", "500", "502", "503", "504", "none")
OUTCOMES = [("", gettext_lazy("Failed")), ("all", gettext_lazy("All calls")), *((o.value, o.label) for o in Outcome)]
# Without a time the list looks this far back: a search for a rare word must not read a year of calls.
LOOK_BACK = timedelta(days=30)


class CallFilter(FilterForm):
    """Who, where, how it ended, and when, in words."""

    when = forms.CharField(
        required=False,
        max_length=80,
        widget=forms.TextInput(
            attrs={"placeholder": "14:03 yesterday", "list": "when-examples", "autocomplete": "off"}
        ),
    )
    outcome = forms.ChoiceField(required=False, choices=OUTCOMES)
    client = forms.ChoiceField(required=False)
    environment = forms.ChoiceField(required=False)
    provider = forms.ChoiceField(required=False)
    connection = forms.ChoiceField(required=False)
    token = forms.ChoiceField(required=False)
    status = forms.ChoiceField(
        required=False,
        choices=[
            ("", gettext_lazy("Every status")),
            *((s, s) for s in STATUSES[:-1]),
            ("none", gettext_lazy("no answer")),
        ],
    )
    method = forms.ChoiceField(required=False, choices=[("", gettext_lazy("Every method")), *((m, m) for m in METHODS)])
    path = forms.CharField(label=gettext_lazy("Path contains"), required=False, max_length=200)
    signer = forms.CharField(label=gettext_lazy("JWT issuer or subject"), required=False, max_length=200)
    id = forms.CharField(label=gettext_lazy("Request id"), required=False, max_length=40)
    group = forms.UUIDField(required=False, widget=forms.HiddenInput)
    live = forms.BooleanField(label=gettext_lazy("Live"), required=False)

    def clean_id(self) -> UUID | None:
        """Return the id. What is no id is said, not searched for."""
        text = self.cleaned_data["id"].strip()
        try:
            return UUID(text) if text else None
        except ValueError:
            raise forms.ValidationError(_("A request id looks like 0193a1b2-…, 36 characters.")) from None

    def clean_when(self) -> Span | None:
        """Return the span of time. What cannot be read is said."""
        text = self.cleaned_data["when"].strip()
        span = span_of(text, now=timezone.localtime())
        if text and span is None:
            raise forms.ValidationError(_("Not a time I understand. Try “14:03 yesterday”, “last 2 h” or “21 Nov”."))
        return span


@dataclass(frozen=True)
class Known:
    """The connections and names this person may see, for choices and for the list."""

    connections: Mapping[UUID, tuple[str, str, UUID, str, bool]]
    clients: Mapping[UUID, str]
    tokens: Mapping[UUID, str]

    @classmethod
    def to(cls, user: User) -> Known:
        """Return what this person knows, in three light queries."""
        fields = ("slug", "provider_key", "client_id", "environment__slug", "environment__is_production")
        rows = Connection.objects.visible_to(user).values_list("pk", *fields)
        clients = dict(Client.objects.visible_to(user).order_by("name").values_list("pk", "name"))
        tokens = dict(GatewayToken.objects.visible_to(user).order_by("name").values_list("pk", "name"))
        return cls({row[0]: row[1:] for row in rows}, clients, tokens)

    def offer(self, form: CallFilter, *, client: str = "") -> None:
        """Put the choices into the form; connections and tokens of one client only, once it is chosen."""
        mine = {pk: row for pk, row in self.connections.items() if not client or str(row[2]) == client}
        names = provider_names({row[1] for row in self.connections.values()})
        environments = sorted({row[3] for row in self.connections.values()})
        _choose(form, "client", _("Every client"), [(str(pk), name) for pk, name in self.clients.items()])
        _choose(form, "environment", _("Every environment"), [(slug, slug) for slug in environments])
        _choose(form, "provider", _("Every provider"), sorted(names.items(), key=lambda row: row[1].lower()))
        # Two thousand connections are no choice: they are offered once a client is chosen.
        offered = mine if client or len(mine) <= 100 else {}
        _choose(form, "connection", _("Every connection"), sorted((str(pk), row[0]) for pk, row in offered.items()))
        tokens = [(str(pk), name) for pk, name in self.tokens.items()]
        _choose(form, "token", _("Every token"), tokens if len(tokens) <= 200 else [])

    def connections_in(self, chosen: Mapping[str, Any]) -> list[UUID] | None:
        """Return the connections that provider and environment mean, or None when neither is asked for."""
        provider, environment = chosen.get("provider"), chosen.get("environment")
        if not provider and not environment:
            return None
        return [
            pk for pk, row in self.connections.items() if provider in (None, row[1]) and environment in (None, row[3])
        ]


def _choose(form: CallFilter, name: str, every: str, choices: list[tuple[str, str]]) -> None:
    form.fields[name].choices = [("", every), *choices]  # type: ignore[attr-defined]


def filtered(rows: VisibleQuerySet, chosen: Mapping[str, Any], known: Known, *, now: datetime) -> VisibleQuerySet:
    """Keep the calls that the filters ask for."""
    if wanted := chosen.get("id"):
        return rows.filter(pk=wanted)
    rows = _in_time(rows, chosen.get("when"), now=now)
    rows = _ended(rows, chosen.get("outcome", ""))
    for name, column in (("client", "client_id"), ("connection", "connection_id"), ("token", "token_id")):
        if name in chosen:
            rows = rows.filter(**{column: chosen[name]})
    for name, lookup in (("method", "method"), ("path", "path__icontains"), ("group", "group_id")):
        if name in chosen:
            rows = rows.filter(**{lookup: chosen[name]})
    if signer := chosen.get("signer"):
        rows = rows.filter(Q(jwt_subject__icontains=signer) | Q(jwt_issuer__icontains=signer))
    if (connections := known.connections_in(chosen)) is not None:
        rows = rows.filter(connection_id__in=connections)
    return _with_status(rows, chosen.get("status", ""))


def _in_time(rows: VisibleQuerySet, span: Span | None, *, now: datetime) -> VisibleQuerySet:
    """Keep the calls of a span, by id: UUIDv7 sort by time, and the id has the index."""
    if span is None:
        return rows.filter(pk__gte=id_at(now - LOOK_BACK))
    return rows.filter(pk__gte=id_at(span.start), pk__lt=id_at(span.end))


def _ended(rows: VisibleQuerySet, outcome: str) -> VisibleQuerySet:
    if outcome == "all":
        return rows
    return rows.filter(outcome=outcome) if outcome else rows.filter(outcome__in=FAILED_OUTCOMES)


def _with_status(rows: VisibleQuerySet, status: str) -> VisibleQuerySet:
    if status == "none":
        return rows.filter(status=None)
    if status.endswith("xx"):
        hundred = int(status[0]) * 100
        return rows.filter(status__gte=hundred, status__lt=hundred + 100)
    return rows.filter(status=int(status)) if status else rows
