"""The last form of a connection that asks for its own tokens: by the OAuth app, a private key, or earlier tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.pages.connecting.app_form import read_scopes
from dashboard.pages.connecting.forms import OAuthConnection, StoredConnection
from dashboard.pages.connecting.key_parts import KEY_PARTS, KeyNames, name_inputs, named
from dashboard.pages.vault.forms import SecretInput, SecretText, credential_inputs
from integrations.connections.pasted_key import MOST_KEY_LENGTH
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from integrations.models import OAuthApp
    from integrations.providers.grant_facts import AssertionFacts
    from integrations.providers.shape import Provider

KEY = {
    "pem": gettext_lazy("Private key"),
    "hex": gettext_lazy("Signing secret"),
    "text": gettext_lazy("Signing secret"),
    "jwt": gettext_lazy("JWT credential"),
}


class AppConnection(OAuthConnection):
    """The rights that the OAuth app asks for, for itself (RFC 6749 section 4.4)."""


class ImportedConnection(OAuthConnection):
    """Tokens of a consent that was given to this OAuth app elsewhere."""

    refresh_token = forms.CharField(
        label=gettext_lazy("Refresh token"), required=False, max_length=16_384, widget=SecretInput()
    )
    access_token = forms.CharField(
        label=gettext_lazy("Access token"),
        required=False,
        max_length=16_384,
        widget=SecretInput(),
        help_text=gettext_lazy("May be left out: the refresh token brings a new one."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order_fields(["refresh_token", "access_token", "label"])

    def clean(self) -> dict[str, Any]:
        """Ask for one of the two."""
        data = super().clean()
        if not data.get("refresh_token") and not data.get("access_token") and not self.errors:
            self.add_error("refresh_token", _("Paste the refresh token; without one the access ends with its token."))
        return data

    def tokens(self) -> dict[str, Secret | None]:
        """Return what was pasted."""
        typed = {name: self.cleaned_data.get(name) for name in ("refresh_token", "access_token")}
        return {name: Secret(text) if text else None for name, text in typed.items()}


class KeyFields(KeyNames):
    """A private key, pasted or as the file that the provider let one download, and the claims beside it."""

    private_key = forms.CharField(required=False, strip=False, max_length=MOST_KEY_LENGTH, widget=SecretText(rows=8))
    key_file = forms.FileField(
        label=gettext_lazy("Or the file"),
        required=False,
        help_text=gettext_lazy("The .pem or .json file as it was downloaded. Choose it, or drop it here."),
    )

    def ask_for(self, facts: AssertionFacts, *, known: dict[str, str] | None = None) -> list[str]:
        """Add a field for each claim that a person fills in; return the names of all that belong to the key."""
        self.assertion = facts
        key = self.fields["private_key"]
        key.label = KEY[facts.key_encoding]
        if facts.key_encoding == "pem":
            key.help_text = _("A PEM file, or the JSON key of a service account. It is never shown again.")
        elif facts.is_ready_made:
            key.help_text = _("The JWT as the provider made and signed it. It is never shown again.")
        if facts.key_encoding != "pem":
            del self.fields["key_file"]
        if facts.key_encoding == "pem" and facts.style in ("form", "client"):
            self.fields |= name_inputs(asks_kid=all(claim.name != "kid" for claim in facts.claims))
        for claim in facts.claims:
            self.fields[f"claim_{claim.name}"] = forms.CharField(
                label=_(claim.words),
                required=False,
                max_length=500,
                initial=(known or {}).get(claim.name, claim.default),
                help_text=self._hint(claim.name, claim.example, is_optional=claim.is_optional),
                widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
            )
        return [name for name in self.fields if name in KEY_PARTS or name.startswith("claim_")]

    def _hint(self, name: str, example: str, *, is_optional: bool) -> str:
        if name in self.assertion.file and self.assertion.key_encoding == "pem":
            return _("May be left empty when the JSON key names it.")
        if example:
            return _("For example {example}.").format(example=example)
        return _("May be left empty.") if is_optional else ""

    def read_key(self) -> Secret | None:
        """Return the pasted key, or the file's text; None where neither was given."""
        if typed := self.cleaned_data.get("private_key", "").strip():
            return named(typed, self.cleaned_data)
        file = self.cleaned_data.get("key_file")
        if file is None or file.size > MOST_KEY_LENGTH:
            return None
        try:
            return named(file.read().decode("utf-8-sig"), self.cleaned_data)
        except UnicodeDecodeError:
            return None

    def claims(self) -> dict[str, str]:
        """Return the claims that were filled in."""
        named = {claim.name: self.cleaned_data.get(f"claim_{claim.name}", "") for claim in self.assertion.claims}
        return {name: text.strip() for name, text in named.items() if text.strip()}


class KeyConnection(KeyFields, StoredConnection):
    """A connection that signs in with a private key (RFC 7523)."""

    scopes_text = forms.CharField(
        label=gettext_lazy("Scopes"), required=False, widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"})
    )

    def __init__(
        self, *args: Any, provider: Provider, app: OAuthApp | None = None, kind: str = "", **kwargs: Any
    ) -> None:
        super().__init__(*args, provider=provider, **kwargs)
        assert provider.oauth is not None  # noqa: S101 - for the type checker; the caller looked
        self.app = app
        names = self.ask_for(provider.oauth.assertion)
        scopes = provider.oauth.assertion.default_scopes or provider.oauth.default_scopes
        self.fields["scopes_text"].initial = " ".join(scopes)
        if provider.oauth.assertion.scope_in == "none":
            del self.fields["scopes_text"]
        parts = [f"var_{variable.name}" for variable in self.asked]
        self.order_fields([*parts, *names, "scopes_text", "made_on", "is_age_unknown", "owner_name"])

    def clean_scopes_text(self) -> list[str]:
        """Return the typed scopes."""
        return read_scopes(self.cleaned_data["scopes_text"])

    def clean(self) -> dict[str, Any]:
        """Ask for the key."""
        data = super().clean()
        if self.read_key() is None:
            self.add_error("private_key", _("Paste the key or choose its file: a text file of at most 32 KiB."))
        elif self.cleaned_data.get("key_file"):
            self.cleaned_data["key_file"].seek(0)
        return data

    def requested(self) -> list[str]:
        """Return the scopes that the JWT asks for."""
        return list(self.cleaned_data.get("scopes_text") or [])


class ExchangedConnection(StoredConnection):
    """A key that is posted to the provider for a token (two-step API keys)."""

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.wanted = self.provider.fields_of(kind)
        inputs = credential_inputs(self.wanted)
        self.fields.update(inputs)
        parts = [f"var_{variable.name}" for variable in self.asked]
        self.order_fields([*parts, *inputs, "made_on", "is_age_unknown", "owner_name", "where_used", "label"])

    def values(self) -> dict[str, Secret]:
        """Return what was pasted of the key. What may be left out and was is not among it, nor what goes beside."""
        given = {field.name: self.cleaned_data[f"value_{field.name}"] for field in self.wanted}
        return {name: Secret(text) for name, text in given.items() if text}
