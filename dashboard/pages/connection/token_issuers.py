"""Whose JWTs open a gateway token: trusted, changed and ended on pages of the token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from dashboard.forms import PageForm
from dashboard.pages.client import tabs_for
from dashboard.pages.connection.tokens import back_to_tokens, manageable_token
from dashboard.render import PageRequest, actor_of, render_page
from integrations import trusted_issuers
from integrations.jwt.keys import ASYMMETRIC
from integrations.models import GatewayToken, TrustedIssuer
from integrations.oauth.discovery import DiscoveryFailed, jwks_address
from integrations.trusted_issuers import BadIssuer, Terms
from secrets_vault.people.step_up import step_up_required

if TYPE_CHECKING:
    from django.http import HttpResponse

MONO = {"class": "mono", "spellcheck": "false"}


class IssuerForm(PageForm):
    """An issuer, and what its JWTs must say."""

    issuer = forms.CharField(
        label=gettext_lazy("Issuer (iss)"),
        max_length=500,
        widget=forms.TextInput(attrs=MONO | {"placeholder": "https://token.actions.githubusercontent.com"}),
        help_text=gettext_lazy("Exactly as its tokens say it."),
    )
    audience = forms.CharField(
        label=gettext_lazy("Audience (aud)"),
        max_length=500,
        widget=forms.TextInput(attrs=MONO),
        help_text=gettext_lazy("What the automation asks its issuer for. One of its own keeps other tokens away."),
    )
    claims = forms.CharField(
        label=gettext_lazy("Claims that must match"),
        max_length=4000,
        widget=forms.Textarea(attrs=MONO | {"rows": 3, "placeholder": "sub = repo:acme/site:ref:refs/heads/main"}),
        help_text=gettext_lazy("One to a line; * stands for anything. An issuer may sign for strangers, too."),
    )
    jwks_url = forms.CharField(
        label=gettext_lazy("Address of the issuer's keys (JWKS)"),
        required=False,
        max_length=500,
        widget=forms.TextInput(attrs=MONO),
    )
    keys_text = forms.CharField(
        label=gettext_lazy("Or its public keys: JWK, JWKS or PEM"),
        required=False,
        max_length=128 * 1024,
        widget=forms.Textarea(attrs=MONO | {"rows": 3}),
    )
    algs = forms.MultipleChoiceField(
        label=gettext_lazy("Signed by"),
        choices=[(alg, alg) for alg in ASYMMETRIC],
        widget=forms.CheckboxSelectMultiple(attrs={"class": "few-letters"}),
        initial=["RS256"],
    )

    def terms(self) -> Terms:
        """Return what was typed, with the claims cut into names and patterns. Raises BadIssuer."""
        data = self.cleaned_data
        return Terms(
            issuer=data["issuer"],
            audience=data["audience"],
            algs=data["algs"],
            claims=_claims(data["claims"]),
            jwks_url=data["jwks_url"],
            keys_text=data["keys_text"],
        )


def _claims(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, equals, pattern = line.partition("=")
        if not equals or name.strip() in found:
            raise BadIssuer("claims", _("One claim to a line, as in sub = repo:acme/site:*"))
        found[name.strip()] = pattern.strip()
    return found


@login_required
@step_up_required
def new(request: PageRequest, pk: UUID) -> HttpResponse:
    """Let an issuer's JWTs open a gateway token."""
    token = manageable_token(request, pk)
    if token.revoked_at is not None:
        messages.error(request, _("{name} is revoked and cannot be changed. Make a new token.").format(name=token.name))
        return back_to_tokens(token)
    if request.method == "POST" and "discover" in request.POST:
        return _discovered(request, token)
    form = IssuerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            trusted_issuers.trust(token, form.terms(), actor=actor_of(request))
        except BadIssuer as bad:
            form.add_error(bad.field, str(bad))
        else:
            return _done(request, token, _("Its JWTs open {name} from the next call on.").format(name=token.name))
    return _page(request, token, form)


@login_required
@step_up_required
def change(request: PageRequest, pk: UUID) -> HttpResponse:
    """Change what an issuer's JWTs must say."""
    row = _manageable(request, pk)
    if request.method == "POST" and "discover" in request.POST:
        return _discovered(request, row.token, issuer=row)
    form = IssuerForm(request.POST or None, initial=_as_it_is(row))
    if request.method == "POST" and form.is_valid():
        try:
            trusted_issuers.change(row, form.terms(), actor=actor_of(request))
        except BadIssuer as bad:
            form.add_error(bad.field, str(bad))
        else:
            return _done(request, row.token, _("Saved. It holds from the next call."))
    return _page(request, row.token, form, issuer=row)


@login_required
@require_POST
def remove(request: PageRequest, pk: UUID) -> HttpResponse:
    """Trust an issuer no longer. Twice is once."""
    token = manageable_token(request, pk)
    chosen = request.POST.get("issuer", "")
    for row in token.issuers.all():
        if str(row.pk) == chosen:
            trusted_issuers.end(row, actor=actor_of(request))
    return _done(request, token, _("Its JWTs are refused from now on."))


def _discovered(request: PageRequest, token: GatewayToken, *, issuer: TrustedIssuer | None = None) -> HttpResponse:
    """Show the form as it was typed, with the address of the keys as the issuer names it. Nothing is stored yet."""
    typed: dict[str, Any] = {name: request.POST.get(name, "").strip() for name in IssuerForm.base_fields}
    typed["algs"] = request.POST.getlist("algs")
    found: dict[str, Any] = {}
    try:
        typed["jwks_url"] = jwks_address(typed["issuer"])
    except DiscoveryFailed as failed:
        found = {"discovery_failed": failed.reason}
    else:
        found = {"discovered": typed["issuer"]}
    return _page(request, token, IssuerForm(None, initial=typed), issuer=issuer, **found)


def _manageable(request: PageRequest, pk: UUID) -> TrustedIssuer:
    rows = TrustedIssuer.objects.manageable_by(request.user).select_related("token__client")
    row: TrustedIssuer = get_object_or_404(rows, pk=pk)
    return row


def _as_it_is(row: TrustedIssuer) -> dict[str, Any]:
    claims = "\n".join(f"{name} = {pattern}" for name, pattern in row.claims.items())
    kept = {"issuer": row.issuer, "audience": row.audience, "jwks_url": row.jwks_url, "algs": row.algs}
    return kept | {"claims": claims}


def _done(request: PageRequest, token: GatewayToken, words: str) -> HttpResponse:
    messages.success(request, words)
    return HttpResponseRedirect(reverse("dashboard:token_change", args=[token.pk]))


def _page(
    request: PageRequest, token: GatewayToken, form: IssuerForm, *, issuer: TrustedIssuer | None = None, **found: Any
) -> HttpResponse:
    context = tabs_for(token.client, request.user, "client_tokens") | {"form": form, "token": token, "issuer": issuer}
    context |= found
    return render_page(request, "dashboard/connection/token_issuer.html", context, status=422 if form.is_bound else 200)
