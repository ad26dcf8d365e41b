"""Where a credential goes in a call: the places that a provider's facts name, and what stands in each.

A place is a header, a query parameter, one segment of the path, a field of a JSON body, or the signature of the
whole request (AWS Signature Version 4). A second place of the same credential stands in `more`.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext_noop

from integrations.providers.parts import QUERY_NAME, TCHAR, one_of

PLACES = ("header", "query", "path", "json", "sigv4", "oauth1")
SIGNED = ("sigv4", "oauth1")
BESIDE = ("header", "query")
SLOT = re.compile(r"\{([a-z][a-z0-9_]*)\}")
FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
JSON_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,79}")
# What a path segment may hold besides its slots (RFC 3986 section 3.3, without what starts a parameter).
SEGMENT = re.compile(r"[A-Za-z0-9._~!$&'()*+,=:@-]*")
# What signs a request of OAuth 1.0a: the consumer's pair is user name and password, the token's are two fields beside.
OAUTH1_FIELDS = frozenset(("username", "password", "oauth_token", "oauth_token_secret"))
OAUTH1_METHODS = ("HMAC-SHA1", "HMAC-SHA256")
REALM = re.compile(r"(?:[A-Za-z0-9_.-]|\{[a-z][a-z0-9_]*\})+")
AWS_SCOPE = re.compile(r"(?:[a-z0-9-]|\{[a-z][a-z0-9_]*\})+")
# The fields of a kind that a person pastes; a template calls the one of api_key and bearer `{token}`.
OWN_FIELDS: Mapping[str, tuple[str, ...]] = {
    "api_key": ("api_key",),
    "bearer": ("token",),
    "basic": ("username", "password"),
}
OWN_WORDS = {
    "api_key": gettext_noop("API key"),
    "token": gettext_noop("Bearer token"),
    "username": gettext_noop("User name"),
    "password": gettext_noop("Password"),
}

# Headers that say where a request goes and where it ends: a value of ours there would let it end elsewhere.
FRAMING = frozenset(
    (
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "proxy-connection",
    )
)


@dataclass(frozen=True, slots=True)
class CredentialField:
    """A value that a credential has beside its own (Datadog's application key), or other words for its own.

    `kinds` are the kinds of connection that have it, none given: all that are pasted. One that names a kind whose
    token comes from a grant goes beside that token. `is_optional`: it may be left out, and the place that names it
    then goes unsent.
    """

    name: str
    words: str
    is_optional: bool = False
    kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not FIELD_NAME.fullmatch(self.name) or self.name == "basic":
            raise ValueError("name: must be a lower case word such as application_key")
        if not self.words:
            raise ValueError("words: must say what the provider calls it")


def fields_beside(fields: Iterable[CredentialField], kind: str) -> tuple[CredentialField, ...]:
    """Return the fields that go beside a token of this kind: those that name it."""
    return () if kind in OWN_FIELDS else tuple(field for field in fields if kind in field.kinds)


@dataclass(frozen=True, slots=True)
class Place:
    """One place in a call and what stands there.

    `{token}` is the credential, `{username}` and `{password}` those of kind basic, `{application_key}` another of
    its fields. `{basic}` is `basic`, encoded as RFC 7617 has it: "{token}:x" where a vendor fixes one half.
    """

    in_: str
    name: str = ""
    template: str = "{token}"
    basic: str = ""

    def __post_init__(self) -> None:
        one_of("in", self.in_, BESIDE)
        check_place(self)

    @property
    def slot(self) -> str:
        """Return the slot as a policy spells it: "header:authorization", "query:api_key", "json:key"."""
        return f"{self.in_}:{self.name.lower() if self.in_ == 'header' else self.name}"

    def names(self) -> frozenset[str]:
        """Return the fields that it takes: "token", "username", or those of the provider's `credential_fields`."""
        return names_in(self)

    def text(self, values: Mapping[str, str]) -> str:
        """Return the plaintext to put there. The caller owns its secrecy."""
        return text_of(self, values)


@dataclass(frozen=True, slots=True)
class Injection:
    """Where the credential of a kind goes, and where else.

    `in = "path"` puts the segment `template` between the base URL and the caller's path. `in = "json"` sets the field
    `name` of the caller's JSON object. `in = "sigv4"` signs for `service` in `region`, both of which may be variables;
    user name is the access key id, password the secret access key, and the field `session_token` may go with them.
    `in = "oauth1"` signs after RFC 5849, `method` says how: user name and password are consumer key and secret, the
    fields `oauth_token` and `oauth_token_secret` the token; `realm` may be a variable.
    """

    in_: str
    name: str = ""
    template: str = "{token}"
    basic: str = ""
    more: tuple[Place, ...] = ()
    service: str = ""
    region: str = ""
    method: str = ""
    realm: str = ""

    def __post_init__(self) -> None:
        one_of("in", self.in_, PLACES)
        _CHECKS[self.in_](self)
        if self.in_ != "sigv4" and (self.service or self.region):
            raise ValueError("service: only a request that is signed has a service and a region")
        if self.in_ != "oauth1" and (self.method or self.realm):
            raise ValueError("method: only a request signed by OAuth 1 has a method and a realm")
        slots = self.slots
        if len(set(slots)) != len(slots):
            raise ValueError("more: names one place twice")

    @property
    def slot(self) -> str:
        """Return its first slot as a policy spells it; of a path the whole segment, of a signature its scope."""
        if self.in_ == "path":
            return f"path:{self.template}"
        if self.in_ == "sigv4":
            return f"sigv4:{self.region}/{self.service}"
        if self.in_ == "oauth1":
            return f"oauth1:{self.method}/{self.realm}"
        return f"{self.in_}:{self.name.lower() if self.in_ == 'header' else self.name}"

    @property
    def slots(self) -> tuple[str, ...]:
        """Return every slot, as a policy spells them."""
        return (self.slot, *(place.slot for place in self.more))

    def slots_of(self, fields: Iterable[str]) -> tuple[str, ...]:
        """Return the slots of the places beside the first that take one of these fields."""
        wanted = frozenset(fields)
        return tuple(place.slot for place in self.more if place.names() & wanted)

    def names(self) -> frozenset[str]:
        """Return the fields that its places take."""
        if self.in_ == "sigv4":
            return frozenset(("username", "password"))
        if self.in_ == "oauth1":
            return OAUTH1_FIELDS
        return names_in(self).union(*(place.names() for place in self.more))

    def value(self, *, token: str = "", username: str = "", password: str = "", **fields: str) -> str:
        """Return the plaintext to put into its first slot. The caller owns its secrecy."""
        return text_of(self, {"token": token, "username": username, "password": password} | fields)


def names_in(place: Place | Injection) -> frozenset[str]:
    """Return the fields that a template takes; those of a pair where it holds one."""
    found = set(SLOT.findall(place.template))
    if "basic" in found:
        found = found - {"basic"} | set(SLOT.findall(place.basic) or ("username", "password"))
    return frozenset(found)


def text_of(place: Place | Injection, values: Mapping[str, str]) -> str:
    """Return the template with every slot filled. Raises KeyError for a field that is not given.

    Each is filled once: a value that looks like a slot stays as it is.
    """
    filled = values
    if "{basic}" in place.template:
        pair = _put(place.basic or "{username}:{password}", values)
        filled = {**values, "basic": b64encode(pair.encode()).decode()}  # RFC 7617 section 2
    return _put(place.template, filled)


def _put(template: str, values: Mapping[str, str]) -> str:
    return SLOT.sub(lambda slot: values[slot[1]], template)


def check_place(place: Place | Injection) -> None:
    """Raise ValueError unless a header or a query parameter is named and filled as it can be."""
    rule = TCHAR if place.in_ == "header" else QUERY_NAME
    if not rule.fullmatch(place.name):
        raise ValueError(f"name: is not a {place.in_} name")
    if place.in_ == "header" and (place.name.lower() in FRAMING or place.name.lower().startswith("x-keylodge-")):
        raise ValueError(f"name: {place.name} carries no credential; it steers the call itself")
    _check_template(place)


def _check_template(place: Place | Injection) -> None:
    slots = SLOT.findall(place.template)
    if not slots:
        raise ValueError("template: must hold {token} or {basic}, or the name of another field")
    if len(slots) != len(set(slots)):
        raise ValueError("template: names one field twice")
    for name, text in (("template", place.template), ("basic", place.basic)):
        if not text.isascii() or not text.isprintable() or "{" in SLOT.sub("", text) or "}" in SLOT.sub("", text):
            raise ValueError(f"{name}: holds characters that cannot stand in a request")
    if place.basic and "basic" not in slots:
        raise ValueError("basic: is used only where the template holds {basic}")
    if place.basic and (place.basic.count(":") != 1 or not SLOT.search(place.basic) or "{basic}" in place.basic):
        raise ValueError('basic: must be two halves with one colon, as in "{token}:x"')


def _check_path(injection: Injection) -> None:
    if injection.name:
        raise ValueError("name: a segment of the path has none; its template says where the credential stands")
    _check_template(injection)
    if "{basic}" in injection.template or not SEGMENT.fullmatch(SLOT.sub("", injection.template)):
        raise ValueError("template: must be one segment of a path, as in bot{token}")


def _check_json(injection: Injection) -> None:
    if not JSON_NAME.fullmatch(injection.name):
        raise ValueError("name: is not the name of a JSON field")
    _check_template(injection)


def _check_sigv4(injection: Injection) -> None:
    if injection.name or injection.template != "{token}" or injection.basic or injection.more:
        raise ValueError("name: a signed request has a service and a region, and nothing else")
    for name in ("service", "region"):
        if not AWS_SCOPE.fullmatch(getattr(injection, name)):
            raise ValueError(f"{name}: must be as AWS spells it, as in s3 or eu-central-1, or a variable")


def _check_oauth1(injection: Injection) -> None:
    if injection.name or injection.template != "{token}" or injection.basic or injection.more:
        raise ValueError("name: a signed request has a method and a realm, and nothing else")
    one_of("method", injection.method, OAUTH1_METHODS)
    if injection.realm and not REALM.fullmatch(injection.realm):
        raise ValueError("realm: must be a plain word, or a variable")


_CHECKS = {
    "header": check_place,
    "query": check_place,
    "path": _check_path,
    "json": _check_json,
    "sigv4": _check_sigv4,
    "oauth1": _check_oauth1,
}
