"""The new value of a rotation. What was typed is never sent back."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.forms import DayInput, PageForm
from dashboard.pages.vault.forms import asked_for, value_field
from secrets_vault.models import StoredSecret


class NewValueForm(PageForm):
    """The same fields as the version in use, and when the provider made and will end it."""

    made_on = forms.DateField(
        label=gettext_lazy("Made on"),
        required=False,
        widget=DayInput(),
        help_text=gettext_lazy("The day the provider made it."),
    )
    expires_at = forms.DateField(
        label=gettext_lazy("Expires on"),
        required=False,
        widget=DayInput(),
        help_text=gettext_lazy("Empty: the provider names no end."),
    )

    def __init__(self, *args: Any, stored: StoredSecret, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        labels = {field.name: _(field.words) for field in asked_for(stored)}
        self.names = [row.name for row in stored.current.fields.all()] if stored.current else []
        for name in self.names:
            self.fields[name] = value_field(name, labels.get(name, name))
        self.fields["made_on"].initial = timezone.localdate
        self.order_fields([*self.names, "made_on", "expires_at"])

    def clean_made_on(self) -> date | None:
        """Return the day. A day to come is a slip."""
        made_on: date | None = self.cleaned_data["made_on"]
        if made_on and made_on > timezone.localdate():
            raise forms.ValidationError(_("This day has not come yet. When was it made at the provider?"))
        return made_on

    def clean_expires_at(self) -> datetime | None:
        """Return the beginning of that day: it may end in any hour of it."""
        ends_on: date | None = self.cleaned_data["expires_at"]
        return timezone.make_aware(datetime.combine(ends_on, time())) if ends_on else None
