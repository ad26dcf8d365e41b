"""Storing a secret: its kind, whose it is, when it was made; and trying it before it is called good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from dashboard.pages.vault.forms import (
    FIELDS_OF_KIND,
    AgeFields,
    Kind,
    credential_inputs,
    owner_field,
    places,
    rule_field,
    typed_fields,
    value_field,
)
from dashboard.render import PageRequest, actor_of, render_page
from integrations import connections
from integrations.errors import IntegrationError
from integrations.providers.registry import Warned, all_providers, get_provider, guess_by_value, warnings_for
from secrets_vault import recovery_kit, vault
from secrets_vault.errors import VaultError
from secrets_vault.models import Environment, StoredSecret
from secrets_vault.people.passwords import has_second_factor
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from integrations.models import Connection
    from secrets_vault.actor import Actor
    from secrets_vault.models import User

TABS = (
    (Kind.API_KEY, gettext_lazy("API key")),
    (Kind.BEARER, gettext_lazy("Bearer token")),
    (Kind.BASIC, gettext_lazy("User and password")),
    (Kind.NOTE, gettext_lazy("Note")),
    (Kind.ELSEWHERE, gettext_lazy("Kept elsewhere")),
)
CALLABLE = (Kind.API_KEY, Kind.BEARER, Kind.BASIC)


class NewSecret(AgeFields):
    """One secret of one client and environment."""

    place = forms.ChoiceField(label=gettext_lazy("Client and environment"))
    provider_key = forms.ChoiceField(label=gettext_lazy("Provider"), required=False)
    label = forms.CharField(
        max_length=120, required=False, help_text=gettext_lazy("Empty: the provider's name and the kind.")
    )
    owner_name = owner_field()
    where_used = forms.CharField(max_length=300, required=False, label=gettext_lazy("Where it is used"))
    rotate_after_days = rule_field()

    def __init__(self, *args: Any, user: User, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind, self.user = kind, user
        self.fields["place"].choices = places(user)  # type: ignore[attr-defined]
        providers = [(p.key, p.name) for p in all_providers() if kind not in CALLABLE or kind in p.kinds]
        self.fields["provider_key"].choices = [("", _("None, or another")), *providers]  # type: ignore[attr-defined]
        self.fields["owner_name"].initial = user.name
        self.fields.update(self._values(kind))
        if kind == Kind.ELSEWHERE:
            place_help = _("Make, Zapier, a password manager, AWS …")
            self.fields["elsewhere_place"] = forms.CharField(max_length=120, label=_("Kept in"), help_text=place_help)
            self.fields["elsewhere_url"] = forms.URLField(max_length=500, required=False, label=_("Link to it there"))
        if kind in CALLABLE:
            self.fields["is_callable"] = forms.BooleanField(
                required=False,
                initial=True,
                label=_("Try it now, and let automations call the provider with it through the gateway"),
            )
        if kind in CALLABLE and self.is_bound:  # nobody has been warned of an empty form
            self.fields["is_warned"] = forms.BooleanField(required=False, label=_("Store it all the same"))
        self.order_fields(self._order())

    def _values(self, kind: str) -> dict[str, forms.Field]:
        """Return an input for each value: the provider's own, where one is chosen that wants more than the kind has."""
        key = self.data.get("provider_key", "") if self.is_bound else self.initial.get("provider_key", "")
        chosen = next((each for each in all_providers() if each.key == key), None) if kind in CALLABLE else None
        if chosen is None or kind not in chosen.injections:
            return {f"value_{name}": value_field(name, label) for name, label in FIELDS_OF_KIND.get(kind, ())}
        inputs = credential_inputs(chosen.fields_of(kind))
        own = {f"value_{name}" for name, _label in FIELDS_OF_KIND[kind]}
        for name, field in inputs.items():
            if name not in own:
                words = _("{name} wants this too. Paste each value once more: none is written back.")
                field.error_messages["required"] = words.format(name=chosen.name)
        return inputs

    def _order(self) -> list[str]:
        values = [name for name in self.fields if name.startswith("value_")]
        first = ["place", "provider_key", *values, "is_warned", "elsewhere_place", "elsewhere_url", "label"]
        return [*first, "made_on", "is_age_unknown", "owner_name", "where_used", "rotate_after_days", "is_callable"]

    def clean(self) -> dict[str, Any]:
        """Warn once of what looks wrong; the person decides."""
        data = super().clean()
        self.warned = self._warnings(data)
        if self.warned and not data.get("is_warned") and not self.errors:
            self.add_error("is_warned", _("Read the warning. Paste the value once more: it is never written back."))
        return data

    def _warnings(self, data: dict[str, Any]) -> list[Warned]:
        provider_key, environment = data.get("provider_key"), self.environment()
        if not provider_key:
            return []
        found: list[Warned] = []
        for value in typed_fields(data, self.kind).values() if self.kind in CALLABLE else ():
            found += warnings_for(get_provider(provider_key), value, environment)
        return found

    def environment(self) -> Environment | None:
        """Return the chosen environment, looked up among those this person may manage."""
        chosen = self.cleaned_data.get("place")
        rows = Environment.objects.manageable_by(self.user).select_related("client")
        return rows.filter(pk=chosen).first() if chosen else None


def new(request: PageRequest) -> HttpResponse:
    """Show the form of a kind, and store what it says."""
    kind = request.GET.get("kind", Kind.API_KEY)
    if kind not in dict(TABS):
        kind = Kind.API_KEY
    form = NewSecret(request.POST or None, user=request.user, kind=kind, initial=_initial(request))
    if request.method == "POST" and form.is_valid():
        try:
            return _store(request, form)
        except (VaultError, IntegrationError) as refused:
            form.add_error(None, str(refused))
    context = {"form": form, "kind": kind, "tabs": TABS, "has_place": bool(form.fields["place"].choices)}  # type: ignore[attr-defined]
    return render_page(request, "dashboard/vault/new.html", context, status=422 if form.is_bound else 200)


def _initial(request: PageRequest) -> dict[str, str]:
    """Preselect what the address names: `?environment=<id>&provider=<key>`."""
    return {"place": request.GET.get("environment", ""), "provider_key": request.GET.get("provider", "")}


def _store(request: PageRequest, form: NewSecret) -> HttpResponse:
    data, actor = form.cleaned_data, actor_of(request)
    environment = form.environment()
    if environment is None:
        raise IntegrationError(_("Choose a client and environment."))
    about = {name: data[name] for name in ("owner_name", "where_used", "rotate_after_days", "made_on")}
    if form.kind == Kind.ELSEWHERE:
        stored = _store_elsewhere(form, environment, actor=actor, about=about)
    elif data.get("is_callable") and data["provider_key"]:
        return _store_and_try(request, form, environment, actor=actor, about=about)
    else:
        stored = vault.store(
            actor=actor,
            client=environment.client,
            environment=environment,
            kind=form.kind,
            label=_label(form),
            fields=typed_fields(data, form.kind),
            provider_key=data["provider_key"],
            **about,
        )
    messages.success(request, _("{label} is stored.").format(label=stored.label))
    return _see(request, stored)


def _store_elsewhere(form: NewSecret, environment: Environment, *, actor: Actor, about: dict[str, Any]) -> StoredSecret:
    data = form.cleaned_data
    return vault.store_elsewhere(
        actor=actor,
        client=environment.client,
        environment=environment,
        label=_label(form),
        place=data["elsewhere_place"],
        url=data["elsewhere_url"],
        provider_key=data["provider_key"],
        **about,
    )


def _store_and_try(
    request: PageRequest, form: NewSecret, environment: Environment, *, actor: Actor, about: dict[str, Any]
) -> HttpResponse:
    """Make the connection, store its credential, and try it with the provider's cheapest call."""
    now, data = timezone.now(), form.cleaned_data
    with transaction.atomic():
        connection = connections.create_connection(
            environment.client,
            environment,
            provider_key=data["provider_key"],
            kind=form.kind,
            label=data["label"],
            actor=actor,
            now=now,
        )
        stored = connections.connect_key(connection, typed_fields(data, form.kind), actor=actor, now=now, **about)
    _tell(request, connection, connections.probe(connection, actor=actor, now=now))
    return _see(request, stored)


def _tell(request: PageRequest, connection: Connection, result: connections.ProbeResult) -> None:
    say = messages.success if result.is_good else messages.warning
    say(request, _("Stored, and tried with a harmless call: {sentence}").format(sentence=result.sentence))


def _label(form: NewSecret) -> str:
    given, key = form.cleaned_data["label"], form.cleaned_data["provider_key"]
    kind = str(dict(TABS)[StoredSecret.Kind(form.kind)])
    return str(given) or (f"{get_provider(key).name} {kind}" if key else kind)


def _see(request: PageRequest, stored: StoredSecret) -> HttpResponse:
    """Show the secret; at the first of a production environment, say what protects it."""
    if stored.environment and stored.environment.is_production:
        _urge(request)
    return HttpResponseRedirect(reverse("dashboard:secret", args=[stored.pk]))


def _urge(request: PageRequest) -> None:
    """Offer the recovery kit until somebody took it, and a second factor until there is one."""
    if request.user.is_owner and not recovery_kit.was_made():
        messages.info(request, _("Take the recovery kit now (Settings, Backup): without it no backup opens."))
    if not has_second_factor(request.user):
        messages.warning(request, _("Your password alone opens this. Add a passkey under Settings, Signing in."))


@require_POST
def check(request: PageRequest) -> HttpResponse:
    """Say what a pasted value looks like, before it is stored. Nothing of it is kept or written back."""
    typed = next((str(v) for k, v in request.POST.items() if k.startswith("value_") and v), "")
    form = NewSecret(request.POST, user=request.user, kind=request.GET.get("kind", Kind.API_KEY))
    form.is_valid()
    guesses = guess_by_value(Secret(typed))[:3] if typed else []
    chosen = request.POST.get("provider_key", "")
    context = {
        "warned": getattr(form, "warned", []),
        "guesses": [(guess, get_provider(guess.provider_key)) for guess in guesses],
        "chosen": chosen,
        "is_other": bool(chosen) and bool(guesses) and all(guess.provider_key != chosen for guess in guesses),
    }
    return render_page(request, "dashboard/vault/check.html", context)
