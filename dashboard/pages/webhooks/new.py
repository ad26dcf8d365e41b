"""A new endpoint: which vendor signs, then whose it is, its address, its secret, its first target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from dashboard.pages.connecting.list import can_add
from dashboard.pages.webhooks.custom_form import CustomForm
from dashboard.pages.webhooks.forms import NewEndpoint
from dashboard.pages.webhooks.looking import to_settings
from dashboard.pages.webhooks.schemes import facts_of, found_schemes, logo_key, scheme_name
from dashboard.render import PageRequest, actor_of, render_page
from integrations.webhooks.endpoints import NO_VERIFICATION
from integrations.webhooks.making import CannotMakeEndpoint, add_target, create_endpoint
from integrations.webhooks.schemes.registry import UnknownScheme, get_scheme
from integrations.webhooks.schemes.shape import CUSTOM
from secrets_vault.errors import VaultError

if TYPE_CHECKING:
    from django.http import HttpResponse

    from integrations.models import WebhookEndpoint
    from integrations.webhooks.schemes.shape import Scheme


@sensitive_post_parameters()
@sensitive_variables("form")
@login_required
def new(request: PageRequest) -> HttpResponse:
    """Let a vendor be picked; show its form, and make the endpoint that it describes."""
    if not can_add(request.user):
        raise Http404
    key = request.GET.get("scheme", "")
    if not key:
        return _picker(request)
    custom = CustomForm(request.POST if request.method == "POST" else None) if key == CUSTOM else None
    if custom is not None and custom.is_bound:
        custom.is_valid()
    scheme = custom.scheme if custom else _scheme(key)
    form = NewEndpoint(
        request.POST if request.method == "POST" else None,
        user=request.user,
        scheme=scheme,
        scheme_key=key,
        initial={"place": request.GET.get("environment", "")},
    )
    if request.method == "POST" and form.is_valid() and (custom is None or scheme is not None):
        endpoint = _made(request, form, custom.parameters if custom else None)
        if endpoint is not None:
            return to_settings(endpoint)
    return _form_page(request, form, scheme, custom=custom)


def _picker(request: PageRequest) -> HttpResponse:
    text = request.GET.get("q", "")[:100]
    found = found_schemes(text)
    tiles = [(scheme, logo_key(scheme.key), _tile_words(scheme)) for scheme in found]
    context = {"tiles": tiles, "q": text, "count": len(found), "environment": request.GET.get("environment", "")}
    return render_page(request, "dashboard/webhooks/picker.html", context, part="tiles")


def _tile_words(scheme: Scheme) -> str:
    """Return what the picker says of a scheme under its name: how it signs."""
    kinds = {proof.kind for proof in scheme.proofs}
    words = {
        "equality": _("shared secret, sent along"),
        "ed25519": "Ed25519",
        "ecdsa_p256": "ECDSA",
        "rsa": "RSA",
        "function": _("signature"),
        "digest": _("digest"),
    }
    hashes = dict.fromkeys(f"HMAC {proof.hash.upper()}" for proof in scheme.proofs if proof.kind == "hmac")
    return " · ".join([*hashes, *(words[kind] for kind in sorted(kinds) if kind in words)])


def _scheme(key: str) -> Scheme | None:
    if key == NO_VERIFICATION:
        return None
    try:
        return get_scheme(key)
    except UnknownScheme:
        raise Http404 from None


def _form_page(
    request: PageRequest, form: NewEndpoint, scheme: Scheme | None, *, custom: CustomForm | None
) -> HttpResponse:
    context = {
        "form": form,
        "custom": custom,
        "scheme": scheme,
        "scheme_key": form.scheme_key,
        "scheme_name": scheme_name(form.scheme_key),
        "logo_key": logo_key(form.scheme_key),
        "facts": facts_of(scheme) if scheme else [],
        "has_place": bool(form.fields["place"].choices),  # type: ignore[attr-defined]
        "address_start": f"{settings.KEYLODGE_PUBLIC_URL}/hooks/",
        "is_https": settings.IS_HTTPS,
    }
    return render_page(request, "dashboard/webhooks/new.html", context, status=422 if form.is_bound else 200)


@sensitive_variables("secret")
def _made(request: PageRequest, form: NewEndpoint, parameters: dict[str, Any] | None) -> WebhookEndpoint | None:
    """Make the endpoint, or put what is wrong at its field and return None."""
    data, place, secret = form.cleaned_data, form.environment(), form.secret()
    if place is None:
        return None
    actor, now = actor_of(request), timezone.now()
    try:
        with transaction.atomic():
            endpoint = create_endpoint(
                place.client,
                place,
                slug=data["slug"],
                scheme_key=form.scheme_key,
                custom=parameters,
                name=data["name"],
                secret=secret,
                made_on=data.get("made_on"),
                is_verified_required=form.scheme_key != NO_VERIFICATION,
                actor=actor,
                now=now,
            )
            if form.url is not None:
                add_target(endpoint, form.url, name=data["target_name"], actor=actor, now=now)
    except CannotMakeEndpoint as cannot:
        form.add_error(cannot.field if cannot.field in form.fields else None, _sentence(str(cannot)))
        return None
    except VaultError as refused:
        form.add_error(None, str(refused))
        return None
    messages.success(request, _("{name} is made. Give the vendor its address.").format(name=endpoint))
    return endpoint


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")
