"""The form of a budget: two amounts of dollars, either of which may be left empty."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.forms import PageForm
from integrations.models import Budget
from integrations.models.usage import NANO
from integrations.usage.prices import nano_of


class DollarField(forms.CharField):
    """An amount of US dollars, kept in whole billionths; empty is None."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=20, **kwargs)
        self.widget.attrs.update({"inputmode": "decimal", "autocomplete": "off"})

    def clean(self, value: Any) -> Any:
        """Return the amount. Both a point and a comma may stand before the cents."""
        typed = super().clean(value).strip().lstrip("$").strip()
        if not typed:
            return None
        try:
            return nano_of(typed.replace(",", ".") if typed.count(",") == 1 and "." not in typed else typed)
        except ValueError:
            raise forms.ValidationError(_("Give an amount in US dollars, as in 2.50, at most 10,000.")) from None


def typed_dollars(nano: int | None) -> str:
    """Return an amount as one would type it, with every digit it has."""
    if nano is None:
        return ""
    whole, rest = divmod(nano, NANO)
    digits = f"{rest:09d}".rstrip("0")
    return f"{whole}.{digits.ljust(2, '0')}" if digits else f"{whole}"


class BudgetForm(PageForm):
    """When to warn, and when to stop."""

    warn = DollarField(label=gettext_lazy("Tell me at (US dollars a month)"))
    stop = DollarField(label=gettext_lazy("Stop calls at (US dollars a month)"))

    @classmethod
    def of(cls, budget: Budget | None) -> BudgetForm:
        """Return the form with what is set."""
        if budget is None:
            return cls()
        return cls(initial={"warn": typed_dollars(budget.warn_nano), "stop": typed_dollars(budget.stop_nano)})

    def clean(self) -> dict[str, Any]:
        """Refuse a warning that comes after the stop: nobody would hear it."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        warn, stop = data.get("warn"), data.get("stop")
        if warn is not None and stop is not None and warn > stop:
            self.add_error("warn", _("The warning comes after the stop: give a smaller amount."))
        if stop == 0 or warn == 0:
            self.add_error("stop" if stop == 0 else "warn", _("Give more than nothing, or leave it empty."))
        return data
