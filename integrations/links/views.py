"""The page behind a connect link. GET and HEAD change nothing and set nothing: mail scanners open links too.

There is no CSRF cookie, since a GET may set none; the POST is checked by Origin (else Referer)
against PUBLIC_URL instead. It answers 200 with a plain link to the provider.
"""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from integrations.agency import agency
from integrations.errors import IntegrationError
from integrations.links import items, mending
from integrations.links.handing import NotTaken
from integrations.links.later import says_later
from integrations.links.link import count_try, find_open, note_opened
from integrations.links.naming import names_of
from integrations.links.words import catalogues, language_of, words_in
from integrations.models import ClientLink, Connection, Handover
from integrations.oauth.keeping import oauth_facts
from integrations.oauth.scopes import to_ask_for
from integrations.oauth.views import bind_browser, browser_secret_of
from integrations.providers.gone import shown_provider
from secrets_vault.people.language import code_of


@csrf_exempt
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@says_later
def connect(request: HttpRequest, token: str) -> HttpResponse:
    """Show who asks for what; on POST, lead to the provider."""
    now = timezone.now()
    link = find_open(token, now=now)
    if link is None:
        return notice(request, "gone", status=HTTPStatus.NOT_FOUND)
    if request.method != "POST":
        return _page(request, link, "links/connect.html")
    if not is_from_our_page(request):
        return notice(request, "elsewhere", status=HTTPStatus.FORBIDDEN, link=link)
    if not count_try(link, now=now):
        return notice(request, "busy", status=HTTPStatus.TOO_MANY_REQUESTS, link=link)
    return _lead_on(request, link, now=now)


def is_from_our_page(request: HttpRequest) -> bool:
    """Tell whether a POST was sent by a page of ours: Origin, else Referer, must be PUBLIC_URL's origin."""
    sent = request.headers.get("Origin") or request.headers.get("Referer") or ""
    try:
        parts = urlsplit(sent)
    except ValueError:
        return False
    return f"{parts.scheme}://{parts.netloc}" == settings.KEYLODGE_PUBLIC_URL


def _lead_on(request: HttpRequest, link: ClientLink, *, now: datetime) -> HttpResponse:
    secret, connection = browser_secret_of(request), _connection(link)
    try:
        given = mending.read(connection, request.POST)
        url = mending.begin_consent(link, connection, given, browser_secret=secret, now=now)
    except NotTaken as refused:
        if refused.code != "bad_variable":
            return notice(request, "cannot", status=HTTPStatus.CONFLICT, link=link)
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return _page(request, link, "links/connect.html", status=status, refused=refused)
    note_opened(link, now=now)
    response = _page(request, link, "links/next.html", url=url)
    bind_browser(response, secret)
    return response


def _connection(link: ClientLink) -> Connection:
    """Return what a connect link connects; the database holds that it has one."""
    assert link.connection is not None  # noqa: S101 - for the type checker: a constraint says so
    return link.connection


def _page(
    request: HttpRequest,
    link: ClientLink,
    template: str,
    *,
    status: int = HTTPStatus.OK,
    refused: NotTaken | None = None,
    **more: Any,
) -> HttpResponse:
    connection, language = _connection(link), language_of(request, link.language)
    provider = shown_provider(connection)
    words = words_in(language, provider=provider.name, account=account_of(connection), **names_of(link))
    context = {
        "words": words,
        "page_language": language,
        "connection": connection,
        "agency": agency(),
        "provider": provider,
        "fields": list(mending.fields(connection, words, refused, request.POST)),
        "errors": [words["err_bad_variable"]] if refused else [],
        "scopes": scopes_in_words(connection, provider, language),
        "account": connection.expected_account_id or (connection.account_id and account_of(connection)),
    }
    return render(request, template, context | more, status=status)


def account_of(connection: Connection) -> str:
    """Return what a client recognises the account by; an id of issuer and subject says nothing to a person."""
    return connection.account_name or connection.account_id or connection.expected_account_id


def scopes_in_words(connection: Connection, provider: Any, language: str) -> list[str]:
    """Return in plain words what is asked for; nothing when the consent could not begin anyway."""
    if connection.oauth_app is None:
        return []
    try:
        asked = to_ask_for(connection, connection.oauth_app, oauth_facts(provider), chosen=None)
    except IntegrationError:
        return []
    with translation.override(code_of(language)):
        return [provider.words_for_scope(scope) for scope in asked.all]


def notice(request: HttpRequest, name: str, *, status: int, link: ClientLink | Handover | None = None) -> HttpResponse:
    """Return a page that says one thing, in the link's language or the browser's."""
    language = language_of(request, link.language if link else "")
    words = words_in(language)
    context = {
        "words": words,
        "page_language": language,
        "title": words[f"{name}_title"],
        "text": words[f"{name}_text"],
    }
    return render(request, "links/notice.html", context, status=status)


@login_not_required
@require_http_methods(["GET", "HEAD"])
def thanks(request: HttpRequest, language: str) -> HttpResponse:
    """Say that it is done: the fixed page after a consent by link, or after the last item of a request."""
    words = words_in(language if language in catalogues() else "en")
    list_url = _list_still_open(request)
    name = "request_more" if list_url else "request_thanks" if "request" in request.GET else "thanks"
    text = words["thanks_partly" if "partly" in request.GET else f"{name}_text"]
    context = {"words": words, "page_language": language, "title": words[f"{name}_title"], "text": text}
    return render(request, "links/notice.html", context | {"list_url": list_url})


def _list_still_open(request: HttpRequest) -> str:
    """Return the way back to a request that this browser began and that asks for more; its own cookie names it."""
    token = request.COOKIES.get(settings.LINK_COOKIE_NAME, "")
    link = find_open(token, now=timezone.now(), kind=ClientLink.Kind.REQUEST)
    return reverse("integrations:request", args=[token]) if link is not None and items.has_more(link) else ""
