"""What stands beside a private key: its id, and a certificate, where the provider knows the key by them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from dashboard.forms import PageForm
from integrations.connections.pasted_key import MOST_KEY_LENGTH
from integrations.oauth.key_names import BadKeyName, beside
from secrets_vault.secret import Secret

KEY_PARTS = ("private_key", "key_file", "key_id", "certificate")


def name_inputs(*, asks_kid: bool = True) -> dict[str, forms.Field]:
    """Return what names a key in the header of a JWT, where the provider wants it."""
    key_id = forms.CharField(
        label=gettext_lazy("Key id (kid)"),
        required=False,
        max_length=300,
        help_text=gettext_lazy("As the provider shows it, or “thumbprint” for RFC 7638. Usually empty."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    certificate = forms.CharField(
        label=gettext_lazy("Certificate"),
        required=False,
        strip=False,
        max_length=MOST_KEY_LENGTH,
        help_text=gettext_lazy("In PEM, where the provider knows the key by one (x5t). Usually empty."),
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )
    asked: dict[str, forms.Field] = {"certificate": certificate}
    return {"key_id": key_id} | asked if asks_kid else asked


def named(key: str, data: dict[str, Any]) -> Secret:
    """Return a key with its names beside it. A JSON file has its own. Raises BadKeyName."""
    if key.lstrip().startswith("{"):
        return Secret(key)
    return Secret(beside(key, key_id=data.get("key_id", "").strip(), certificate=data.get("certificate", "").strip()))


class KeyNames(PageForm):
    """A form with a private key, and perhaps its names."""

    def clean(self) -> dict[str, Any]:
        """Refuse names that cannot stand beside a key."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        try:
            named("", data)
        except BadKeyName as bad:
            self.add_error(bad.field if bad.field in self.fields else None, f"{bad}.")
        return data
