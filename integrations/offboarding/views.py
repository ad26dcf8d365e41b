"""The public page on which a certificate is checked. Nothing of what is uploaded is kept.

As on every link there is no CSRF cookie: the POST is checked by Origin (else Referer) against PUBLIC_URL.
"""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from integrations.links.views import is_from_our_page
from integrations.links.words import language_of, words_in
from integrations.offboarding.certificate import TYPE
from secrets_vault import certificates

LARGEST_BYTES = 2 * 1024 * 1024


@csrf_exempt
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def check(request: HttpRequest) -> HttpResponse:
    """Say whether this installation signed exactly this certificate."""
    language = language_of(request)
    context: dict[str, Any] = {"words": words_in(language), "page_language": language}
    status = 200
    if request.method == "POST" and not is_from_our_page(request):
        status = 403
    elif request.method == "POST":
        statement = _checked(_sent(request))
        context |= {"verdict": "valid" if statement else "invalid", "statement": statement}
    return render(request, "links/certificate.html", context, status=status)


def _sent(request: HttpRequest) -> bytes:
    file = request.FILES.get("file")
    if file is not None:
        return bytes(file.read(LARGEST_BYTES)) if (file.size or 0) <= LARGEST_BYTES else b""
    return request.POST.get("text", "")[:LARGEST_BYTES].encode()


def _checked(raw: bytes) -> dict[str, Any] | None:
    """Return the statement when it is one of ours, unchanged; None for anything else."""
    try:
        sent = json.loads(raw)
        statement, signature = sent["certificate"], sent["signature"]
        is_ours = statement["type"] == TYPE and certificates.is_ours(statement, signature)
    except (ValueError, TypeError, KeyError, RecursionError, AttributeError):
        return None
    return statement if is_ours else None
