"""The agency's logo as the pages of a link show it."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from integrations.agency import logo_png

FOR_A_YEAR = 365 * 24 * 3600


@login_not_required
@require_http_methods(["GET", "HEAD"])
def logo(request: HttpRequest, token: str) -> HttpResponse:
    """Give the PNG that we drew ourselves. Its address changes with it, so a browser may keep it."""
    png = logo_png(token)
    if png is None:
        raise Http404
    response = HttpResponse(png, content_type="image/png")
    response["Content-Disposition"] = 'inline; filename="logo.png"'
    response["Content-Security-Policy"] = "default-src 'none'; sandbox; frame-ancestors 'none'"
    response["Cache-Control"] = f"public, max-age={FOR_A_YEAR}, immutable"
    return response
