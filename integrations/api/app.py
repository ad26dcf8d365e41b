"""The API over HTTP: who may, what they sent, and what became of it. Every refusal is problem+json."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.responses import Status
from ninja.security import HttpBearer

from integrations import tokens as gateway_tokens
from integrations.api import storing, tokens
from integrations.api.problems import ApiProblem, refused
from integrations.api.reading import StrictParser, check_length, read_ahead
from integrations.api.report import Accepted, ErrorReport, Problem
from integrations.models import ApiToken
from secrets_vault.errors import VaultError
from secrets_vault.people.middleware import address_of

logger = logging.getLogger(__name__)
KEY_HEADER = "X-Keylodge-Idempotency-Key"
LONGEST_KEY = 200
REFUSALS = frozenset({400, 401, 403, 409, 413, 415, 422, 429, 503})


class ApiBearer(HttpBearer):
    """Lets in who shows a living kla_ token that has the right and a request left in this minute."""

    def __init__(self, scope: ApiToken.Scope) -> None:
        super().__init__()
        self._scope = scope

    def __call__(self, request: HttpRequest) -> ApiToken:
        """Return the token. Raises ApiProblem."""
        kind, _, text = request.headers.get(self.header, "").partition(" ")
        if kind.lower() != self.openapi_scheme or not text.strip():
            raise ApiProblem("token_missing")
        return self.authenticate(request, text.strip())

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken:
        """Return the token that this text opens, and count the request. Raises ApiProblem."""
        now = timezone.now()
        found = tokens.find(token, now=now)
        if found is None:
            raise ApiProblem("wrong_token" if token.startswith(gateway_tokens.PREFIX) else "token_invalid")
        if self._scope not in found.scopes:
            raise ApiProblem("scope_missing")
        if not tokens.take(found, ip=address_of(request), now=now):
            raise ApiProblem("token_limited", headers={"Retry-After": str(60 - now.second)})
        check_length(request)
        return found


api = NinjaAPI(
    title="Keylodge",
    version="1",
    description="What other programs may ask of Keylodge. Every refusal is application/problem+json (RFC 9457).",
    docs_url=None,
    parser=StrictParser(),
    urls_namespace="api",
)


@api.post(
    "/errors",
    auth=ApiBearer(ApiToken.Scope.ERRORS_WRITE),
    response={201: Accepted, REFUSALS: Problem},
    summary="Report an error that another tool saw",
    operation_id="report_error",
    tags=["Errors"],
    openapi_extra={
        "parameters": [
            {
                "name": KEY_HEADER,
                "in": "header",
                "required": False,
                "schema": {"type": "string", "maxLength": LONGEST_KEY},
                "description": "Makes repeating safe: for seven days the same key gets the same answer.",
            }
        ]
    },
)
def report_error(request: HttpRequest, report: ErrorReport) -> Status[Any]:
    """Keep an error of Make, Zapier, n8n or a script, masked, and count it with the others like it.

    At most 256 KB. It is labelled as reported, and counts in no limit or usage of the gateway.
    """
    token: ApiToken = request.auth  # type: ignore[attr-defined]
    key = request.headers.get(KEY_HEADER, "")
    if KEY_HEADER in request.headers and not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise ApiProblem("key_refused")
    answer = storing.keep(token, report, now=timezone.now(), ip=address_of(request), key=key, body=request.body)
    return Status(201, answer)


@api.exception_handler(ApiProblem)
def on_problem(request: HttpRequest, problem: ApiProblem) -> HttpResponse:
    """Answer with the problem."""
    return refused(request, problem)


@api.exception_handler(HttpError)
def on_http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    """Answer with what the parser found; the framework says only that it found something."""
    cause = error.__cause__
    return refused(request, cause if isinstance(cause, ApiProblem) else ApiProblem("body_not_json"))


@api.exception_handler(ValidationError)
def on_bad_fields(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Name each field that cannot be taken. What was sent is not repeated: it may hold a secret."""
    found = [{"field": _field(one["loc"]), "problem": _words(one["msg"])} for one in error.errors]
    return refused(request, ApiProblem("field_refused", errors=found))


def _field(place: tuple[Any, ...]) -> str:
    """Return the field's name without where the framework found it: ("body", "report", "status")."""
    return ".".join(str(part) for part in place[2:] if isinstance(part, str | int)) or "body"


def _words(message: str) -> str:
    return message.removeprefix("Value error, ")


@api.exception_handler(DatabaseError)
@api.exception_handler(VaultError)
def on_outage(request: HttpRequest, error: Exception) -> HttpResponse:
    """Say that nothing was kept. The sender may come again; with an idempotency key that is safe."""
    logger.error("a report could not be kept", extra={"error": type(error).__name__})
    return refused(request, ApiProblem("unavailable", headers={"Retry-After": "5"}))


@api.exception_handler(Exception)
def on_own_fault(request: HttpRequest, error: Exception) -> HttpResponse:
    """Answer in the API's form, and leave the cause in the log."""
    logger.error("the API broke", exc_info=error)
    return refused(request, ApiProblem("internal_error"))


@api.exception_handler(Http404)
def on_nothing(request: HttpRequest, error: Http404) -> HttpResponse:
    """Say that nothing is there."""
    return refused(request, ApiProblem("not_found"))


def nothing(request: HttpRequest, rest: str = "") -> HttpResponse:
    """Answer every other address under /api."""
    return refused(request, ApiProblem("not_found"))


def as_problems(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Return the view with the framework's own plain refusal of a method as a problem."""

    def answered(request: HttpRequest, *args: Any, **named: Any) -> HttpResponse:
        read_ahead(request)
        answer = view(request, *args, **named)
        if answer.status_code != 405:
            return answer
        return refused(request, ApiProblem("method_refused", headers={"Allow": answer["Allow"]}))

    return answered
