"""The form of a token that reports errors."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy

from dashboard.forms import DayInput, PageForm
from integrations.api.tokens import MOST_PER_MINUTE, PER_MINUTE
from integrations.models import Connection
from integrations.models.api import TOOLS


class ApiTokenForm(PageForm):
    """What will report, about what, and how much."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=120,
        help_text=gettext_lazy("What will hold it, as in “n8n error workflow”."),
    )
    tool = forms.ChoiceField(
        label=gettext_lazy("Tool"),
        required=False,
        choices=[("", gettext_lazy("Any; each report says so")), *TOOLS],
    )
    connection = forms.ModelChoiceField(
        label=gettext_lazy("About the connection"),
        queryset=Connection.objects.none(),
        required=False,
        empty_label=gettext_lazy("Any; a report may name one"),
        help_text=gettext_lazy("The cause of an error is recognised where its provider is known."),
    )
    per_minute = forms.IntegerField(
        label=gettext_lazy("Reports a minute"), min_value=1, max_value=MOST_PER_MINUTE, initial=PER_MINUTE
    )
    ends_on = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        widget=DayInput(),
        help_text=gettext_lazy("Empty: it works until it is revoked."),
    )

    def __init__(self, *args: Any, connections: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["connection"].queryset = connections  # type: ignore[attr-defined]

    def terms(self) -> dict[str, Any]:
        """Return what the token is made with, besides its name."""
        day = self.cleaned_data["ends_on"]
        expires_at = timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min)) if day else None
        names = ("tool", "connection", "per_minute")
        return {**{name: self.cleaned_data[name] for name in names}, "expires_at": expires_at}
