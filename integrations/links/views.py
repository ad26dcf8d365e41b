"""The page behind a connect link. GET and HEAD change nothing and set nothing: mail scanners open links too.

There is no CSRF cookie, since a GET may set none; the POST is checked by Origin (else Referer)
against PUBLIC_URL instead. It answers 200 with a plain link to the provider.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from integrations.errors import IntegrationError
from integrations.links.link import find_open, until
from integrations.links.words import catalogues, language_of, words_in
from integrations.models import ClientLink, Connection, OAuthFlow
from integrations.oauth import flow
from integrations.oauth.keeping import oauth_facts
from integrations.oauth.scopes import to_ask_for
from integrations.oauth.views import bind_browser, browser_secret_of
from integrations.providers.gone import shown_provider
from integrations.status import record
from secrets_vault.actor import Actor
from secrets_vault.people.language import code_of

TRIES = 20
TRIES_WITHIN = timedelta(minutes=10)


@csrf_exempt
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def connect(request: HttpRequest, token: str) -> HttpResponse:
    """Show who asks for what; on POST, lead to the provider."""
    now = timezone.now()
    link = find_open(token, now=now)
    if link is None:
        return _notice(request, "gone", status=HTTPStatus.NOT_FOUND)
    if request.method != "POST":
        return _page(request, link, "links/connect.html")
    if not is_from_our_page(request):
        return _notice(request, "elsewhere", status=HTTPStatus.FORBIDDEN, link=link)
    if _is_busy(link, now=now):
        return _notice(request, "busy", status=HTTPStatus.TOO_MANY_REQUESTS, link=link)
    return _lead_on(request, link, now=now)


def is_from_our_page(request: HttpRequest) -> bool:
    """Tell whether a POST was sent by a page of ours: Origin, else Referer, must be PUBLIC_URL's origin."""
    sent = request.headers.get("Origin") or request.headers.get("Referer") or ""
    try:
        parts = urlsplit(sent)
    except ValueError:
        return False
    return f"{parts.scheme}://{parts.netloc}" == settings.KEYLODGE_PUBLIC_URL


def _is_busy(link: ClientLink, *, now: datetime) -> bool:
    recent = OAuthFlow.objects.filter(link=link, expires_at__gt=now + flow.LIFETIME - TRIES_WITHIN)
    return recent.count() >= TRIES


def _lead_on(request: HttpRequest, link: ClientLink, *, now: datetime) -> HttpResponse:
    secret = browser_secret_of(request)
    try:
        url = flow.start(link.connection, link=link, actor=_actor(link), browser_secret=secret, now=now)
    except IntegrationError:
        return _notice(request, "cannot", status=HTTPStatus.CONFLICT, link=link)
    if ClientLink.objects.filter(pk=link.pk, opened_at__isnull=True).update(opened_at=now):
        _record_opened(link)
    response = _page(request, link, "links/next.html", url=url)
    bind_browser(response, secret)
    return response


def _actor(link: ClientLink) -> Actor:
    return Actor(kind="client_link", id=str(link.pk), label=link.sent_to)


def _record_opened(link: ClientLink) -> None:
    with transaction.atomic():
        record(link.connection, "link.opened", actor=_actor(link), link=str(link.pk))


def _page(request: HttpRequest, link: ClientLink, template: str, **more: Any) -> HttpResponse:
    connection, language = link.connection, language_of(request, link.language)
    provider = shown_provider(connection)
    words = words_in(
        language,
        provider=provider.name,
        client=connection.client.name,
        who=link.created_by.name if link.created_by else connection.client.name,
        account=_account_of(connection),
        until=until(link),
    )
    context = {
        "words": words,
        "page_language": language,
        "connection": connection,
        "provider": provider,
        "scopes": _scopes(link, provider, language),
        "account": connection.expected_account_id or (connection.account_id and _account_of(connection)),
    }
    return render(request, template, context | more)


def _account_of(connection: Connection) -> str:
    """Return what a client recognises the account by; an id of issuer and subject says nothing to a person."""
    return connection.account_name or connection.account_id or connection.expected_account_id


def _scopes(link: ClientLink, provider: Any, language: str) -> list[str]:
    """Return in plain words what is asked for; nothing when the consent could not begin anyway."""
    connection = link.connection
    if connection.oauth_app is None:
        return []
    try:
        asked = to_ask_for(connection, connection.oauth_app, oauth_facts(provider), chosen=None)
    except IntegrationError:
        return []
    with translation.override(code_of(language)):
        return [provider.words_for_scope(scope) for scope in asked.all]


def _notice(request: HttpRequest, name: str, *, status: int, link: ClientLink | None = None) -> HttpResponse:
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
    """Say that it is done: the fixed page after a consent by link."""
    words = words_in(language if language in catalogues() else "en")
    text = words["thanks_partly" if "partly" in request.GET else "thanks_text"]
    context = {"words": words, "page_language": language, "title": words["thanks_title"], "text": text}
    return render(request, "links/notice.html", context)
