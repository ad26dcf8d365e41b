"""What every page's answer has in common, whoever wrote the page."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.signals import user_logged_out
from django.core.exceptions import BadRequest
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

from config import brought

View = Callable[[HttpRequest], HttpResponse]

ANY_HOST = ("/api/", "/readyz", "/static/")
PERMISSIONS_POLICY = settings.PERMISSIONS_POLICY
COMPRESSED = {"text/css", "text/javascript", "application/javascript", "image/svg+xml"}


def common_headers(get_response: View) -> View:
    """Give every request a reference, and every answer its Permissions-Policy and `no-store`.

    The reference is all that an error page says; every log line of this request says the same one, and covers what
    the request has brought. Static files set a Cache-Control of their own and keep it.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        request.reference = secrets.token_hex(6)  # type: ignore[attr-defined]
        before = brought.answering.set(request)
        try:
            response = get_response(request)
        finally:
            brought.answering.reset(before)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        response.headers.setdefault("Cache-Control", "no-store")
        if getattr(request, "has_logged_out", False):
            response.headers["Clear-Site-Data"] = '"cache", "storage"'
        return response

    return middleware


@receiver(user_logged_out)
def note_logout(request: HttpRequest | None, **_signal: object) -> None:
    """Remember on the request that it ended a session, so that the browser is told to forget its copies."""
    if request is not None:
        request.has_logged_out = True  # type: ignore[attr-defined]


def no_nul(get_response: View) -> View:
    """Refuse a NUL in a query or a form with 400: no keyboard types one, and PostgreSQL cannot even compare with it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        is_form = request.method == "POST" and not request.path.startswith("/api/")  # which answers in its own form
        if holds_nul(request.GET) or (is_form and holds_nul(request.POST)):
            raise BadRequest("a value holds a NUL character")
        return get_response(request)

    return middleware


def holds_nul(values: QueryDict) -> bool:
    """Tell whether a name or a value of a query or form holds the character 0."""
    return any("\0" in text for name, texts in values.lists() for text in (name, *texts))


def canonical_host(get_response: View) -> View:
    """Send a page visit under another of our host names to PUBLIC_URL.

    Providers and passkeys know one address; a session begun under 127.0.0.1 would be
    missing when HubSpot sends the browser back to localhost.
    """
    canonical = urlsplit(settings.KEYLODGE_PUBLIC_URL).hostname

    def middleware(request: HttpRequest) -> HttpResponse:
        host = urlsplit(f"//{request.get_host()}").hostname
        moves = request.method in ("GET", "HEAD") and not request.path.startswith(ANY_HOST)
        if moves and host != canonical:
            return HttpResponseRedirect(settings.KEYLODGE_PUBLIC_URL + request.get_full_path())
        return get_response(request)

    return middleware


class CompressionMiddleware(GZipMiddleware):
    """Compress styles, scripts and drawings, so that a first visit stays light.

    Pages are left alone: beside a secret in a page, the length would tell (BREACH). The
    Caddyfile of `deploy/` holds to the same.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Compress a whole file when it is one of the kinds that hold nobody's secret."""
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        if request.method != "GET" or response.status_code != 200 or kind not in COMPRESSED:
            return response
        return super().process_response(request, response)
