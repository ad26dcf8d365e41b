"""Atlassian Connect: a JWT that is bound to method, path and query by their hash, but not to the body."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

from integrations.webhooks.places import place, text
from integrations.webhooks.request import WebhookRequest
from integrations.webhooks.schemes.functions import jwt
from integrations.webhooks.schemes.proven import Case, Proven
from integrations.webhooks.verdicts import Refused

PREFIX = "JWT "


def prove(case: Case) -> Proven:
    """Return what the token proves. Raises Refused."""
    token = jwt.parse(_written(case.request), algorithm="HS256")
    number = jwt.hs256_secret_number(case, token)
    made_at = jwt.check_times(token, now=case.now)
    _check_query_hash(case.request, token.claim("qsh"))
    # The body is not signed, but it tells two events apart.
    return Proven(token.signature, token.signed + b"." + case.request.body, number, made_at)


def _written(request: WebhookRequest) -> str:
    in_header = text(request, place("header:Authorization"))
    in_query = text(request, place("query:jwt"))
    if in_header and in_query:
        raise Refused("doubled", "There is a token in the header and in the query.")
    if in_header and not in_header.startswith(PREFIX):
        raise Refused("malformed", "The header Authorization does not begin with JWT.")
    found = in_query or (in_header or "").removeprefix(PREFIX)
    if not found:
        raise Refused("missing", "The request lacks the header Authorization, which should hold a token.")
    return found


def _check_query_hash(request: WebhookRequest, claimed: str) -> None:
    if not claimed:
        raise Refused("missing", "The token names no hash of the address (qsh).")
    for path in _paths(request):
        canonical = f"{request.method.upper()}&{path}&{_canonical_query(request)}"
        if hmac.compare_digest(hashlib.sha256(canonical.encode()).hexdigest().encode(), claimed.encode()):
            return
    raise Refused("mismatch", "The token was made for another method, path or query.")


def _paths(request: WebhookRequest) -> Iterator[str]:
    """Give the path, then each of its ends: the app's base URL, which is cut off before hashing, is not known here."""
    segments = [piece for piece in urlsplit(request.url).path.split("/") if piece]
    for start in range(len(segments) + 1):
        yield "/" + "/".join(segments[start:]).replace("&", "%26")


def _canonical_query(request: WebhookRequest) -> str:
    """Return the query as atlassian-jwt 2.0.3 writes it: sorted, RFC 3986, values of one name joined by commas."""
    values: dict[str, list[str]] = {}
    for name, value in request.query_pairs():
        values.setdefault(name, []).append(value)
    values.pop("jwt", None)
    return "&".join(
        f"{_encoded(name)}={','.join(_encoded(value) for value in sorted(values[name]))}" for name in sorted(values)
    )


def _encoded(text: str) -> str:
    return quote(text, safe="-._~")
