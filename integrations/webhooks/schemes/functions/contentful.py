"""Contentful: the request itself names the headers that are signed, so it is told which of them it must name."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import quote

from integrations.webhooks.decoding import decoded
from integrations.webhooks.places import place, text
from integrations.webhooks.request import WebhookRequest
from integrations.webhooks.schemes.functions.secrets import keys_of
from integrations.webhooks.schemes.proven import Case, Proven
from integrations.webhooks.verdicts import Refused

SIGNATURE = "x-contentful-signature"
SIGNED_HEADERS = "x-contentful-signed-headers"
MUST_BE_SIGNED = (SIGNED_HEADERS, "x-contentful-timestamp")
MOST_HEADERS = 50
# What JavaScript's encodeURI and querystring.escape leave as it is, beside letters and digits.
URI_SAFE = ";,/?:@&=+$-_.!~*'()#"
QUERY_SAFE = "-_.!~*'()"


def prove(case: Case) -> Proven:
    """Return what the signature proves. Raises Refused."""
    keys = keys_of(case)
    claimed = _signature(case.request)
    content = _content(case.request)
    for number, key in keys:
        right = hmac.digest(key, content, hashlib.sha256)
        if hmac.compare_digest(right, claimed):
            return Proven(right, content, number)
    raise Refused("mismatch", "The signature does not fit: another secret, or not the bytes that were signed.")


def signed(case: Case) -> bytes:
    """Return the bytes that should be signed. Raises Refused."""
    return _content(case.request)


def _signature(request: WebhookRequest) -> bytes:
    try:
        signature = decoded(_header(request, SIGNATURE), "hex")
    except ValueError:
        raise Refused("malformed", "The signature is not written in hex.") from None
    if len(signature) != hashlib.sha256().digest_size:
        raise Refused("malformed", "The signature is cut short.")
    return signature


def _content(request: WebhookRequest) -> bytes:
    """Return method, path, headers and body in lines, as node-apps-toolkit 3.16.1 writes them."""
    names = [name.strip().lower() for name in _header(request, SIGNED_HEADERS).split(",")]
    if len(set(names)) != len(names):
        raise Refused("doubled", "A header is named twice among the signed ones.")
    if not set(MUST_BE_SIGNED) <= set(names) or SIGNATURE in names or len(names) > MOST_HEADERS:
        raise Refused("malformed", "The signed headers lack the time or their own list.")
    headers = ";".join(f"{name}:{_header(request, name)}" for name in sorted(names))
    return "\n".join((request.method, _path(request), headers)).encode() + b"\n" + request.body


def _path(request: WebhookRequest) -> str:
    address, _, query = request.url.partition("#")[0].partition("?")
    path = "/" + address.partition("://")[2].partition("/")[2]
    escaped = f"?{quote(query, safe=QUERY_SAFE)}" if query else ""
    return quote(path + escaped, safe=URI_SAFE)


def _header(request: WebhookRequest, name: str) -> str:
    value = text(request, place(f"header:{name}")) if name else None
    if value is None:
        raise Refused("missing", f"The request lacks the header {name or 'whose name is empty'}.")
    return value
