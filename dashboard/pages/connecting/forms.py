"""The last form before a connection exists: rights, the client's own URL parts, a pasted value, or a link's terms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.forms import PageForm
from dashboard.pages.connecting.ways import ASK, LINK, NOW
from dashboard.pages.vault.forms import AgeFields, credential_inputs, owner_field, rule_field, typed_fields
from integrations.links.words import catalogues
from integrations.providers.registry import Warned, warnings_for
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from integrations.models import OAuthApp
    from integrations.providers.injection import CredentialField
    from integrations.providers.parts import Variable
    from integrations.providers.shape import Provider
    from secrets_vault.models import Environment, User

DAYS = [
    ("1", gettext_lazy("24 hours, one use")),
    ("3", gettext_lazy("3 days, one use")),
    ("7", gettext_lazy("7 days, one use")),
]


class LinkTerms(PageForm):
    """How long a link works, in which language, whom to mail it to, and whether to remind them."""

    days = forms.ChoiceField(label=gettext_lazy("Link works for"), choices=DAYS, initial="3")
    sent_to = forms.EmailField(
        label=gettext_lazy("Send to"),
        required=False,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("The client's address. Left empty, you copy the link and send it yourself."),
    )
    reminds = forms.BooleanField(
        label=gettext_lazy("Remind the client every two days, three times at most"),
        required=False,
        initial=True,
        help_text=gettext_lazy("Only when the link is mailed from here, and only while something is open."),
    )
    language = forms.ChoiceField(label=gettext_lazy("Language of the page"), choices=[])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        languages = [(code, words["language"]) for code, words in catalogues().items()]
        self.fields["language"].choices = languages  # type: ignore[attr-defined]


class NewConnection(PageForm):
    """What every way in asks: a name, the URL parts that differ from account to account, the expected account."""

    label = forms.CharField(
        max_length=120,
        required=False,
        label=gettext_lazy("Name"),
        help_text=gettext_lazy("Left empty, its address names it."),
    )
    expected_account_id = forms.CharField(max_length=200, required=False)

    def __init__(self, *args: Any, provider: Provider, place: Environment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.provider, self.place = provider, place
        self.beside: tuple[CredentialField, ...] = ()
        self.asked = [variable for variable in provider.variables if variable.source == "form"]
        for variable in self.asked:
            self.fields[f"var_{variable.name}"] = _variable_field(variable)
        account = self.fields["expected_account_id"]
        account.label = _("Expected {account}").format(account=_(provider.identity.words))
        account.help_text = _("Its id, when you know it. Another one is noticed before anything is saved.")
        self.order_fields([f"var_{variable.name}" for variable in self.asked])

    def clean(self) -> dict[str, Any]:
        """Say at its own field which part does not look like one."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        for variable in self.asked:
            if raw := data.get(f"var_{variable.name}"):
                try:
                    variable.read(raw)
                except ValueError:
                    said = _("This does not look like {label}, for example {example}.")
                    words = said if variable.example else _("This does not look like {label}.")
                    words = words.format(label=_(variable.label) or variable.name, example=variable.example)
                    self.add_error(f"var_{variable.name}", words)
        return data

    def ask_beside(self, kind: str) -> None:
        """Ask for what a call carries beside the token that this kind of connection gets (Google Ads)."""
        self.beside = self.provider.fields_beside(kind)
        values = credential_inputs(self.beside)
        self.fields = {**values, **self.fields}

    def values_beside(self) -> dict[str, Secret]:
        """Return what was typed of it."""
        typed = {field.name: self.cleaned_data.get(f"value_{field.name}") for field in self.beside}
        return {name: Secret(text) for name, text in typed.items() if text}

    def own_fields(self) -> list[forms.BoundField]:
        """Return the fields about the connection itself: not its rights, not the terms of a link."""
        return [field for field in self.visible_fields() if field.name not in ("scopes", *LinkTerms.base_fields)]

    def variables(self) -> dict[str, str]:
        """Return the URL parts that were given."""
        data = self.cleaned_data
        return {v.name: data[f"var_{v.name}"] for v in self.asked if data.get(f"var_{v.name}")}


def _variable_field(variable: Variable) -> forms.CharField:
    return forms.CharField(
        label=_(variable.label) if variable.label else variable.name,
        max_length=200,
        initial=variable.default,
        required=not variable.is_optional and not variable.default,
        help_text=_("For example {example}.").format(example=variable.example) if variable.example else "",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class OAuthConnection(NewConnection):
    """The rights to ask for. An app's required scopes are always asked for, so they cannot be unticked."""

    scopes = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, app: OAuthApp, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.app = app
        assert self.provider.oauth is not None  # noqa: S101 - for the type checker; the caller looked
        defaults = self.provider.oauth.default_scopes
        has_scopes = bool(app.required_scopes or app.optional_scopes)
        self.required = list(app.required_scopes) if has_scopes else list(defaults)
        self.optional = [scope for scope in app.optional_scopes if scope not in app.required_scopes]
        field = self.fields["scopes"]
        field.choices = [(scope, self.provider.words_for_scope(scope)) for scope in self.optional]  # type: ignore[attr-defined]
        field.initial = [scope for scope in self.optional if scope in defaults]

    def rights(self) -> list[dict[str, Any]]:
        """Return the rights as rows: the scope, its words, whether it is fixed, whether it is ticked."""
        chosen = self["scopes"].value() or []
        fixed = [self._right(scope, is_fixed=True, is_ticked=True) for scope in self.required]
        return fixed + [self._right(scope, is_fixed=False, is_ticked=scope in chosen) for scope in self.optional]

    def _right(self, scope: str, *, is_fixed: bool, is_ticked: bool) -> dict[str, Any]:
        words = self.provider.words_for_scope(scope)
        return {
            "scope": scope,
            "words": words,
            "is_plain": words != scope,
            "is_fixed": is_fixed,
            "is_ticked": is_ticked,
        }

    def requested(self) -> list[str]:
        """Return every scope that the consent will ask for."""
        return [*self.required, *self.cleaned_data["scopes"]]


class LinkedConnection(OAuthConnection, LinkTerms):
    """The rights, and the terms of the link that asks for them."""

    def link_fields(self) -> list[forms.BoundField]:
        """Return the fields of the link."""
        return [self[name] for name in LinkTerms.base_fields]


class StoredConnection(AgeFields, NewConnection):
    """A connection by something that is kept here: how old that is, whose, and where else it is used."""

    owner_name = owner_field()
    where_used = forms.CharField(max_length=300, required=False, label=gettext_lazy("Where it is used already"))
    rotate_after_days = rule_field()

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["owner_name"].initial = user.name

    def about(self) -> dict[str, Any]:
        """Return what is known about it."""
        return {name: self.cleaned_data[name] for name in ("made_on", "owner_name", "where_used", "rotate_after_days")}


class PastedConnection(StoredConnection):
    """A credential that the consultant already has."""

    is_warned = forms.BooleanField(
        required=False, label=gettext_lazy("Store it all the same"), widget=forms.HiddenInput
    )

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        self.warned: list[Warned] = []
        values = credential_inputs(self.provider.fields_of(kind))
        self.fields.update(values)
        parts = [f"var_{variable.name}" for variable in self.asked]
        needed = [name for name in parts if self.fields[name].required]
        first = ["is_warned", "made_on", "is_age_unknown", "owner_name", "where_used", "label"]
        self.order_fields([*needed, *values, *first, *parts])

    def clean(self) -> dict[str, Any]:
        """Warn once of what looks wrong; the person decides."""
        data = super().clean()
        given = self.values().items()
        found = [warnings_for(self.provider, value, self.place, field=name) for name, value in given]
        self.warned = [warned for some in found for warned in some]
        if self.warned and not data.get("is_warned") and not self.errors:
            self.add_error("is_warned", _("Read the warning. Paste the value once more: it is never written back."))
        if self.warned:
            self.fields["is_warned"].widget = forms.CheckboxInput()
        return data

    def values(self) -> dict[str, Secret]:
        """Return what was pasted, as the vault takes it."""
        return typed_fields(self.cleaned_data, self.kind)


class AskedConnection(NewConnection):
    """A connection whose credential the client will hand over; they may also say the parts of its URLs."""

    def __init__(self, *args: Any, user: User, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind.removeprefix(ASK)
        for variable in self.asked:
            field = self.fields[f"var_{variable.name}"]
            field.required = False
            field.help_text = _("{hint} Left empty, the client is asked for it.").format(hint=field.help_text).strip()


def form_for(way: str) -> type[NewConnection]:
    """Return the form that a way in needs."""
    if way.startswith(ASK):
        return AskedConnection
    return {NOW: OAuthConnection, LINK: LinkedConnection}.get(way, PastedConnection)
