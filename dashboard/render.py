"""Answer with a page, or with only the part of it that htmx asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from secrets_vault.actor import Actor
from secrets_vault.people.middleware import address_of

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django_htmx.middleware import HtmxDetails

    from secrets_vault.models import User


class PageRequest(HttpRequest):
    """What a view behind `login_required` is given. For types only: Django makes the object."""

    user: User
    htmx: HtmxDetails
    rail_counts: dict[str, int]


def actor_of(request: PageRequest) -> Actor:
    """Return who acts, for the book."""
    return Actor.of(request.user, ip=address_of(request))


def wants_part(request: PageRequest) -> bool:
    """Tell whether htmx asked for a fragment; boosted and history requests want the whole page."""
    htmx = request.htmx
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def render_page(
    request: PageRequest,
    template: str,
    context: dict[str, Any] | None = None,
    part: str | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    """Return the page, or `template#part` when htmx asked and a part is named.

    Nothing is ever cached: what a signed-in person sees must not outlive the session.
    """
    name = f"{template}#{part}" if part and wants_part(request) else template
    response = render(request, name, context or {}, status=status)
    response.headers["Cache-Control"] = "no-store, private"
    patch_vary_headers(response, ["HX-Request"])
    return response
