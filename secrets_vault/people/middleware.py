"""What must be settled about a person before any page runs."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from secrets_vault.people import known_device
from secrets_vault.people.client_address import client_address
from secrets_vault.people.passwords import has_second_factor

WITHOUT_SECOND_FACTOR = ("/accounts/", "/static/", "/healthz", "/readyz")


class PeopleMiddleware:
    """Note where the browser comes from, and hold back who still lacks a required second factor."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        request.session.ip = address_of(request)  # type: ignore[attr-defined]
        request.session.user_agent = request.headers.get("User-Agent", "")  # type: ignore[attr-defined]
        if self._lacks_required_factor(request):
            return HttpResponseRedirect(reverse("mfa_index"))
        response = self.get_response(request)
        if getattr(request, "has_just_signed_in", False):
            known_device.mark(request, response, request.user.email)  # type: ignore[union-attr]
        return response

    def _lacks_required_factor(self, request: HttpRequest) -> bool:
        if not settings.KEYLODGE_REQUIRE_MFA or request.path.startswith(WITHOUT_SECOND_FACTOR):
            return False
        return request.user.is_authenticated and not has_second_factor(request.user)


def address_of(request: HttpRequest) -> str:
    """Return the caller's address by the trusted-proxies setting."""
    return client_address(
        request.META.get("REMOTE_ADDR", ""),
        request.headers.get("X-Forwarded-For", ""),
        trusted_hops=settings.KEYLODGE_TRUSTED_PROXIES,
    )
