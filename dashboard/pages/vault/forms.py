"""Forms of the vault. A value typed into one is never written back into the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.forms import DayInput, PageForm
from integrations.errors import IntegrationError
from integrations.providers.injection import OWN_FIELDS, CredentialField
from integrations.providers.registry import get_provider
from secrets_vault import vault
from secrets_vault.models import Environment, StoredSecret
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    from secrets_vault.actor import Actor
    from secrets_vault.models import SecretVersion, User

Kind = StoredSecret.Kind
NOT_SHOWN = {"autocomplete": "off", "spellcheck": "false", "data-1p-ignore": "", "data-lpignore": "true"}

FIELDS_OF_KIND: dict[str, tuple[tuple[str, StrOrPromise], ...]] = {
    Kind.API_KEY: (("api_key", gettext_lazy("API key")),),
    Kind.BEARER: (("token", gettext_lazy("Bearer token")),),
    Kind.BASIC: (("username", gettext_lazy("User name")), ("password", gettext_lazy("Password"))),
    Kind.NOTE: (("note", gettext_lazy("Note")),),
    Kind.OAUTH_APP: (("client_secret", gettext_lazy("Client secret")),),
    Kind.WEBHOOK_SECRET: (("secret", gettext_lazy("Webhook secret")),),
}


class SecretInput(forms.PasswordInput):
    """One line that is not echoed and not written back."""

    def __init__(self) -> None:
        super().__init__(attrs=NOT_SHOWN | {"autocomplete": "new-password"}, render_value=False)


class SecretText(forms.Textarea):
    """Several lines that are not written back."""

    def __init__(self, rows: int = 6) -> None:
        super().__init__(attrs=NOT_SHOWN | {"rows": rows})

    def format_value(self, value: Any) -> str:
        """Return nothing, whatever was typed."""
        return ""


def value_field(name: str, label: StrOrPromise) -> forms.CharField:
    """Return the form field for one value of a secret."""
    widget: forms.Widget = SecretInput()
    if name == "note":
        widget = SecretText(rows=8)
    elif name == "username":
        widget = forms.TextInput(attrs=NOT_SHOWN)
    return forms.CharField(label=label, strip=False, widget=widget)


def owner_field() -> forms.CharField:
    """Return the field for who answers for a secret."""
    return forms.CharField(
        max_length=120, required=False, label=gettext_lazy("Owner"), help_text=gettext_lazy("Who answers for it.")
    )


def rule_field() -> forms.IntegerField:
    """Return the field for a secret's own rule of rotation."""
    return forms.IntegerField(
        min_value=1,
        max_value=730,
        required=False,
        label=gettext_lazy("Rotate after days"),
        help_text=gettext_lazy("Empty: the client's rule."),
    )


class AgeFields(PageForm):
    """When the provider made the credential. "Not known" is an answer, and counts as due now."""

    made_on = forms.DateField(
        required=False,
        label=gettext_lazy("Made on"),
        help_text=gettext_lazy("The day the provider made it, not today's."),
        widget=DayInput(),
    )
    is_age_unknown = forms.BooleanField(required=False, label=gettext_lazy("Not known"))

    def clean_made_on(self) -> date | None:
        """Return the day. A day to come is a slip."""
        made_on: date | None = self.cleaned_data["made_on"]
        if made_on and made_on > timezone.localdate():
            raise forms.ValidationError(_("This day has not come yet. When was the key made at the provider?"))
        return made_on

    def clean(self) -> dict[str, Any]:
        """Ask for a day or for "not known"."""
        data = super().clean() or {}
        if "made_on" not in self.errors and not data.get("made_on") and not data.get("is_age_unknown"):
            self.add_error("made_on", _("When was it made? If nobody knows, tick “Not known”."))
        if data.get("is_age_unknown"):
            data["made_on"] = None
        return data


class ReplaceForm(AgeFields):
    """A new version of a stored secret."""

    reason = forms.CharField(
        required=False, max_length=200, label=gettext_lazy("Why"), help_text=gettext_lazy("For the audit trail.")
    )

    def __init__(self, *args: Any, stored: StoredSecret, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored = stored
        values = _value_fields(stored)
        self.fields = {**values, **self.fields}
        self.value_names = list(values)
        self.fields["read_version"] = forms.UUIDField(
            required=False, widget=forms.HiddenInput, initial=stored.current_id
        )

    def save(self, *, actor: Actor) -> SecretVersion:
        """Store the version. Raises StaleVersion when somebody stored another one meanwhile."""
        data = self.cleaned_data
        made_on, reason, read = data["made_on"], data["reason"], data.get("read_version")
        fields = self._fields()
        if self.stored.kind == Kind.KEY_VALUE_SET:
            return vault.change_fields(
                self.stored, fields, actor=actor, reason=reason or "new values", expected_current=read
            )
        return vault.replace(self.stored, fields, actor=actor, made_on=made_on, reason=reason, expected_current=read)

    def _fields(self) -> dict[str, Secret]:
        given = {name: self.cleaned_data.get(f"value_{name}", "") for name in self.value_names_plain}
        return {name: Secret(value) for name, value in given.items() if value}

    @property
    def value_names_plain(self) -> list[str]:
        """Return the names of the values, as the vault spells them."""
        return [name.removeprefix("value_") for name in self.value_names]


def _value_fields(stored: StoredSecret) -> dict[str, forms.Field]:
    """Return one field per value. A set asks only for what changes; what stays empty stays as it is."""
    if stored.kind == Kind.KEY_VALUE_SET and stored.current is not None:
        rows = stored.current.fields.all()
        fields: dict[str, forms.Field] = {f"value_{row.name}": value_field(row.name, row.name) for row in rows}
        for field in fields.values():
            field.required = False
        return fields
    return credential_inputs(asked_for(stored))


def asked_for(stored: StoredSecret) -> list[CredentialField]:
    """Return what a new version asks for: the fields of its provider's credentials, those it has, or its kind's."""
    if stored.kind in OWN_FIELDS and stored.provider_key:
        with suppress(IntegrationError):
            return list(get_provider(stored.provider_key).fields_of(stored.kind))
    own = [CredentialField(name, str(label)) for name, label in FIELDS_OF_KIND.get(stored.kind, ())]
    if stored.kind not in OWN_FIELDS or stored.current is None:
        return own
    known = {field.name for field in own}
    names = [row.name for row in stored.current.fields.all() if row.name not in known]
    return [*own, *(CredentialField(name, name) for name in names)]


def credential_inputs(wanted: Iterable[CredentialField]) -> dict[str, forms.Field]:
    """Return one input for each value of a credential, in the provider's words."""
    found: dict[str, forms.Field] = {}
    for field in wanted:
        found[f"value_{field.name}"] = made = value_field(field.name, _(field.words))
        made.required = not field.is_optional
    return found


class SecretDetailsForm(PageForm):
    """What is known about a secret, never its value."""

    label = forms.CharField(max_length=120)
    owner_name = owner_field()
    where_used = forms.CharField(
        max_length=300,
        required=False,
        label=gettext_lazy("Where it is used"),
        help_text=gettext_lazy("Workflows, servers, people."),
    )
    rotate_after_days = rule_field()
    rotate_on = forms.DateField(required=False, label=gettext_lazy("Or on a day"), widget=DayInput())

    def __init__(self, *args: Any, stored: StoredSecret, **kwargs: Any) -> None:
        kwargs["initial"] = {name: getattr(stored, name) for name in self.base_fields}
        super().__init__(*args, **kwargs)


def places(user: User) -> list[tuple[str, str]]:
    """Return the choices "client · environment" of all a person may manage, by client."""
    rows = Environment.objects.manageable_by(user).filter(client__archived_at=None).select_related("client")
    return [(str(env.pk), f"{env.client.name} · {env.slug}") for env in rows.order_by("client__name", "position")]


def typed_fields(data: Mapping[str, Any], kind: str) -> dict[str, Secret]:
    """Return what was typed for a kind, as the vault takes it."""
    own = [name for name, _ in FIELDS_OF_KIND[kind]]
    more = [name.removeprefix("value_") for name in data if name.startswith("value_")]
    names = dict.fromkeys([*own, *more])
    return {name: Secret(data[f"value_{name}"]) for name in names if data.get(f"value_{name}")}
