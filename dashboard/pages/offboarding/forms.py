"""What the steps of an off-boarding ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy

from dashboard.forms import PageForm
from dashboard.pages.handovers.forms import LinkOptions
from secrets_vault.models import StoredSecret

if TYPE_CHECKING:
    from secrets_vault.models import Client

MOST_AT_ONCE = 50


class PackForm(LinkOptions):
    """Which secrets are handed over, each by a link of its own, and the terms of them all."""

    chosen = forms.ModelMultipleChoiceField(
        queryset=StoredSecret.objects.none(),
        label=gettext_lazy("Hand over"),
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Each gets a link of its own. They have to be read before the keys are destroyed."),
    )
    field_order = ("chosen",)

    def __init__(self, *args: Any, client: Client, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["label"]
        rows = StoredSecret.objects.filter(client=client, deleted_at=None, current__isnull=False)
        field: Any = self.fields["chosen"]
        field.queryset = rows.exclude(kind__in=("system", "elsewhere", "oauth_tokens", "webhook_secret"))
        self.fields["language"].initial = client.language


class ShredForm(PageForm):
    """The client's name, typed; and whether to wait."""

    name = forms.CharField(
        label=gettext_lazy("The client's name"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    is_at_once = forms.BooleanField(
        required=False, label=gettext_lazy("Do not wait 24 hours: destroy now, without a way back")
    )


class ArchiveForm(PageForm):
    """An optional passphrase for what the client is given."""

    passphrase = forms.CharField(
        required=False,
        strip=False,
        min_length=8,
        max_length=300,
        label=gettext_lazy("Passphrase"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}, render_value=False),
        help_text=gettext_lazy("With one, the file is encrypted in the age format: `age -d` opens it."),
    )
