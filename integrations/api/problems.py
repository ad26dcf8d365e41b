"""The API's refusals: RFC 9457 problem details, each with a stable code, and the field where there is one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from django.http import HttpRequest, HttpResponse

from integrations.errors import IntegrationError

MEDIA = "application/problem+json"
_PROBLEMS: dict[str, tuple[int, str, str]] = {
    "token_missing": (401, "No API token", "Send the token as 'Authorization: Bearer kla_…'."),
    "token_invalid": (401, "API token not valid", "The token is unknown, has ended or was revoked. Make a new one."),
    "wrong_token": (
        401,
        "This is a gateway token",
        "A klg_ token calls providers. Make a token that reports errors, on the client's page in Keylodge.",
    ),
    "scope_missing": (403, "The token may not do this", "The token lacks the right that this address asks for."),
    "token_limited": (429, "Too many requests", "The token's requests of this minute are used up."),
    "body_too_large": (413, "Body too large", "Send at most 256 KB; an excerpt of the answer is enough."),
    "body_not_json": (400, "Body is not JSON", "The body cannot be read as JSON in UTF-8."),
    "media_refused": (415, "Body of another kind", "Send JSON with 'Content-Type: application/json', or a form."),
    "field_refused": (422, "A field cannot be taken", "See 'errors': each names the field and what is wrong with it."),
    "key_refused": (400, "Idempotency key refused", "Send 1 to 200 printable ASCII characters."),
    "key_reused": (
        409,
        "Idempotency key used for another body",
        "This key was sent before, with a different body. A new report takes a new key.",
    ),
    "not_found": (404, "Nothing here", "The address is not part of this API. See /api/v1/openapi.json."),
    "method_refused": (405, "Method not allowed", "This address is not used that way. See /api/v1/openapi.json."),
    "internal_error": (500, "Something broke in Keylodge", "Nothing was kept. The log holds the cause beside this id."),
    "unavailable": (503, "Keylodge is busy", "The report was not kept. Send it again shortly."),
}


class ApiProblem(IntegrationError):
    """An answer of the API that ends the request. `detail` stands in place of the code's own sentence."""

    def __init__(
        self,
        code: str,
        *,
        detail: str = "",
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})


def refused(request: HttpRequest, problem: ApiProblem) -> HttpResponse:
    """Return the problem as an answer."""
    status, title, detail = _PROBLEMS[problem.code]
    body: dict[str, object] = {"type": "about:blank", "title": title, "status": status}
    body |= {"detail": problem.detail or detail, "code": problem.code}
    if problem.errors:
        body["errors"] = problem.errors
    body["request_id"] = getattr(request, "reference", "")
    answer = HttpResponse(json.dumps(body), status=status, content_type=MEDIA)
    if status == 401:
        answer["WWW-Authenticate"] = 'Bearer realm="keylodge"'
    for name, value in problem.headers.items():
        answer[name] = value
    return answer
