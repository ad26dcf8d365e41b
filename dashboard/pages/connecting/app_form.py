"""The form of an OAuth app: what the provider gave us, and which of its scopes are asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.forms import DayInput
from dashboard.pages.connecting.key_parts import KEY_PARTS, KeyNames, name_inputs, named
from dashboard.pages.vault.forms import SecretInput, SecretText
from integrations.models import OAuthApp
from secrets_vault.models import Client
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from integrations.providers.shape import Provider
    from secrets_vault.models import User

USES = [
    ("", gettext_lazy("Not asked for")),
    ("required", gettext_lazy("Always asked for")),
    ("optional", gettext_lazy("When a connection needs it")),
]
SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # scope-token, RFC 6749 section 3.3
MOST_SCOPES = 200
AGENCY = "-"
"""Stands for the agency among the clients' short names; no short name is a hyphen."""


@dataclass(frozen=True)
class ScopeRow:
    """One known scope with its field."""

    scope: str
    words: str
    field: forms.BoundField


def read_scopes(text: str) -> list[str]:
    """Return typed scopes: between spaces, commas or lines, each once. Raises ValidationError."""
    found = list(dict.fromkeys(part for part in re.split(r"[\s,]+", text) if part))
    for scope in found:
        if len(scope) > 200 or not SCOPE.fullmatch(scope):
            raise forms.ValidationError(_("One of these is no scope: it holds a character that cannot stand in one."))
    if len(found) > MOST_SCOPES:
        raise forms.ValidationError(_("At most {most_scopes} scopes.").format(most_scopes=MOST_SCOPES))
    return found


def _told(app: OAuthApp) -> dict[str, Any]:
    return {"name": app.name, "client_id": app.client_id, "is_in_testing": app.is_in_testing}


class OAuthAppForm(KeyNames):
    """Client id and client secret from the provider, whose they are, and the scopes."""

    name = forms.CharField(max_length=120, help_text=gettext_lazy("For you, to tell it from others."))
    owner = forms.ChoiceField(
        label=gettext_lazy("Used by"), help_text=gettext_lazy("A client's own app goes before the agency's.")
    )
    client_id = forms.CharField(
        label=gettext_lazy("Client id"),
        max_length=300,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    client_secret = forms.CharField(label=gettext_lazy("Client secret"), max_length=32_768, widget=SecretInput())
    made_on = forms.DateField(
        label=gettext_lazy("The client secret was made on"),
        required=False,
        help_text=gettext_lazy(
            "The day the provider made it, not today's. Left empty, its age is not known and it counts as due."
        ),
        widget=DayInput(),
    )
    is_in_testing = forms.BooleanField(
        label=gettext_lazy("The app is in testing at the provider"),
        required=False,
        help_text=gettext_lazy("Then each consent ends after a few days, and Keylodge says when."),
    )
    more_required = forms.CharField(
        label=gettext_lazy("Other scopes, always asked for"), required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    more_optional = forms.CharField(
        label=gettext_lazy("Other scopes, when a connection needs them"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, provider: Provider, user: User, app: OAuthApp | None = None, **kwargs: Any) -> None:
        assert provider.oauth is not None  # noqa: S101 - for the type checker; the caller looked
        self.provider, self.app, self.oauth = provider, app, provider.oauth
        self.known = list(dict.fromkeys([*provider.oauth.default_scopes, *provider.scope_words]))
        kwargs["initial"] = self._initial() | (kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)
        self._choose_owners(user)
        self._ask_for_the_secret()
        if not provider.oauth.refresh.testing_ttl_s:
            del self.fields["is_in_testing"]
        for at, scope in enumerate(self.known):
            words = provider.words_for_scope(scope)
            self.fields[f"scope_{at}"] = forms.ChoiceField(label=words, choices=USES, required=False)

    def _initial(self) -> dict[str, Any]:
        app = self.app
        required = list(app.required_scopes) if app else list(self.oauth.default_scopes)
        optional = list(app.optional_scopes) if app else []
        uses = dict.fromkeys(optional, "optional") | dict.fromkeys(required, "required")
        found: dict[str, Any] = {f"scope_{at}": uses.get(scope, "") for at, scope in enumerate(self.known)}
        found["more_required"] = " ".join(scope for scope in required if scope not in self.known)
        found["more_optional"] = " ".join(scope for scope in optional if scope not in self.known)
        return found | (_told(app) if app else {"name": self.provider.name})

    def _choose_owners(self, user: User) -> None:
        """Offer the agency to the owner, and each client to who manages it. It stays as it was made."""
        if self.app is not None:
            del self.fields["owner"]
            return
        clients = Client.objects.manageable_by(user).filter(archived_at=None)
        choices = [(AGENCY, _("The agency, for every client"))] if user.is_owner else []
        choices += [(client.slug, client.name) for client in clients]
        self.fields["owner"].choices = choices  # type: ignore[attr-defined]
        self.clients = {client.slug: client for client in clients}

    def _ask_for_the_secret(self) -> None:
        field = self.fields["client_secret"]
        if self.oauth.token_auth_method == "none":  # noqa: S105 - a method's name
            field.required, field.help_text = False, _("This provider's apps may have none.")
        if self.signs:
            field.label, field.widget = _("Private key"), SecretText(rows=8)
            field.help_text = _("A PEM file. The app signs with it; its public half is what the provider was given.")
            self.fields |= name_inputs()
        if self.app is not None and self.app.secret_id:
            field.required, field.label = False, _("New private key") if self.signs else _("New client secret")
            field.help_text = _("Left empty, the stored one stays.")

    def clean_name(self) -> str:
        """Refuse a name that another app has."""
        name: str = self.cleaned_data["name"]
        if OAuthApp.objects.filter(name=name).exclude(pk=self.app and self.app.pk).exists():
            raise forms.ValidationError(_("There is already an OAuth app of this name."))
        return name

    def clean_made_on(self) -> date | None:
        """Return the day. A day to come is a slip."""
        made_on: date | None = self.cleaned_data["made_on"]
        if made_on and made_on > timezone.localdate():
            raise forms.ValidationError(_("This day has not come yet. When was the client secret made?"))
        return made_on

    def clean_more_required(self) -> list[str]:
        """Return the typed scopes."""
        return read_scopes(self.cleaned_data["more_required"])

    def clean_more_optional(self) -> list[str]:
        """Return the typed scopes."""
        return read_scopes(self.cleaned_data["more_optional"])

    @property
    def for_client(self) -> Client | None:
        """Return whose app it will be."""
        return self.clients.get(self.cleaned_data.get("owner", ""))

    @property
    def signs(self) -> bool:
        """Tell whether an app of this provider signs, instead of showing a client secret (RFC 7523 section 2.2)."""
        return self.oauth.token_auth_method == "private_key_jwt"  # noqa: S105 - a method's name

    @property
    def proof(self) -> dict[str, Secret | None]:
        """Return what was typed: a client secret, or a private key."""
        typed = self.cleaned_data.get("client_secret")
        secret = (named(typed, self.cleaned_data) if self.signs else Secret(typed)) if typed else None
        return {"client_secret": None if self.signs else secret, "private_key": secret if self.signs else None}

    def scopes(self) -> dict[str, list[str]]:
        """Return the scopes as the app keeps them."""
        data = self.cleaned_data
        chosen = {use: [s for at, s in enumerate(self.known) if data.get(f"scope_{at}") == use] for use, _ in USES}
        required = list(dict.fromkeys([*chosen["required"], *data["more_required"]]))
        optional = [*chosen["optional"], *data["more_optional"]]
        kept = [scope for scope in dict.fromkeys(optional) if scope not in required]
        return {"required_scopes": required, "optional_scopes": kept}

    def scope_rows(self) -> list[ScopeRow]:
        """Return the known scopes with their fields."""
        words = self.provider.words_for_scope
        return [ScopeRow(scope, words(scope), self[f"scope_{at}"]) for at, scope in enumerate(self.known)]

    def plain_fields(self) -> list[forms.BoundField]:
        """Return the fields above the scopes."""
        return [
            self[name]
            for name in ("name", "owner", "client_id", "client_secret", *KEY_PARTS, "made_on", "is_in_testing")
            if name in self.fields
        ]
