"""What a person pastes to look into a JWT. Nothing of it is written back, stored or logged."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from dashboard.forms import PageForm
from dashboard.pages.vault.forms import SecretInput, SecretText
from integrations.jwt.keys import BadKey, CheckingKey, public_keys, shared_secret
from integrations.jwt.parts import MOST_CHARACTERS, NotAJWT, cut
from integrations.jwt.unreadable import no_key_sentence, sentence
from integrations.providers.templates import url_problem

WAYS = ("jwks_url", "public_key", "shared_secret")
BEARER = "bearer "


class JWTForm(PageForm):
    """A JWT, and what to check it against."""

    token = forms.CharField(
        label=gettext_lazy("The JWT"),
        max_length=4 * MOST_CHARACTERS,
        widget=SecretText(rows=6),
        help_text=gettext_lazy("Three parts with dots between. It is read here, neither kept nor shown again."),
    )
    jwks_url = forms.CharField(
        label=gettext_lazy("Address of the issuer's keys (JWKS)"),
        required=False,
        max_length=500,
        help_text=gettext_lazy("Only the address is called; the token goes nowhere."),
    )
    public_key = forms.CharField(
        label=gettext_lazy("Or a public key: JWK, JWKS or PEM"),
        required=False,
        max_length=128 * 1024,
        widget=SecretText(rows=4),
    )
    shared_secret = forms.CharField(
        label=gettext_lazy("Or the shared secret (HS256, HS384, HS512)"),
        required=False,
        max_length=4096,
        strip=False,
        widget=SecretInput(),
    )
    issuer = forms.CharField(label=gettext_lazy("Expected issuer (iss)"), required=False, max_length=500)
    audience = forms.CharField(label=gettext_lazy("Expected audience (aud)"), required=False, max_length=500)
    show_all = forms.BooleanField(
        label=gettext_lazy("Show every claim, even of a token that the vault holds"), required=False
    )

    @sensitive_variables("text")
    def clean_token(self) -> Any:
        """Return the token cut into its parts; its text is kept beside them, for the vault to compare."""
        text = "".join(str(self.cleaned_data["token"]).split())
        if text.lower().startswith(BEARER.strip()) and not text.startswith("ey"):
            text = text[len(BEARER) - 1 :]
        try:
            unverified = cut(text)
        except NotAJWT as error:
            raise forms.ValidationError(sentence(error.code, error.part)) from None
        self.text = text
        return unverified

    def clean_jwks_url(self) -> str:
        """Refuse what is no address; whether it may be called is judged when it is."""
        url = str(self.cleaned_data["jwks_url"]).strip()
        if url and url_problem(url.partition("?")[0]):
            raise forms.ValidationError(_("This is no https address."))
        return url

    def clean(self) -> dict[str, Any]:
        """Take one way to check, or none."""
        data = super().clean() or self.cleaned_data
        if sum(bool(data.get(way)) for way in WAYS) > 1:
            self.add_error(None, _("Give one thing to check the signature with: an address, a key or a shared secret."))
            return data
        self.keys: tuple[CheckingKey, ...] = ()
        for way, read in (("public_key", public_keys), ("shared_secret", lambda text: (shared_secret(text),))):
            if data.get(way):
                try:
                    self.keys = read(data[way])
                except BadKey as error:
                    self.add_error(way, no_key_sentence(error.code))
        return data
