"""The bases of every form on a page. Markup is in templates/django/forms."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import Q
from django.forms.utils import pretty_name
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from secrets_vault.access import visible_clients
from secrets_vault.models import Client

if TYPE_CHECKING:
    from secrets_vault.models import User

# What Django calls fields that have no label of their own, by their name.
NAMED = (
    gettext_noop("Name"), gettext_noop("Client"), gettext_noop("Environment"), gettext_noop("Provider"),
    gettext_noop("Status"), gettext_noop("Kind"), gettext_noop("Owner"), gettext_noop("Scopes"),
)  # fmt: skip


class DayInput(forms.DateInput):
    """A field for a day. Browsers know one form of it, whatever the language of the page."""

    input_type = "date"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%Y-%m-%d")


class _Plain:
    """Labels without a colon; the first field with an error takes the focus."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():  # type: ignore[attr-defined]
            if field.label is None:
                field.label = _(pretty_name(name))

    def full_clean(self) -> None:
        super().full_clean()  # type: ignore[misc]
        for name in self._errors or {}:  # type: ignore[attr-defined]
            if name in self.fields:  # type: ignore[attr-defined]
                self.fields[name].widget.attrs["autofocus"] = True  # type: ignore[attr-defined]
                break


class PageForm(_Plain, forms.Form):
    """A form that a page shows."""


class PageModelForm(_Plain, forms.ModelForm):
    """A form for one row."""


class FilterForm(_Plain, forms.Form):
    """Filters of a list, sent by GET. Whatever is wrong in an address is ignored, never an error page."""

    def chosen(self) -> dict[str, Any]:
        """Return the filters that are set and valid."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value not in (None, "", [])}


def any_holds(columns: Iterable[str], word: str) -> Q:
    """Return the condition that at least one of these columns holds a word that was searched for."""
    return reduce(or_, (Q(**{f"{column}__icontains": word}) for column in columns))


class ClientFilterForm(FilterForm):
    """Filters of a list over all clients: it is searched, and narrowed to one that this person sees."""

    client = forms.ModelChoiceField(
        queryset=Client.objects.none(), to_field_name="slug", required=False, empty_label=gettext_lazy("Every client")
    )
    field_order = ("q", "client")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["client"].queryset = visible_clients(user)  # type: ignore[attr-defined]
