"""A feed over HTTP: private by its address, the same bytes while nothing changed. Reading changes nothing."""

from __future__ import annotations

import hashlib

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_http_methods

from integrations.calendar.dates import dates_of
from integrations.calendar.feeds import find_feed
from integrations.calendar.writing import written
from integrations.models import CalendarFeed
from secrets_vault.people.language import code_of


@login_not_required
@require_http_methods(["GET", "HEAD"])
def feed(request: HttpRequest, token: str) -> HttpResponse:
    """Answer a calendar. Unknown and ended addresses are the same 404."""
    found = find_feed(token)
    if found is None:
        raise Http404
    with translation.override(code_of(_language(found))):
        body = written(dates_of(found, now=timezone.now()), name=_name(found), time_zone=_time_zone(found))
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    response = HttpResponse(body, content_type="text/calendar; charset=utf-8")
    response["ETag"] = etag
    response["Content-Disposition"] = 'inline; filename="keylodge.ics"'
    answer = get_conditional_response(request, etag=etag, response=response)
    assert answer is not None  # noqa: S101 - for the type checker: a response was given
    answer["Cache-Control"] = "private, max-age=900"
    return answer


def _language(found: CalendarFeed) -> str:
    if found.client is not None:
        return found.client.language
    return (found.user.language or found.user.browser_language) if found.user is not None else ""


def _name(found: CalendarFeed) -> str:
    return f"Keylodge: {found.client.name}" if found.client is not None else "Keylodge"


def _time_zone(found: CalendarFeed) -> str:
    if found.client is not None:
        return found.client.time_zone
    return found.user.time_zone if found.user is not None else "UTC"
