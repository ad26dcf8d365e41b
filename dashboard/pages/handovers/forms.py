"""What a one-time link asks: what it shows, how often, how long, and what its reader has to prove."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.forms import ClientFilterForm, PageForm
from dashboard.pages.vault.forms import SecretText
from integrations.handover.making import LEAST_PASSPHRASE, MOST_VIEWS, Terms
from integrations.handover.state import STATES
from integrations.links.words import catalogues
from integrations.models import Handover
from secrets_vault.models import Client

if TYPE_CHECKING:
    from secrets_vault.models import StoredSecret, User

WORKS_FOR = [
    ("1", gettext_lazy("1 hour")),
    ("4", gettext_lazy("4 hours")),
    ("24", gettext_lazy("1 day")),
    ("72", gettext_lazy("3 days")),
    ("168", gettext_lazy("7 days")),
    ("720", gettext_lazy("30 days")),
]
STATE_WORDS = {
    "made": ("info", gettext_lazy("Not opened yet")),
    "opened": ("info", gettext_lazy("Opened, not read to the end")),
    "read": ("ok", gettext_lazy("Read")),
    "burnt": ("bad", gettext_lazy("Burnt: too many wrong tries")),
    "expired": ("warn", gettext_lazy("Expired")),
    "revoked": ("", gettext_lazy("Revoked")),
}


class LinkOptions(PageForm):
    """The terms of every one-time link."""

    label = forms.CharField(
        max_length=120,
        label=gettext_lazy("What it is"),
        help_text=gettext_lazy("The recipient reads this before they open it."),
    )
    views = forms.IntegerField(
        label=gettext_lazy("Can be shown"),
        min_value=1,
        max_value=MOST_VIEWS,
        initial=1,
        help_text=gettext_lazy("Times. Once is safest: the recipient then knows that nobody read it before."),
    )
    works_for = forms.ChoiceField(label=gettext_lazy("Link works for"), choices=WORKS_FOR, initial="24")
    passphrase = forms.CharField(
        label=gettext_lazy("Passphrase"),
        required=False,
        strip=False,
        min_length=LEAST_PASSPHRASE,
        max_length=300,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}, render_value=False),
        help_text=gettext_lazy("Optional. Tell it by phone, never in the same message. Five wrong tries end the link."),
    )
    confirm = forms.ChoiceField(
        label=gettext_lazy("Who confirms"), required=False, choices=Handover.Confirm.choices, initial=""
    )
    confirm_email = forms.EmailField(
        label=gettext_lazy("Recipient's e-mail"),
        required=False,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("Needed for a confirmation: the list then says who read it."),
    )
    language = forms.ChoiceField(label=gettext_lazy("Language of the page"), choices=[])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"].choices = [(code, words["language"]) for code, words in catalogues().items()]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Ask for the address where one is to be confirmed."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if data.get("confirm") and not data.get("confirm_email") and "confirm_email" not in self.errors:
            self.add_error("confirm_email", _("Say whose e-mail address is to be confirmed."))
        return data

    def terms(self) -> Terms:
        """Return what was chosen."""
        data = self.cleaned_data
        names = ("label", "views", "passphrase", "confirm", "confirm_email", "language")
        return Terms(works_for=timedelta(hours=int(data["works_for"])), **{name: data[name] for name in names})


class Names(forms.CheckboxSelectMultiple):
    """Names that a machine gave: shown as they are, in any language."""

    option_template_name = "components/code_option.html"


class HandOutForm(LinkOptions):
    """Which values of a secret, and the terms."""

    chosen = forms.MultipleChoiceField(label=gettext_lazy("Which values"), widget=Names)
    field_order = ("chosen",)

    def __init__(self, *args: Any, stored: StoredSecret, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = list(stored.current.fields.values_list("name", flat=True)) if stored.current else []
        self.fields["chosen"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]


class ShareTextForm(LinkOptions):
    """A text that is not in the vault, whose it is, and the terms."""

    text = forms.CharField(
        label=gettext_lazy("Text"),
        strip=False,
        max_length=60_000,
        widget=SecretText(rows=8),
        help_text=gettext_lazy(
            "It is kept for this link only and gone when the link ends. It is never shown to you again."
        ),
    )
    client = forms.ModelChoiceField(
        queryset=Client.objects.none(), to_field_name="slug", required=False, empty_label=gettext_lazy("The agency")
    )
    field_order = ("text", "client")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["client"]
        field.queryset = Client.objects.manageable_by(user).filter(archived_at=None)
        if not user.is_owner:
            field.required, field.empty_label = True, None


class HandoverFilter(ClientFilterForm):
    """Which links: by words, client and state."""

    q = forms.CharField(
        required=False,
        label=gettext_lazy("Search"),
        widget=forms.TextInput(attrs={"type": "search", "placeholder": gettext_lazy("What it is, or who reads it")}),
    )
    state = forms.ChoiceField(
        required=False,
        label=gettext_lazy("State"),
        choices=[("", gettext_lazy("Every state")), *((name, STATE_WORDS[name][1]) for name in STATES)],
    )
