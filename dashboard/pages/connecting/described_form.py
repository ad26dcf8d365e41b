"""The form that describes an API: its address, where the credential goes, OAuth, a harmless call."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.pages.connecting.app_form import AGENCY, read_scopes
from dashboard.pages.connecting.exchange_form import ExchangeFields, initial_of_exchange
from dashboard.pages.connecting.places_form import PlaceFields, initial_of_places
from integrations.providers import templates
from secrets_vault.models import Client

if TYPE_CHECKING:
    from integrations.models import CustomProvider
    from integrations.oauth.discovery import Metadata
    from integrations.providers.reading import BadFacts
    from integrations.providers.shape import Provider
    from secrets_vault.models import User

# Where a complaint about a fact is shown; what is not here goes to the top of the form.
FIELD_OF = {
    "inject": "inject_name",
    "injections": "inject_name",
    "probe": "probe_path",
    "allowed_hosts": "allowed_hosts",
    "base_url": "base_url",
    "authorize_url": "authorize_url",
    "token_url": "token_url",
    "revoke_url": "revoke_url",
    "issuer": "issuer",
    "jwks_url": "jwks_url",
    "id_token_algs": "jwks_url",
    "exchange": "exchange_url",
    "body": "exchange_body",
}
# Facts that the form asks for, or that are made from it. A description keeps its others when it is edited.
ASKED = (
    "key",
    "name",
    "base_url",
    "docs_url",
    "checked_on",
    "is_custom",
    "injections",
    "credential_fields",
    "allowed_hosts",
    "probe",
    "oauth",
)
OAUTH_URLS = ("authorize_url", "token_url", "revoke_url")
OAUTH_MORE = ("jwks_url", "id_token_algs", "token_auth_method", "requires_iss")
OAUTH_ASKED = (*OAUTH_URLS, "default_scopes", "issuer", *OAUTH_MORE)
METHODS = [
    ("client_secret_post", gettext_lazy("In the body")),
    ("client_secret_basic", gettext_lazy("As user name and password (Basic)")),
    ("none", gettext_lazy("Not at all: a public app")),
]
HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?")


class DescribedForm(PlaceFields, ExchangeFields):
    """Everything Keylodge has to know to call an API."""

    name = forms.CharField(max_length=120)
    owner = forms.ChoiceField(label=gettext_lazy("For"))
    base_url = forms.CharField(
        label=gettext_lazy("Base URL"),
        max_length=500,
        help_text=gettext_lazy("What every call starts with, for example https://api.example.com/v2."),
        widget=forms.TextInput(attrs={"inputmode": "url", "spellcheck": "false"}),
    )
    probe_path = forms.CharField(
        label=gettext_lazy("A harmless call"),
        max_length=300,
        required=False,
        help_text=gettext_lazy("A path that only reads, for example /me. Credentials are tried with it."),
    )
    allowed_hosts = forms.CharField(
        label=gettext_lazy("Other hosts the credential may go to"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("One a line. The base URL's own host is always among them; nothing else is."),
    )
    issuer = forms.CharField(
        label=gettext_lazy("Issuer"),
        max_length=300,
        required=False,
        help_text=gettext_lazy(
            "Who the server says it is, for example https://id.example.com. Its addresses can be taken from it."
        ),
        widget=forms.TextInput(attrs={"inputmode": "url", "spellcheck": "false"}),
    )
    authorize_url = forms.CharField(label=gettext_lazy("Authorization URL"), max_length=500, required=False)
    token_url = forms.CharField(label=gettext_lazy("Token URL"), max_length=500, required=False)
    revoke_url = forms.CharField(label=gettext_lazy("Revocation URL"), max_length=500, required=False)
    token_auth_method = forms.ChoiceField(
        label=gettext_lazy("The client secret goes"), choices=METHODS, initial="client_secret_post", required=False
    )
    jwks_url = forms.CharField(
        label=gettext_lazy("Address of its keys (JWKS)"),
        max_length=500,
        required=False,
        help_text=gettext_lazy(
            "With the issuer, it lets Keylodge verify whose account it is, when the scope openid is asked for."
        ),
    )
    id_token_algs = forms.CharField(
        label=gettext_lazy("How id_tokens are signed"), max_length=80, initial="RS256", required=False
    )
    requires_iss = forms.BooleanField(
        label=gettext_lazy("It names itself in every callback (iss)"),
        required=False,
        help_text=gettext_lazy("A callback that does not is refused then."),
    )
    default_scopes = forms.CharField(
        label=gettext_lazy("Scopes"),
        required=False,
        help_text=gettext_lazy("What a connection asks for, between spaces."),
    )

    def __init__(self, *args: Any, user: User, row: CustomProvider | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.row = row
        clients = list(Client.objects.manageable_by(user).filter(archived_at=None))
        self.clients = {client.slug: client for client in clients}
        choices = [(AGENCY, _("Every client"))] if user.is_owner else []
        self.fields["owner"].choices = choices + [(c.slug, c.name) for c in clients]  # type: ignore[attr-defined]
        if row is not None:
            del self.fields["owner"]

    @property
    def for_client(self) -> Client | None:
        """Return whose description it will be; None: everybody's."""
        return self.clients.get(self.cleaned_data.get("owner", ""))

    def clean_allowed_hosts(self) -> list[str]:
        """Return the hosts as facts spell them: no scheme, no path, a port only when it is not the usual one."""
        found = [part.lower() for part in re.split(r"[\s,]+", self.cleaned_data["allowed_hosts"]) if part]
        for host in found:
            if not HOST.fullmatch(host):
                raise forms.ValidationError(_("Write hosts alone, as in files.example.com: no https:// and no path."))
        return found

    def clean_default_scopes(self) -> list[str]:
        """Return the typed scopes."""
        return read_scopes(self.cleaned_data["default_scopes"])

    def clean_id_token_algs(self) -> list[str]:
        """Return the typed algorithms."""
        return read_scopes(self.cleaned_data["id_token_algs"].upper()) or ["RS256"]

    def clean(self) -> dict[str, Any]:
        """Refuse openid where the id_token could not be verified."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if "openid" in data.get("default_scopes", []) and not (data.get("issuer") and data.get("jwks_url")):
            words = "openid needs the issuer and the address of its keys, else nobody can check whose account it is."
            self.add_error("default_scopes", words)
        return data

    def table(self) -> dict[str, Any]:
        """Return the short table of `custom_from`."""
        data = self.cleaned_data
        urls = {name: data[name] for name in (*OAUTH_URLS, "issuer") if data[name]}
        exchange = self.exchange(kept=self.row.facts if self.row else {})
        return (
            {"base_url": data["base_url"], "inject": self.inject()}
            | urls
            | ({"exchange": exchange} if exchange else {})
        )

    def more(self) -> dict[str, Any]:
        """Return the other facts."""
        data, kept = self.cleaned_data, self.row.facts if self.row else {}
        facts = {name: value for name, value in kept.items() if name not in ASKED}
        if fields := self.credential_fields(kept.get("credential_fields", ())):
            facts["credential_fields"] = fields
        own = templates.host(data["base_url"])
        facts["allowed_hosts"] = list(dict.fromkeys([own, *data["allowed_hosts"]]))
        if data["probe_path"]:
            facts["probe"] = kept.get("probe", {"method": "GET"}) | {"path": data["probe_path"]}
        if data["authorize_url"]:
            known = {name: value for name, value in kept.get("oauth", {}).items() if name not in OAUTH_ASKED}
            asked = {name: data[name] for name in ("default_scopes", *OAUTH_MORE) if data[name]}
            facts["oauth"] = known | {"default_scopes": []} | asked
        return facts

    def refuse(self, bad: BadFacts) -> None:
        """Put what is wrong at the field it is about."""
        parts = bad.field.split(".")
        name = next((FIELD_OF[part] for part in reversed(parts) if part in FIELD_OF), None)
        if parts[-1] in ("template", "basic"):
            name = "inject_template"
        if any(part.startswith("more") for part in parts) or "more" in bad.reason:
            name = "inject_more"
        reason = bad.reason.partition(": ")[2] if name in ("base_url", "authorize_url") and ": " in bad.reason else ""
        self.add_error(name, _("This {what}.").format(what=reason or bad.reason))


def initial_of(provider: Provider) -> dict[str, Any]:
    """Return a description as the form shows it."""
    oauth = provider.oauth
    own = templates.host(provider.base_url)
    found = {
        "name": provider.name,
        "base_url": provider.base_url,
        "probe_path": provider.probe.path if provider.probe else "",
        "allowed_hosts": "\n".join(host for host in provider.allowed_hosts if host != own),
    }
    found |= initial_of_places(provider)
    if oauth is not None:
        found |= {name: getattr(oauth, name) for name in (*OAUTH_URLS, "issuer", *OAUTH_MORE)}
        found |= {"default_scopes": " ".join(oauth.default_scopes), "id_token_algs": " ".join(oauth.id_token_algs)}
        found |= initial_of_exchange(oauth)
    return found


def initial_from(metadata: Metadata) -> dict[str, Any]:
    """Return what an issuer says of itself as the form shows it."""
    return dict(metadata.urls) | {
        "issuer": metadata.issuer,
        "id_token_algs": " ".join(metadata.id_token_algs),
        "token_auth_method": metadata.token_auth_method,
        "requires_iss": metadata.requires_iss,
    }
