"""One endpoint's settings: its address and what to do at the vendor, its secret, its targets, its limits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from dashboard.pages.webhooks.glance import glance_of
from dashboard.pages.webhooks.looking import manageable_endpoint, to_settings
from dashboard.pages.webhooks.schemes import brings_secret, facts_of, needs_secret, scheme_name
from dashboard.pages.webhooks.settings_form import SettingsForm
from dashboard.pages.webhooks.state import rows_of
from dashboard.render import PageRequest, actor_of, render_page, wants_part
from integrations.models import WebhookEndpoint
from integrations.webhooks.endpoints import scheme_of
from integrations.webhooks.filters import describe
from integrations.webhooks.making import CannotMakeEndpoint, change_endpoint
from secrets_vault.models import SecretVersion

if TYPE_CHECKING:
    from django.http import HttpResponse

    from integrations.webhooks.schemes.shape import Scheme


@dataclass(frozen=True)
class Step:
    """One thing to do at the vendor, in a sentence."""

    text: str
    is_done: bool = False


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def endpoint_settings(request: PageRequest, slug: str) -> HttpResponse:
    """Show everything that is set at an endpoint, and change it."""
    endpoint = manageable_endpoint(request, slug)
    scheme = scheme_of(endpoint)
    form = SettingsForm(request.POST if request.method == "POST" else None, endpoint=endpoint, scheme=scheme)
    if request.method == "POST" and form.is_valid() and _changed(request, endpoint, form):
        return to_settings(endpoint)
    now = timezone.now()
    context = pairing_of(endpoint, scheme, now=now)
    if not wants_part(request):  # the part is asked for every few seconds while somebody pairs
        context |= page_of_settings(endpoint, scheme, now=now) | {"form": form}
    return render_page(
        request, "dashboard/webhooks/settings.html", context, part="pairing", status=422 if form.is_bound else 200
    )


def _changed(request: PageRequest, endpoint: WebhookEndpoint, form: SettingsForm) -> bool:
    try:
        changed = change_endpoint(endpoint, actor=actor_of(request), **form.changes())
    except CannotMakeEndpoint as cannot:
        form.add_error(cannot.field if cannot.field in form.fields else None, str(cannot))
        return False
    messages.success(request, _("Saved. It holds from the next request on.") if changed else _("Nothing was changed."))
    return True


def pairing_of(endpoint: WebhookEndpoint, scheme: Scheme | None, *, now: datetime) -> dict[str, Any]:
    """Return what the part of the page about pairing shows."""
    is_pairing = endpoint.pairing_until is not None and endpoint.pairing_until > now
    return {
        "endpoint": endpoint,
        "brings_secret": brings_secret(scheme),
        "can_pair": can_pair(scheme),
        "is_pairing": is_pairing,
        "pairing_left": clock_words(endpoint.pairing_until, now=now) if is_pairing else "",
    }


def page_of_settings(endpoint: WebhookEndpoint, scheme: Scheme | None, *, now: datetime) -> dict[str, Any]:
    """Return what the rest of the page of an endpoint's settings shows."""
    glance = glance_of(endpoint, now=now)
    return {
        "glance": glance,
        "tab": "settings",
        "can_manage": True,
        "row": rows_of([endpoint], now=now)[0],
        "scheme": scheme,
        "scheme_name": scheme_name(endpoint.scheme_key),
        "facts": facts_of(scheme) if scheme else [],
        "steps": steps_for(endpoint, scheme),
        "is_https": settings.IS_HTTPS,
        "needs_secret": needs_secret(scheme),
        "previous": previous_version(endpoint, now=now),
        "targets": [(target, describe(target.filter)) for target in glance.targets],
        "today": timezone.localdate(),
    }


def can_pair(scheme: Scheme | None) -> bool:
    """Tell whether the vendor asks something first that is answered only while somebody pairs."""
    return scheme is not None and any(not one.is_signed or one.keeps_secret for one in scheme.handshakes)


def clock_words(until: datetime | None, *, now: datetime) -> str:
    """Return how long is left, as in 14:05."""
    left = max(0, int((until - now).total_seconds())) if until else 0
    return f"{left // 60}:{left % 60:02d}"


def previous_version(endpoint: WebhookEndpoint, *, now: datetime) -> SecretVersion | None:
    """Return the version that still counts beside the current one, None where none does."""
    if endpoint.secret is None or endpoint.previous_until is None or endpoint.previous_until <= now:
        return None
    return endpoint.secret.in_grace


def steps_for(endpoint: WebhookEndpoint, scheme: Scheme | None) -> list[Step]:
    """Return what is to be done at the vendor, in the order in which it works."""
    vendor = scheme_name(endpoint.scheme_key)
    if scheme is None:
        return [Step(_("Give the address to the sender.")), Step(_("Let it send an event, and look at it here."))]
    found = [Step(_("Open the settings for webhooks at {vendor} and add an endpoint.").format(vendor=vendor))]
    if can_pair(scheme):
        words = _("Press “Start pairing” here, just before you save there: {vendor} asks whether the address is yours.")
        found.append(Step(words.format(vendor=vendor)))
    exactly = _("Paste the address exactly as it stands here: it is part of what is signed.")
    found.append(Step(exactly if scheme.signs_url else _("Paste the address, and choose the events you want.")))
    if needs_secret(scheme) and not brings_secret(scheme):
        words = _("Copy the signing secret from there and store it here.")
        found.append(Step(words, is_done=endpoint.secret is not None))
    words = _("Let {vendor} send a test event, and look here at what arrived.")
    found.append(Step(words.format(vendor=vendor), is_done=endpoint.last_event_at is not None))
    return found
