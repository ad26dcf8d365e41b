"""What the list of calls can be narrowed by, and what that asks of the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.forms import FilterForm
from dashboard.moments import Span, span_of
from dashboard.names import provider_names
from integrations.call_log.search import Criteria
from integrations.call_log.search.criteria import REPORTED
from integrations.call_log.search.words import TRIGRAM, whole_id
from integrations.call_log.upstream_ids import LONGEST, is_id
from integrations.models import Connection, GatewayToken
from integrations.models.call import Outcome, Source
from secrets_vault.models import Client

if TYPE_CHECKING:
    from secrets_vault.models import User

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
STATUSES = ("2xx", "4xx", "400", "401", "403", "404", "409", "422", "429", "5xx", "500", "502", "503", "504", "none")
OUTCOMES = [("", gettext_lazy("Failed")), ("all", gettext_lazy("All calls")), *((o.value, o.label) for o in Outcome)]
SOURCES = [
    ("", gettext_lazy("Gateway and tools")),
    (REPORTED, gettext_lazy("Reported by a tool")),
    *((source.value, source.label) for source in Source),
]
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
    around = forms.CharField(
        label=gettext_lazy("Nearest to"),
        required=False,
        max_length=80,
        widget=forms.TextInput(attrs={"placeholder": "14:03", "list": "when-examples", "autocomplete": "off"}),
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
    q = forms.CharField(
        label=gettext_lazy("Words in failed calls"),
        required=False,
        min_length=TRIGRAM,
        max_length=200,
        error_messages={"min_length": gettext_lazy("Words are looked for from three letters on.")},
        widget=forms.TextInput(attrs={"type": "search", "aria-describedby": "what-is-searched"}),
    )
    source = forms.ChoiceField(label=gettext_lazy("Seen by"), required=False, choices=SOURCES)
    signer = forms.CharField(label=gettext_lazy("JWT issuer or subject"), required=False, max_length=200)
    id = forms.CharField(label=gettext_lazy("Request id, ours or theirs"), required=False, max_length=LONGEST)
    group = forms.UUIDField(required=False, widget=forms.HiddenInput)
    live = forms.BooleanField(label=gettext_lazy("Live"), required=False)

    def clean_id(self) -> str:
        """Return the id. What is no id is said, not searched for."""
        text: str = self.cleaned_data["id"].strip()
        if text and not is_id(text):
            raise forms.ValidationError(
                _("A request id has no spaces: ours looks like 0193a1b2-…, a provider’s as it sent it.")
            )
        return text

    def clean_when(self) -> Span | None:
        """Return the span of time. What cannot be read is said."""
        return span_typed(self.cleaned_data["when"].strip())

    def clean_around(self) -> datetime | None:
        """Return the moment, of words or of a whole timestamp. What cannot be read is said."""
        text = self.cleaned_data["around"].strip()
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is not None:
            return moment
        span = span_typed(text)
        return span.start if span else None


def span_typed(text: str) -> Span | None:
    """Return the span that was typed into a filter, None for nothing. Raises ValidationError for what is no time."""
    span = span_of(text, now=timezone.localtime())
    if text and span is None:
        raise forms.ValidationError(_("Not a time I understand. Try “14:03 yesterday”, “last 2 h” or “21 Nov”."))
    return span


@dataclass(frozen=True)
class Known:
    """The connections and names this person may see, for choices and for the list."""

    connections: Mapping[UUID, tuple[str, str, UUID, str, bool, UUID]]
    clients: Mapping[UUID, str]
    tokens: Mapping[UUID, str]

    @classmethod
    def to(cls, user: User) -> Known:
        """Return what this person knows, in three light queries."""
        fields = (
            *("slug", "provider_key", "client_id"),
            *("environment__slug", "environment__is_production", "environment_id"),
        )
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
        # Two thousand connections are no choice: they are offered once a client is chosen. The chosen one always is.
        offered = mine if client or len(mine) <= 100 else {}
        named = {str(pk): row[0] for pk, row in self.connections.items() if pk in offered or _is_asked(form, pk)}
        _choose(form, "connection", _("Every connection"), sorted(named.items()))
        few = len(self.tokens) <= 200
        tokens = [(str(pk), name) for pk, name in self.tokens.items() if few or _is_asked(form, pk)]
        _choose(form, "token", _("Every token"), tokens)

    def place_of(self, connection_id: UUID | None) -> tuple[str, str]:
        """Return the connection's name and its environment's, or nothing where it is gone."""
        row = self.connections.get(connection_id) if connection_id else None
        return (row[0], row[3]) if row else ("", "")

    def environments_named(self, slug: str) -> list[UUID]:
        """Return the environments that a name stands for, one of each client."""
        return sorted({row[5] for row in self.connections.values() if row[3] == slug})


def _is_asked(form: CallFilter, pk: UUID) -> bool:
    return str(pk) in (form.data.get("connection"), form.data.get("token"))


def _choose(form: CallFilter, name: str, every: str, choices: list[tuple[str, str]]) -> None:
    form.fields[name].choices = [("", every), *choices]  # type: ignore[attr-defined]


def criteria_of(chosen: Mapping[str, Any], known: Known, *, now: datetime) -> Criteria:
    """Return what the chosen filters ask of the log."""
    span: Span | None = chosen.get("when")
    ids: dict[str, Any] = {name: UUID(chosen[name]) for name in ("client", "connection", "token") if name in chosen}
    plain: dict[str, Any] = {
        name: chosen[name]
        for name in ("outcome", "provider", "status", "method", "path", "signer", "source")
        if name in chosen
    }
    return Criteria(
        start=span.start if span else chosen.get("around", now) - LOOK_BACK,
        end=span.end if span else None,
        text=chosen.get("q", ""),
        id=whole_id(chosen.get("id", "")),
        ref=chosen.get("id", ""),
        group=chosen.get("group"),
        environments=known.environments_named(chosen["environment"]) if "environment" in chosen else None,
        **ids,
        **plain,
    )
