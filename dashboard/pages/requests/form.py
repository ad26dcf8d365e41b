"""The form for a new request: what the client is asked for, why, and the terms of the link."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.names import name_providers
from dashboard.pages.connecting.forms import LinkTerms
from integrations.connections.credential import FIELDS
from integrations.links.packs import template_choices
from integrations.links.requests import MOST_ITEMS, Ask
from integrations.models import Connection, LinkItem, LinkTemplate

if TYPE_CHECKING:
    from secrets_vault.models import Environment

DAYS = [("1", gettext_lazy("24 hours")), ("3", gettext_lazy("3 days")), ("7", gettext_lazy("7 days"))]
UNFINISHED = (Connection.Status.NOT_CONNECTED, Connection.Status.NEEDS_RECONNECTING, Connection.Status.FAILING)


class RequestTerms(LinkTerms):
    """What every request says beside the things it asks for."""

    days = forms.ChoiceField(label=gettext_lazy("Link works for"), choices=DAYS, initial="7")
    why = forms.CharField(
        label=gettext_lazy("What it is for"),
        max_length=300,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("One sentence that the client reads above the list."),
    )
    lands_as = forms.ChoiceField(
        label=gettext_lazy("A key that arrives is"),
        choices=LinkItem.LandsAs.choices,
        initial=LinkItem.LandsAs.CURRENT,
        widget=forms.RadioSelect,
    )

    def terms(self) -> dict[str, Any]:
        """Return how the link is made."""
        data = self.cleaned_data
        return {
            "days": int(data["days"]),
            "sent_to": data["sent_to"],
            "language": data["language"],
            "why": " ".join(data["why"].split()),
            "reminds": data["reminds"],
        }


class NewRequest(RequestTerms):
    """Which of an environment's connections the client is to complete, and which template adds what is missing."""

    connections = forms.MultipleChoiceField(
        label=gettext_lazy("Ask for"), required=False, widget=forms.CheckboxSelectMultiple
    )
    template = forms.ModelChoiceField(
        queryset=LinkTemplate.objects.none(),
        label=gettext_lazy("And everything in the template"),
        required=False,
        empty_label=gettext_lazy("No template"),
        help_text=gettext_lazy("Connections that are missing for it are made, not connected yet."),
    )

    def __init__(self, *args: Any, place: Environment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.place = place
        rows = Connection.objects.filter(environment=place).order_by("slug")
        self.askable = {str(row.pk): row for row in name_providers(rows) if is_askable(row)}
        field = self.fields["connections"]
        field.choices = [(pk, _words(row)) for pk, row in self.askable.items()]  # type: ignore[attr-defined]
        field.initial = [pk for pk, row in self.askable.items() if row.status in UNFINISHED]
        self.fields["template"].queryset = template_choices()  # type: ignore[attr-defined]
        if not self.fields["template"].queryset:  # type: ignore[attr-defined]
            del self.fields["template"]
        elif not self.askable:
            del self.fields["connections"]
        self.order_fields(["connections", "template", "why", "lands_as", "sent_to", "reminds", "language", "days"])

    def clean(self) -> dict[str, Any]:
        """Ask for something, and not for too much."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        chosen = data.get("connections", [])
        if not chosen and not data.get("template"):
            self.add_error("connections" if self.askable else "template", _("Choose at least one thing to ask for."))
        if len(chosen) > MOST_ITEMS:
            self.add_error("connections", _("Choose at most {n} things.").format(n=MOST_ITEMS))
        return data

    def asks(self) -> list[Ask]:
        """Return what was ticked."""
        chosen = self.cleaned_data.get("connections", [])
        return [Ask(self.askable[pk], self.cleaned_data["lands_as"]) for pk in chosen]


def is_askable(connection: Connection) -> bool:
    """Tell whether a client could complete a connection on a page."""
    if connection.kind == Connection.Kind.OAUTH2:
        return connection.oauth_app_id is not None
    return connection.kind in FIELDS


def _words(connection: Any) -> str:
    return f"{connection.provider_name} · {connection.get_kind_display()} · {connection.get_status_display()}"
