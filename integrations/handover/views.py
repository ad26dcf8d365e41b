"""The page behind a one-time link. GET and HEAD change nothing and set nothing: mail scanners open links too.

The POST is checked by Origin (else Referer) against PUBLIC_URL, as on every link. What it shows is in the answer
alone: it is never cached, and half a minute later the browser is led to a page without it.
"""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from integrations.handover import mailing, reading
from integrations.handover.making import TEXT
from integrations.links.later import says_later
from integrations.links.views import is_from_our_page, notice
from integrations.links.words import catalogues, language_of, words_in
from integrations.models import Handover
from secrets_vault.errors import VaultError
from secrets_vault.people.middleware import address_of
from secrets_vault.secret import Secret

SHOWN_S = 30
LONGEST_PROOF = 300
TEMPLATE = "links/handover.html"


@csrf_exempt
@login_not_required
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@says_later
def handover(request: HttpRequest, token: str) -> HttpResponse:
    """Say who hands something over; on POST, show it."""
    now = timezone.now()
    found = reading.find_open(token, now=now)
    if found is None:
        return notice(request, "gone", status=HTTPStatus.NOT_FOUND)
    if request.method != "POST":
        return _page(request, found, now=now)
    if not is_from_our_page(request):
        return notice(request, "elsewhere", status=HTTPStatus.FORBIDDEN, link=found)
    if found.confirm == Handover.Confirm.CODE and ("send" in request.POST or reading.needs_code(found, now=now)):
        return _send_code(request, found, now=now)
    return _read(request, found, token, now=now)


def _read(request: HttpRequest, found: Handover, token: str, *, now: datetime) -> HttpResponse:
    typed = {name: request.POST.get(name, "")[:LONGEST_PROOF] for name in ("passphrase", "email", "code")}
    actor = reading.actor_of(found, ip=address_of(request))
    try:
        values = reading.read(found, token, reading.Proof(**typed), now=now, actor=actor)
    except reading.WrongProof as wrong:
        if wrong.left == 0:
            return notice(request, "handover_burnt", status=HTTPStatus.FORBIDDEN, link=found)
        return _page(request, found, now=now, wrong=str(wrong.left), status=HTTPStatus.UNPROCESSABLE_ENTITY)
    except (reading.Gone, VaultError):
        return notice(request, "gone", status=HTTPStatus.NOT_FOUND)
    return _show(request, found, values)


def _send_code(request: HttpRequest, found: Handover, *, now: datetime) -> HttpResponse:
    """Mail a code. It is never queued: what is queued is stored."""
    try:
        code = reading.new_code(found, now=now, actor=reading.actor_of(found, ip=address_of(request)))
        words = words_in(language_of(request, found.language), code=code, who=_who(found))
        mailing.mail_code(found, words["handover_code_subject"], words["handover_code_body"])
    except reading.Gone:
        return notice(request, "busy", status=HTTPStatus.TOO_MANY_REQUESTS, link=found)
    except mailing.NotMailed:
        return notice(request, "handover_no_mail", status=HTTPStatus.BAD_GATEWAY, link=found)
    found.refresh_from_db()
    return _page(request, found, now=now, is_sent=True)


@sensitive_variables("values", "shown")
def _show(request: HttpRequest, found: Handover, values: dict[str, Secret]) -> HttpResponse:
    language = language_of(request, found.language)
    words = words_in(
        language, seconds=str(SHOWN_S), left=str(found.views_allowed - found.views_used), label=found.label
    )
    is_text = found.secret_id is None and list(values) == [TEXT]
    shown = [("" if is_text else name, value.expose()) for name, value in values.items()]
    context = {
        "words": words,
        "page_language": language,
        "handover": found,
        "shown": shown,
        "is_last": found.views_used >= found.views_allowed,
    }
    response = render(request, "links/handover_shown.html", context)
    response.headers["Cache-Control"] = "no-store, private"
    # No page is left that could post from here, so this one need not name itself to anybody.
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Refresh"] = f"{SHOWN_S};url={reverse('integrations:handover_hidden', args=[language])}"
    return response


def _page(request: HttpRequest, found: Handover, *, now: datetime, status: int = 200, **more: Any) -> HttpResponse:
    language = language_of(request, found.language)
    words = words_in(
        language,
        who=_who(found),
        label=found.label,
        until=found.expires_at.strftime("%Y-%m-%d %H:%M UTC"),
        n=str(found.views_allowed - found.views_used),
        tries=more.get("wrong", ""),
        to=masked_address(found.confirm_email),
        seconds=str(SHOWN_S),
    )
    context = {
        "words": words,
        "page_language": language,
        "handover": found,
        "asks_code": found.confirm == Handover.Confirm.CODE,
        "needs_code": reading.needs_code(found, now=now),
        "is_single": found.views_allowed - found.views_used == 1,
    }
    return render(request, TEMPLATE, context | more, status=status)


def _who(found: Handover) -> str:
    return found.created_by.name if found.created_by else "Keylodge"


def masked_address(email: str) -> str:
    """Return an address as its owner recognises it and a stranger cannot use it."""
    name, at, domain = email.partition("@")
    return f"{name[:1]}…{at}{domain}" if at else ""


@login_not_required
@require_http_methods(["GET", "HEAD"])
def hidden(request: HttpRequest, language: str) -> HttpResponse:
    """Say that what was shown is hidden again: where the browser goes after half a minute."""
    words = words_in(language if language in catalogues() else "en")
    title, text = words["handover_hidden_title"], words["handover_hidden_text"]
    context = {"words": words, "page_language": language, "title": title, "text": text}
    return render(request, "links/notice.html", context)
