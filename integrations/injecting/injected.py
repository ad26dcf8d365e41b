"""The stored fields of a credential, made ready for the places that its provider names.

Made once for a route or a probe; a call only lays the finished bytes into its request. Listed door: plaintext.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from integrations.errors import IntegrationError
from integrations.injecting import oauth1
from integrations.injecting.sigv4 import Signer
from integrations.providers.injection import Injection, Place, text_of

Pair = tuple[bytes, bytes]

# A template's name for the value itself, by the field that holds it.
TOKEN_FIELDS = {"api_key": "api_key", "bearer": "token"}
# What a path segment may hold as it is (RFC 3986 section 3.3).
SEGMENT_SAFE = "!$&'()*+,;=:@-._~"
ESCAPE = re.compile("%[0-9A-F]{2}")
SHOWN = "****"
IN_URL = ("path", "query")
SESSION_TOKEN = "session_token"  # noqa: S105 - a field's name


class IncompleteCredential(IntegrationError):
    """The stored secret lacks a value that a place of this provider takes, or holds one that cannot stand there."""

    code = "incomplete_credential"


@dataclass(frozen=True, slots=True)
class Injected:
    """A credential ready to be sent. None of its values is in its repr.

    `segment` stands between base URL and path, and `shown_segment` is what a log says of it. `signer` signs what is
    sent. `texts` are the values in the dress in which they are sent.
    """

    headers: tuple[Pair, ...] = field(default=(), repr=False)
    query: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    segment: bytes = field(default=b"", repr=False)
    shown_segment: bytes = b""
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    signer: Signer | oauth1.Signer | None = field(default=None, repr=False)
    taken: frozenset[bytes] = frozenset()
    texts: tuple[str, ...] = field(default=(), repr=False)
    in_url: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def changes_body(self) -> bool:
        """Tell whether the body is not sent as it came, or must be seen whole before anything is sent."""
        return bool(self.fields) or self.signer is not None


def injected(injection: Injection, kind: str, fields: Mapping[str, str]) -> Injected:
    """Return the credential of a connection of this kind in the places that its provider names.

    `fields` are the plain values by the vault's names. Raises IncompleteCredential.
    """
    values = values_of(kind, fields)
    if injection.in_ == "sigv4":
        return _signed(injection, values)
    if injection.in_ == "oauth1":
        return _signed_for_token(injection, values)
    places: list[Injection | Place] = [
        injection,
        *(place for place in injection.more if place.names() <= values.keys()),
    ]
    if missing := injection.names() - values.keys() - _optional(injection):
        raise IncompleteCredential(f"the stored credential has no {min(missing)}")
    texts = [(place, text_of(place, values)) for place in places]
    headers = tuple((place.name.encode("latin-1"), _bytes(text)) for place, text in texts if place.in_ == "header")
    segment = _segment(injection, values) if injection.in_ == "path" else ""
    return Injected(
        headers=headers,
        query=tuple((place.name, _pair(place, text)) for place, text in texts if place.in_ == "query"),
        segment=segment.encode("ascii"),
        shown_segment=shown_segment(injection),
        fields=tuple((place.name, text) for place, text in texts if place.in_ == "json"),
        taken=frozenset(name.lower() for name, _ in headers),
        texts=tuple(dict.fromkeys([*(text for _, text in texts), *([segment] if segment else [])])),
        in_url=tuple(_in_url(injection, values)),
    )


def values_of(kind: str, fields: Mapping[str, str]) -> dict[str, str]:
    """Return the values as templates name them: the own value of a kind is `token`."""
    if kind == "basic":
        return {"username": "", "password": "", **fields}
    own = TOKEN_FIELDS.get(kind, "access_token")
    if own not in fields:
        raise IncompleteCredential(f"the stored credential has no {own}")
    return {name: value for name, value in fields.items() if name != own} | {"token": fields[own]}


def shown_segment(injection: Injection) -> bytes:
    """Return what a log says where the credential stands in the path: "bot****"."""
    if injection.in_ != "path":
        return b""
    return text_of(injection, dict.fromkeys(injection.names(), SHOWN)).encode("ascii")


def _optional(injection: Injection) -> frozenset[str]:
    """Return the fields that only a place of `more` takes: without one, that place goes unsent."""
    first = Place("query", "x", injection.template, injection.basic).names()
    return frozenset().union(*(place.names() for place in injection.more)) - first


def _bytes(text: str) -> bytes:
    """Return a header's value: one byte a character, as servers read it (RFC 9110 section 5.5), where it can be."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8")


def _pair(place: Injection | Place, text: str) -> bytes:
    return f"{place.name}={quote(text, safe='')}".encode("ascii")


def _segment(injection: Injection, values: Mapping[str, str]) -> str:
    """Return the segment. A value cannot leave it: what separates is encoded, and a dot segment is refused."""
    segment = text_of(injection, {name: quote(text, safe=SEGMENT_SAFE) for name, text in values.items()})
    if segment.split(";", 1)[0] in ("", ".", ".."):
        raise IncompleteCredential("the stored credential cannot stand in a path")
    return segment


def _in_url(injection: Injection, values: Mapping[str, str]) -> Iterator[bytes]:
    """Yield what an answer's headers must not repeat: a redirect names the whole address, credential and all."""
    every: list[Injection | Place] = [injection, *injection.more]
    for name in {name for place in every if place.in_ in IN_URL for name in place.names()} & values.keys():
        plain = values[name]
        for form in (quote(plain, safe=""), quote(plain, safe=SEGMENT_SAFE), plain):
            if form:
                yield form.encode("utf-8")
                yield ESCAPE.sub(lambda found: found[0].lower(), form).encode("utf-8")


def _signed(injection: Injection, values: Mapping[str, str]) -> Injected:
    key_id, secret, session = values["username"], values["password"], values.get(SESSION_TOKEN, "")
    if not key_id or not secret or not (key_id + secret + session).isascii():
        raise IncompleteCredential("the stored credential has no access key")
    signer = Signer(key_id, secret, session, region=injection.region, service=injection.service)
    return Injected(signer=signer, taken=signer.TAKEN, texts=tuple(text for text in (secret, session) if text))


def _signed_for_token(injection: Injection, values: Mapping[str, str]) -> Injected:
    """Return the two pairs of OAuth 1, ready to sign."""
    own = [values.get(name, "") for name in ("username", "password", "oauth_token", "oauth_token_secret")]
    if not all(own) or not "".join(own).isascii():
        raise IncompleteCredential("the stored credential lacks one of its four values")
    signer = oauth1.Signer((own[0], own[1]), (own[2], own[3]), method=injection.method, realm=injection.realm)
    return Injected(signer=signer, taken=signer.TAKEN, texts=tuple(own[1:]))
