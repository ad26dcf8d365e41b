"""What a manager does to an endpoint: pause, resume, pair, disable, enable, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dashboard.pages.webhooks.looking import manageable_endpoint, to_settings
from dashboard.render import PageRequest, actor_of
from integrations.webhooks import changing, targets
from secrets_vault.people.step_up import step_up_required

if TYPE_CHECKING:
    from django.http import HttpResponse


@login_required
@require_POST
def pause(request: PageRequest, slug: str) -> HttpResponse:
    """Keep events without handing them on."""
    endpoint = manageable_endpoint(request, slug)
    targets.pause_endpoint(endpoint, actor=actor_of(request))
    messages.success(request, _("Paused. Events are taken in and kept; none is handed on until you resume."))
    return to_settings(endpoint)


@login_required
@require_POST
def resume(request: PageRequest, slug: str) -> HttpResponse:
    """Hand on again, beginning with what waited."""
    endpoint = manageable_endpoint(request, slug)
    targets.resume_endpoint(endpoint, actor=actor_of(request))
    messages.success(request, _("Resumed. What waited is handed on now."))
    return to_settings(endpoint)


@login_required
@require_POST
def pair(request: PageRequest, slug: str) -> HttpResponse:
    """Answer the vendor's handshakes for a quarter of an hour."""
    endpoint = manageable_endpoint(request, slug)
    changing.start_pairing(endpoint, actor=actor_of(request), now=timezone.now())
    messages.success(request, _("Pairing has begun. Save the address at the vendor now."))
    return to_settings(endpoint)


@login_required
@require_POST
def unpair(request: PageRequest, slug: str) -> HttpResponse:
    """End pairing before its time."""
    endpoint = manageable_endpoint(request, slug)
    changing.stop_pairing(endpoint, actor=actor_of(request))
    messages.success(request, _("Pairing has ended."))
    return to_settings(endpoint)


@login_required
@require_POST
def disable(request: PageRequest, slug: str) -> HttpResponse:
    """Take nothing more in."""
    endpoint = manageable_endpoint(request, slug)
    changing.disable(endpoint, actor=actor_of(request), now=timezone.now())
    messages.success(request, _("Disabled. The vendor is told that the address is gone."))
    return to_settings(endpoint)


@login_required
@require_POST
def enable(request: PageRequest, slug: str) -> HttpResponse:
    """Take events in again."""
    endpoint = manageable_endpoint(request, slug)
    changing.enable(endpoint, actor=actor_of(request))
    messages.success(request, _("Enabled. Events are taken in again."))
    return to_settings(endpoint)


@login_required
@require_POST
@step_up_required
def delete(request: PageRequest, slug: str) -> HttpResponse:
    """Remove the endpoint and every event of it, once its address was typed."""
    endpoint = manageable_endpoint(request, slug)
    if request.POST.get("confirm", "").strip() != endpoint.slug:
        words = _("Not deleted: type {slug} to confirm it.")
        messages.error(request, words.format(slug=endpoint.slug))
        return to_settings(endpoint)
    name = str(endpoint)
    changing.delete(endpoint, actor=actor_of(request))
    messages.success(request, _("{name} is deleted, with every event of it.").format(name=name))
    return HttpResponseRedirect(reverse("dashboard:webhooks"))
