"""The page behind a request link. GET and HEAD change nothing and set nothing; each POST completes one item.

The first form is the first item that is still open, so that who presses on goes through the list.
"""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from integrations.links import handing, items, mending, paper
from integrations.links.handing import NotTaken
from integrations.links.later import note_trouble, says_later
from integrations.links.link import count_try, find_open, note_opened
from integrations.links.views import account_of, is_from_our_page, notice
from integrations.links.words import language_of, words_in
from integrations.models import ClientLink, LinkItem
from integrations.oauth.errors import TROUBLE
from integrations.oauth.views import COOKIE_S, bind_browser, browser_secret_of
from integrations.providers.gone import shown_provider

MAX_BODY = 64 * 1024


@csrf_exempt
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@says_later
def request_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show what is asked for; on POST, take one credential or lead to one provider."""
    now = timezone.now()
    link = find_open(token, now=now, kind=ClientLink.Kind.REQUEST)
    if link is None:
        return notice(request, "gone", status=HTTPStatus.NOT_FOUND)
    if request.method != "POST":
        return _page(request, link, chosen=_number(request.GET.get("item", "")))
    if not is_from_our_page(request):
        return notice(request, "elsewhere", status=HTTPStatus.FORBIDDEN, link=link)
    if not _is_readable(request):
        return notice(request, "too_big", status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, link=link)
    try:
        if not count_try(link, now=now):
            return notice(request, "busy", status=HTTPStatus.TOO_MANY_REQUESTS, link=link)
        note_opened(link, now=now)
        return _posted(request, link, token, now=now)
    except TROUBLE as trouble:
        note_trouble(trouble, link)
        refused, chosen = NotTaken("not_stored"), _number(request.POST.get("item", ""))
        return _page(request, link, chosen=chosen, refused=refused, status=HTTPStatus.SERVICE_UNAVAILABLE)


def _is_readable(request: HttpRequest) -> bool:
    """Tell whether the body is a form of a key's size. What is larger is not even read."""
    try:
        return int(request.headers.get("Content-Length") or 0) <= MAX_BODY and request.POST is not None
    except (ValueError, RequestDataTooBig, SuspiciousOperation, MultiPartParserError):
        return False


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 3 else 0


def _posted(request: HttpRequest, link: ClientLink, token: str, *, now: datetime) -> HttpResponse:
    number = _number(request.POST.get("item", ""))
    rows = list(paper.items_of(link))
    item = rows[number - 1] if 1 <= number <= len(rows) else None
    if item is None or item.done_at is not None:
        return _page(request, link, refused=NotTaken("done_already"), status=HTTPStatus.CONFLICT)
    try:
        given = paper.given(item, request.POST, now=now)
        if item.takes == LinkItem.Takes.CONSENT:
            return _lead_on(request, item, token, given=given, now=now)
        tried = handing.hand_over(item, given, now=now)
    except NotTaken as refused:
        is_ours = refused.code == "not_stored"
        status = HTTPStatus.SERVICE_UNAVAILABLE if is_ours else HTTPStatus.UNPROCESSABLE_ENTITY
        return _page(request, link, chosen=number, refused=refused, status=status)
    if not items.has_more(link):
        thanks = reverse("integrations:thanks", args=[language_of(request, link.language)])
        return HttpResponseRedirect(f"{thanks}?request=done", status=HTTPStatus.SEE_OTHER)
    return _page(request, link, done=item, outcome=tried.outcome)


def _lead_on(request: HttpRequest, item: LinkItem, token: str, *, given: handing.Given, now: datetime) -> HttpResponse:
    """Answer with a plain link to the provider, bound to this browser, which remembers the way back to the list."""
    link, connection, secret = item.link, handing.read(item), browser_secret_of(request)
    url = mending.begin_consent(link, connection, given.variables, browser_secret=secret, now=now)
    language, provider = language_of(request, link.language), shown_provider(connection)
    words = words_in(language, provider=provider.name, account=account_of(connection))
    context = {"words": words, "page_language": language, "provider": provider, "url": url}
    response = render(request, "links/next.html", context | {"account": account_of(connection)})
    bind_browser(response, secret)
    response.set_cookie(
        settings.LINK_COOKIE_NAME,
        token,
        max_age=COOKIE_S,
        path="/connect/thanks/",
        secure=settings.IS_HTTPS,
        httponly=True,
        samesite="Lax",
    )
    return response


def _page(
    request: HttpRequest,
    link: ClientLink,
    *,
    chosen: int = 0,
    refused: NotTaken | None = None,
    done: LinkItem | None = None,
    outcome: str = "",
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    language = language_of(request, link.language)
    # What was typed stays, but for what is secret, and for an address that nobody may be led to.
    typed = request.POST if refused is not None and refused.code != "cannot" else {}
    sheet = paper.sheet(link, language=language, chosen=chosen, refused=refused, typed=typed)
    context: dict[str, Any] = {"sheet": sheet, "words": sheet.words, "page_language": language}
    if done is not None:
        name = shown_provider(done.connection).name
        context["said"] = words_in(language, provider=name)[f"done_{outcome}"]
    return render(request, "links/request.html", context, status=status)
