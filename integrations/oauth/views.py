"""The consent over HTTP: a start by a signed-in person, the callback, and the pages after it.

The callback answers with a fixed page or a refusal in plain words, never with an address taken from
the request (no open redirect).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_not_required, login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from integrations.links.words import language_of, words_in
from integrations.models import Connection
from integrations.oauth import connecting, flow
from integrations.oauth.browsers import new_browser_secret
from integrations.oauth.errors import CannotStart, ConsentRefused
from integrations.oauth.flow import Callback
from integrations.oauth.scopes import excess, missing
from integrations.providers.gone import shown_provider
from secrets_vault.actor import Actor
from secrets_vault.errors import PolicyRefused
from secrets_vault.models import User
from secrets_vault.people.language import shown

COOKIE_S = 600
MAX_QUERY = 8192
OURS = ("state", "code", "error", "iss")
# Which sentence explains a refusal; a code that is not here has a sentence of its own name.
SENTENCES = {
    "state_unknown": "start_again",
    "replayed": "start_again",
    "expired": "start_again",
    "superseded": "start_again",
    "issuer_mismatch": "provider_refused",
    "provider_error": "provider_refused",
    "code_missing": "provider_refused",
    "code_refused": "provider_refused",
    "id_token_refused": "not_proven",
    "answer_refused": "provider_refused",
    "link_ended": "ended",
    "connection_gone": "ended",
    "connection_changed": "ended",
    "nothing_to_decide": "ended",
}


def browser_secret_of(request: HttpRequest) -> str:
    """Return the oauth cookie of this browser, or a new value for it."""
    kept = request.COOKIES.get(settings.OAUTH_COOKIE_NAME, "")
    return kept if 32 <= len(kept) <= 64 else new_browser_secret()


def bind_browser(response: HttpResponse, browser_secret: str) -> None:
    """Set the oauth cookie. Lax, since the provider sends the browser back from another site."""
    response.set_cookie(
        settings.OAUTH_COOKIE_NAME,
        browser_secret,
        max_age=COOKIE_S,
        secure=settings.IS_HTTPS,
        httponly=True,
        samesite="Lax",
    )


def person(request: HttpRequest) -> User | None:
    """Return who is signed in, or None."""
    return request.user if isinstance(request.user, User) and request.user.is_active else None


@login_required
@require_POST
def start(request: HttpRequest, slug: str) -> HttpResponse:
    """Connect or reconnect: answer with a page whose link leads to the provider (`form-action` stays 'self')."""
    user = person(request)
    if user is None:
        raise Http404
    connection = get_object_or_404(_manageable(user), slug=slug)
    secret, words = browser_secret_of(request), words_in(shown(), provider=shown_provider(connection).name)
    context: dict[str, Any] = {"connection": connection, "words": words, "page_language": shown()}
    try:
        context["url"] = flow.start(
            connection,
            user=user,
            actor=Actor.of(user),
            browser_secret=secret,
            scopes=request.POST.getlist("scopes") or None,
            now=timezone.now(),
        )
    except (CannotStart, PolicyRefused) as error:
        return render(request, "oauth/cannot_start.html", context | {"error": error}, status=HTTPStatus.CONFLICT)
    response = render(request, "oauth/start.html", context)
    bind_browser(response, secret)
    return response


def _manageable(user: User) -> Any:
    rows = Connection.objects.manageable_by(user)
    return rows.select_related("client", "environment", "oauth_app__secret", "secret")


@login_not_required
@require_http_methods(["GET"])
def callback(request: HttpRequest) -> HttpResponse:
    """Finish a consent: 303 to a fixed page, or 400 with what happened and the way out."""
    try:
        finished = flow.finish(_callback_of(request), user=person(request), now=timezone.now())
    except ConsentRefused as refused:
        return _refusal(request, refused)
    if finished.link is not None:
        partly = "?partly=yes" if finished.missing_scopes else ""
        return _see_other(reverse("integrations:thanks", args=[finished.link.language]) + partly)
    if finished.other_account is not None:
        return _see_other(reverse("integrations:other_account", args=[finished.other_account.flow_id]))
    return _see_other(reverse("integrations:connected", args=[finished.connection.pk]))


def _callback_of(request: HttpRequest) -> Callback:
    """Return what the browser brought. A parameter that comes twice is a trick (RFC 6749 section 3.1)."""
    if len(request.META.get("QUERY_STRING", "")) > MAX_QUERY or any(len(request.GET.getlist(n)) > 1 for n in OURS):
        raise ConsentRefused("state_unknown")
    ours = {name: request.GET.get(name, "") for name in OURS}
    once = (name for name in request.GET if name not in OURS and len(request.GET.getlist(name)) == 1)
    other = {name: str(request.GET[name]) for name in once}
    return Callback(**ours, browser_secret=request.COOKIES.get(settings.OAUTH_COOKIE_NAME, ""), other=other)


def _see_other(url: str) -> HttpResponse:
    response = HttpResponseRedirect(url, status=HTTPStatus.SEE_OTHER)
    response["Cache-Control"] = "no-store"
    return response


def _refusal(request: HttpRequest, refused: ConsentRefused) -> HttpResponse:
    user = person(request)
    language = language_of(request, refused.language or (shown() if user else ""))
    words = words_in(language, **refused.details)
    context = {
        "words": words,
        "page_language": language,
        "sentence": words[SENTENCES.get(refused.code, refused.code)],
        "by_link": refused.by_link or user is None,
        "slug": "" if user is None else refused.slug,
    }
    status = HTTPStatus.SERVICE_UNAVAILABLE if refused.code == "not_stored" else HTTPStatus.BAD_REQUEST
    return render(request, "oauth/refused.html", context, status=status)


@login_required
@require_http_methods(["GET", "HEAD"])
def connected(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Say which account is connected, what it may do, and which rights were not given."""
    rows = Connection.objects.visible_to(person(request)).select_related("client", "environment")
    connection = get_object_or_404(rows, pk=connection_id)
    provider = shown_provider(connection)
    lacking = missing(connection.requested_scopes, connection.granted_scopes)
    context = {
        "connection": connection,
        "provider": provider,
        "granted": [(scope, provider.words_for_scope(scope)) for scope in connection.granted_scopes],
        "missing": [(scope, provider.words_for_scope(scope)) for scope in lacking],
        "beyond": excess(connection.requested_scopes, connection.granted_scopes),
    }
    return render(request, "oauth/connected.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def other_account(request: HttpRequest, flow_id: str) -> HttpResponse:
    """Name both accounts and let the person who consented decide."""
    user = person(request)
    if user is None:
        raise Http404
    try:
        if request.method == "POST":
            return _decided(request, user, flow_id)
        waiting = connecting.waiting_decision(flow_id, user=user)
    except ConsentRefused:
        raise Http404 from None
    connection, changes = waiting.connection, (waiting.found or {})["changes"]
    context = {
        "connection": connection,
        "provider": shown_provider(connection),
        "expected_id": connection.wanted_account_id,
        "chosen_id": changes["account_id"],
        "chosen_name": changes["account_name"],
    }
    return render(request, "oauth/other_account.html", context)


def _decided(request: HttpRequest, user: User, flow_id: str) -> HttpResponse:
    if request.POST.get("decision") == "accept":
        connection = connecting.accept(flow_id, user=user, now=timezone.now())
        return _see_other(reverse("integrations:connected", args=[connection.pk]))
    outcome = connecting.refuse(flow_id, user=user, now=timezone.now())
    return render(request, "oauth/kept.html", {"outcome": outcome})
