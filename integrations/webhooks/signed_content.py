"""The bytes that a signature covers, from a template such as `v0:{ts}:{body}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import unquote

from integrations.webhooks.places import Place, place, text
from integrations.webhooks.request import WebhookRequest
from integrations.webhooks.verdicts import Refused

TOKEN = re.compile(r"\{([^{}]*)\}")
PLAIN_TOKENS = ("body", "ts", "id", "url", "method", "form", "secret")
PLACED_TOKENS = ("json:", "header:", "query:")
URL_FORMS = ("registered", "default_port", "hubspot")
AUTHORITY = re.compile(r"(https?)://([^/?#@]+?)(:[0-9]+)?(?=[/?#]|$)")
# HubSpot's own list of what it decodes before it signs (validating requests, v3).
HUBSPOT_DECODED = re.compile(r"%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)


@lru_cache(maxsize=512)
def parts(template: str) -> tuple[str | tuple[str], ...]:
    """Return a template as literal texts and one-tuples of token names. Raises ValueError for an unknown token."""
    found: list[str | tuple[str]] = []
    for number, piece in enumerate(TOKEN.split(template)):
        if number % 2:
            _check_token(piece)
            found.append((piece,))
        elif "{" in piece or "}" in piece or not piece.isascii():
            raise ValueError(f"{template!r} has a brace or a character that cannot stand there")
        elif piece:
            found.append(piece)
    return tuple(found)


def tokens(template: str) -> tuple[str, ...]:
    """Return the names of a template's tokens."""
    return tuple(part[0] for part in parts(template) if isinstance(part, tuple))


def signed_content(
    request: WebhookRequest, template: str, *, url: str, known: Mapping[str, bytes], masks_secret: bool = False
) -> bytes:
    """Return the signed bytes. `known` gives `ts`, `id` and `secret`, where the template names them.

    Raises Refused when a part of the request that the template names is missing or doubled.
    """
    pieces = []
    for part in parts(template):
        if isinstance(part, str):
            pieces.append(part.encode())
        elif part[0] == "secret" and masks_secret:
            pieces.append(b"****")
        else:
            pieces.append(_piece(request, part[0], url=url, known=known))
    return b"".join(pieces)


def urls_to_try(url: str, form: str) -> tuple[str, ...]:
    """Return the writings of the registered URL that the vendor may have signed, the likeliest first."""
    if form == "default_port":
        return tuple(dict.fromkeys((_without_port(url), _with_port(url))))
    if form == "hubspot":
        return tuple(dict.fromkeys((HUBSPOT_DECODED.sub(lambda found: unquote(found[0]), url), url)))
    return (url,)


def near_urls(url: str) -> list[tuple[str, str]]:
    """Return the addresses that are easily taken for the registered one, each with how it differs."""
    address, mark, query = url.partition("?")
    scheme, separator, rest = address.partition("://")
    slashed = address.removesuffix("/") if address.endswith("/") else f"{address}/"
    other_scheme = {"https": "http", "http": "https"}.get(scheme, scheme)
    return [
        (
            "without the slash at its end" if address.endswith("/") else "with a slash at its end",
            slashed + mark + query,
        ),
        (f"with {other_scheme}", other_scheme + separator + rest + mark + query),
        ("without its query", address),
        ("with its port", _with_port(url)),
        ("without its port", _without_port(url)),
    ]


def sorted_form(request: WebhookRequest) -> bytes:
    """Return the fields sorted by name, name and value joined; a value given twice counts once (Twilio's SDK)."""
    return b"".join(name + value for name, value in sorted(set(request.form_pairs())))


def _check_token(name: str) -> None:
    if name in PLAIN_TOKENS:
        return
    if not name.startswith(PLACED_TOKENS):
        known = ", ".join(f"{{{token}}}" for token in (*PLAIN_TOKENS, *(f"{start}…" for start in PLACED_TOKENS)))
        raise ValueError(f"{{{name}}} is no token (known: {known})")
    place(name)


def _piece(request: WebhookRequest, name: str, *, url: str, known: Mapping[str, bytes]) -> bytes:
    if name == "body":
        return request.body
    if name == "form":
        return sorted_form(request)
    if name == "url":
        return url.encode()
    if name == "method":
        return request.method.encode()
    if name in known:
        return known[name]
    return _placed(request, place(name))


def _placed(request: WebhookRequest, where: Place) -> bytes:
    value = text(request, where)
    if value is None:
        raise Refused("missing", f"The request lacks {where.words}, which is signed.")
    return value.encode()


def _without_port(url: str) -> str:
    return AUTHORITY.sub(r"\1://\2", url, count=1)


def _with_port(url: str) -> str:
    def port(found: re.Match[str]) -> str:
        return found[0] if found[3] else f"{found[0]}:{443 if found[1] == 'https' else 80}"

    return AUTHORITY.sub(port, url, count=1)
