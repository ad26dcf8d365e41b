"""The pages of links while the vault is locked or nothing can be written: one plain sentence, and nothing lost."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from integrations.links.words import language_of, words_in
from integrations.oauth.errors import TROUBLE

logger = logging.getLogger(__name__)

TRY_AGAIN_S = 60

View = Callable[..., HttpResponse]


def says_later(view: View) -> View:
    """Answer 503 in the client's language in place of an error page: the link is as good as before."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except TROUBLE as trouble:
            note_trouble(trouble)
            return later(request)

    return answered


def later(request: HttpRequest) -> HttpResponse:
    """Return the page that says that it cannot be done just now."""
    language = language_of(request)
    words = words_in(language)
    said = {"words": words, "page_language": language, "title": words["later_title"], "text": words["later_text"]}
    answer = render(request, "links/notice.html", said, status=HTTPStatus.SERVICE_UNAVAILABLE)
    answer["Retry-After"] = str(TRY_AGAIN_S)
    return answer


def note_trouble(trouble: Exception, about: Any = None) -> None:
    """Log what kind of trouble it was; a message of a database may quote what was to be written."""
    code = getattr(trouble, "code", "") or type(trouble).__name__
    logger.error("a link could not do its part", extra={"code": str(code), "link": str(getattr(about, "pk", ""))})
