"""What every page request passes on its way: the viewer's time zone, and redirects that htmx understands."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from integrations.providers.registry import ProviderNotFound

if TYPE_CHECKING:
    from django.http import HttpRequest

Handler = Callable[["HttpRequest"], HttpResponse]


class TimeZoneMiddleware:
    """Show times in the zone of who is signed in."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith("/static/") or not request.user.is_authenticated:
            return self.get_response(request)
        with timezone.override(zone_of(request.user.time_zone)):
            return self.get_response(request)


def zone_of(name: str) -> ZoneInfo:
    """Return a zone by name; an unknown one (an old tz database) is UTC rather than an error on every page."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


class GoneProviderMiddleware:
    """Answer an act on a connection whose provider's description is gone with what to do, not with an error."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Django calls this for what a view raised."""
        if not isinstance(error, ProviderNotFound):
            return None
        return render(request, "provider_gone.html", status=HTTPStatus.CONFLICT)


class HtmxRedirectMiddleware:
    """Turn a redirect into a navigation when htmx asked for a fragment.

    Otherwise the browser follows it unseen and a whole page (sign-in, say) lands inside the
    element that asked. Boosted requests expect whole pages and are left alone.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        htmx = request.htmx  # type: ignore[attr-defined]
        if not htmx or htmx.boosted or response.status_code not in (301, 302, 303, 307, 308):
            return response
        target = response.headers["Location"]
        del response.headers["Location"]
        response.status_code = 200
        response.content = b""
        response.headers["HX-Redirect"] = target
        return response
