"""Asking again who it is, before a value is shown or something grave is done (ASVS 7.5.3)."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY, get_authentication_records
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

View = Callable[..., HttpResponseBase]
LASTS_S = 15 * 60


def needs_step_up(request: HttpRequest) -> bool:
    """Tell whether the last proof of identity in this session is more than 15 minutes unused.

    Signing in is a proof too. A session without any record of one has none: it must prove who it is.
    """
    proofs = get_authentication_records(request, request.user)
    newest = max((float(proof.get("at", 0)) for proof in proofs), default=0.0)
    return not 0 <= time.time() - newest < LASTS_S


def renew(request: HttpRequest) -> None:
    """Count the 15 minutes from now: step-up is renewed by use."""
    records = request.session.get(AUTHENTICATION_METHODS_SESSION_KEY) or []
    if records:
        records[-1]["at"] = time.time()
        request.session[AUTHENTICATION_METHODS_SESSION_KEY] = records


def step_up_required(view: View) -> View:
    """Let the view run only after a recent proof; otherwise ask, and come back to where one was.

    The refused request is not kept: a form with a secret must not wait in a session.
    htmx requests are told to move the whole page, since a fragment cannot ask.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if needs_step_up(request):
            return _ask(request)
        renew(request)
        return view(request, *args, **kwargs)

    return guarded


def _ask(request: HttpRequest) -> HttpResponseBase:
    target = f"{reverse('account_reauthenticate')}?{urlencode({'next': _way_back(request)})}"
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(status=204, headers={"HX-Redirect": target})
    return HttpResponseRedirect(target)


def _way_back(request: HttpRequest) -> str:
    if request.method == "GET" and request.headers.get("HX-Request") != "true":
        return request.get_full_path()
    came_from = request.headers.get("HX-Current-URL") or request.headers.get("Referer") or "/"
    is_ours = url_has_allowed_host_and_scheme(came_from, {request.get_host()}, require_https=request.is_secure())
    return came_from if is_ours else "/"
