"""Which language a page or a mail is in: what the person chose, else what their browser asks for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers

from secrets_vault.models import User


def code_of(language: str) -> str:
    """Return the code to activate for a language of ours. English is LANGUAGE_CODE, with its dates and numbers."""
    known = dict(settings.LANGUAGES)
    return language if language in known and language != "en" else settings.LANGUAGE_CODE


def shown() -> str:
    """Return the language that is active now, "en" or "de", as `<html lang>` and the links' words name it."""
    return (translation.get_language() or settings.LANGUAGE_CODE).partition("-")[0]


def writing_to(user: User) -> AbstractContextManager[None]:
    """Return the context in which a mail to this person is written."""
    return translation.override(code_of(user.language or user.browser_language))


def in_english() -> AbstractContextManager[None]:
    """Return the context of what machines read or what is stored: English, whoever asks."""
    return translation.override(settings.LANGUAGE_CODE)


def remember(user: User, request: HttpRequest) -> None:
    """Keep what the browser asks for at a sign-in: mails have no browser to ask."""
    asked = translation.get_language_from_request(request)
    if asked != (user.browser_language or "en"):
        user.browser_language = asked
        User.objects.filter(pk=user.pk).update(browser_language=asked)


def shown_to(request: HttpRequest) -> str:
    """Return the code to activate for who asks."""
    chosen = request.user.language if isinstance(request.user, User) else ""
    return code_of(chosen or translation.get_language_from_request(request))


class LanguageMiddleware:
    """Answer in the person's language: their own choice, else the cookie of the sign-in page, else the browser's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith("/static/") or request.path == "/readyz":
            return self.get_response(request)
        with translation.override(shown_to(request)):
            response = self.get_response(request)
            if response.headers.get("Content-Type", "").startswith("text/html"):
                response.headers.setdefault("Content-Language", shown())
                patch_vary_headers(response, ["Accept-Language", "Cookie"])
        return response
