"""What the list of waiting calls can be narrowed by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.db.models import Count, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.forms import FilterForm
from integrations.models import HeldCall
from integrations.models.held import OPEN_STATES
from integrations.states import is_one_of

if TYPE_CHECKING:
    from secrets_vault.access import VisibleQuerySet

State = HeldCall.State
STATES = [("", gettext_lazy("Open")), *State.choices, ("all", gettext_lazy("Every state"))]


class WaitingFilter(FilterForm):
    """Text, client, connection, token and state."""

    q = forms.CharField(
        label=gettext_lazy("Path or id"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    client = forms.ChoiceField(required=False)
    connection = forms.ChoiceField(label=gettext_lazy("Connection"), required=False)
    token = forms.ChoiceField(label=gettext_lazy("Gateway token"), required=False)
    state = forms.ChoiceField(label=gettext_lazy("State"), required=False, choices=STATES)

    def offer(self, rows: VisibleQuerySet) -> None:
        """Put what there is to choose from into the form, with how many of each are open."""
        names = ("client__slug", "client__name", "connection__slug", "token_id", "token_name")
        counted = rows.filter(is_one_of(OPEN_STATES)).order_by().values_list(*names).annotate(n=Count("pk"))
        found: tuple[dict[str, list[Any]], ...] = ({}, {}, {})
        for client, client_name, connection, token, token_name, n in counted:
            named = ((client, client_name), (connection, connection), (str(token), token_name))
            for kept, (key, name) in zip(found, named, strict=True):
                kept.setdefault(key, [name, 0])[1] += n
        every = (_("Every client"), _("Every connection"), _("Every token"))
        for field, kept, all_ in zip(("client", "connection", "token"), found, every, strict=True):
            rows_ = sorted(((key, f"{name} ({n})") for key, (name, n) in kept.items()), key=lambda row: row[1].lower())
            chosen = self.data.get(field)
            if chosen and chosen not in kept:
                rows_.append((chosen, chosen))
            self.fields[field].choices = [("", all_), *rows_]  # type: ignore[attr-defined]


def narrowed(rows: VisibleQuerySet, chosen: dict[str, Any]) -> VisibleQuerySet:
    """Keep the calls that the filters ask for."""
    state = chosen.get("state", "")
    if not state:
        rows = rows.filter(is_one_of(OPEN_STATES))
    elif state != "all":
        rows = rows.filter(state=state)
    wanted = {"client": "client__slug", "connection": "connection__slug", "token": "token_id"}
    given = {column: chosen[name] for name, column in wanted.items() if chosen.get(name)}
    try:
        rows = rows.filter(**given)
    except (ValueError, TypeError, forms.ValidationError):
        return rows.none()
    for word in str(chosen.get("q", "")).split():
        about = Q(path__icontains=word) | Q(method__iexact=word) | Q(token_name__icontains=word)
        rows = rows.filter(about | Q(pk=word) if _is_id(word) else about)
    return rows


def _is_id(word: str) -> bool:
    try:
        UUID(word)
    except ValueError:
        return False
    return True
