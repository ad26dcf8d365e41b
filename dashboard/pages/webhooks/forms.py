"""Forms of an endpoint. A secret typed into one is never written back into the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from dashboard.forms import PageForm
from dashboard.pages.vault.forms import AgeFields, SecretInput, places
from dashboard.pages.webhooks.schemes import brings_secret, needs_secret
from integrations.models import WebhookEndpoint
from integrations.webhooks import targets
from integrations.webhooks.endpoints import NO_VERIFICATION
from integrations.webhooks.making import CannotMakeEndpoint, checked_slug
from integrations.webhooks.schemes.shape import CUSTOM
from secrets_vault.models import Environment
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    from integrations.webhooks.schemes.shape import Scheme
    from secrets_vault.models import User

LONGEST_SECRET = 8192
LATER = gettext_noop(
    "Many vendors show it only after they were given the address: leave it empty then and paste it later."
)
PLAIN = {"autocomplete": "off", "spellcheck": "false"}


def secret_field(label: StrOrPromise, *, help_text: StrOrPromise = "", required: bool = True) -> forms.CharField:
    """Return the field for what a vendor signs with. Public keys are long, so one line is as good as several."""
    return forms.CharField(
        label=label,
        required=required,
        strip=False,
        max_length=LONGEST_SECRET,
        widget=SecretInput(),
        help_text=help_text,
    )


def url_field(*, required: bool) -> forms.CharField:
    """Return the field for the address of a target. It is a capability: typed once, then sealed."""
    return forms.CharField(
        label=gettext_lazy("Hand events on to"),
        required=required,
        max_length=2000,
        widget=forms.TextInput(attrs=PLAIN | {"class": "mono", "inputmode": "url", "placeholder": "https://…"}),
        help_text=gettext_lazy("The address of a webhook in n8n, Make or your own server. It is stored encrypted."),
    )


def clean_url(form: PageForm, name: str) -> Secret | None:
    """Return the typed address as it will be sealed; put what is wrong with it at its field. Its host is looked up."""
    typed = form.cleaned_data.get(name, "")
    if not typed:
        return None
    url = Secret(typed)
    try:
        targets.check_url(url)
    except targets.CannotForward as cannot:
        form.add_error(name, str(cannot))
        return None
    return url


class NewEndpoint(AgeFields):
    """An endpoint of one scheme: whose it is, its address, its secret, and a first target."""

    place = forms.ChoiceField(label=gettext_lazy("Client and environment"))
    name = forms.CharField(
        max_length=120, required=False, help_text=gettext_lazy("What you call it, as in “Shop orders”.")
    )
    slug = forms.CharField(
        label=gettext_lazy("Last part of its address"),
        max_length=80,
        required=False,
        widget=forms.TextInput(attrs=PLAIN | {"class": "mono"}),
        help_text=gettext_lazy("It never changes. Left empty, the client and the vendor name it."),
    )
    target_url = url_field(required=False)
    target_name = forms.CharField(label=gettext_lazy("Name of the target"), max_length=120, required=False)
    is_unverified_wanted = forms.BooleanField(
        label=gettext_lazy("I know that whoever learns the address can send events, and want that"), required=False
    )

    def __init__(self, *args: Any, user: User, scheme: Scheme | None, scheme_key: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user, self.scheme, self.scheme_key = user, scheme, scheme_key
        self.fields["place"].choices = places(user)  # type: ignore[attr-defined]
        if scheme_key == CUSTOM or (needs_secret(scheme) and not brings_secret(scheme)):
            self.fields["secret"] = secret_field(_("Signing secret"), help_text=_(LATER), required=False)
        else:
            del self.fields["made_on"], self.fields["is_age_unknown"]
        if scheme_key != NO_VERIFICATION:
            del self.fields["is_unverified_wanted"]
        first = ["place", "name", "slug", "is_unverified_wanted", "secret", "made_on", "is_age_unknown"]
        self.order_fields([*first, "target_url", "target_name"])

    def clean(self) -> dict[str, Any]:
        """Ask how old the secret is only where there is one; settle the address."""
        data = super().clean() if "made_on" in self.fields else PageForm.clean(self) or {}
        if "secret" in self.fields and not data.get("secret"):
            self.errors.pop("made_on", None)
        if self.scheme_key == NO_VERIFICATION and not data.get("is_unverified_wanted"):
            self.add_error("is_unverified_wanted", _("Tick this, or choose a scheme that verifies."))
        self.url = clean_url(self, "target_url")
        if not self.errors:
            self._settle_slug(data)
        return data

    def _settle_slug(self, data: dict[str, Any]) -> None:
        place = self.environment()
        if place is None:
            self.add_error("place", _("Choose a client and environment."))
            return
        data["slug"] = data.get("slug") or free_slug(f"{place.client.slug}-{slugify(self.scheme_key)}")
        try:
            checked_slug(data["slug"])
        except CannotMakeEndpoint as cannot:
            self.add_error("slug", str(cannot).capitalize() + ".")

    def environment(self) -> Environment | None:
        """Return the chosen environment, looked up among those this person may manage."""
        rows = Environment.objects.manageable_by(self.user).filter(client__archived_at=None).select_related("client")
        chosen = self.cleaned_data.get("place")
        return rows.filter(pk=chosen).first() if chosen else None

    def secret(self) -> Secret | None:
        """Return what was pasted, as the vault takes it."""
        typed = self.cleaned_data.get("secret", "").strip()
        return Secret(typed) if typed else None


def free_slug(wanted: str) -> str:
    """Return the wanted slug, or it with the first number that is free."""
    base = wanted[:70].strip("-_") or "webhook"
    taken = set(WebhookEndpoint.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    names = [base, *(f"{base}-{number}" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)
