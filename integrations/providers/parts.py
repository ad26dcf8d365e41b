"""The parts of a provider's facts: where a credential goes, how to try it, what its limits are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

NOTHING: Mapping[str, Any] = MappingProxyType({})
KINDS = ("api_key", "bearer", "basic", "oauth2", "client_credentials", "jwt_bearer", "key_exchange")
# Which kind of connection a grant of RFC 6749 (or RFC 7523) makes.
KIND_OF_GRANT = {
    "authorization_code": "oauth2",
    "client_credentials": "client_credentials",
    "jwt_bearer": "jwt_bearer",
    "key_exchange": "key_exchange",
}
TOKEN_KINDS = tuple(KIND_OF_GRANT.values())  # a call carries an access token that ends and is replaced here
MACHINE_KINDS = ("client_credentials", "jwt_bearer", "key_exchange")  # and nobody has to consent to the next one
KEEPER_KINDS = ("jwt_bearer", "key_exchange")  # what a token is asked for with is kept with the connection
TCHAR = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
QUERY_NAME = re.compile(r"[A-Za-z0-9._~-]+")
# Who else than a person can tell a variable.
OUTSIDE = ("callback", "token", "discovery", "credential")
LITERAL = re.compile(r"[A-Za-z0-9_-]+(?:\\\.[A-Za-z0-9_-]+)*")
# A host, or any host below a domain of at least two labels.
HOST_RULE = re.compile(r"(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*")


def one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raise ValueError unless `value` is one of `allowed`."""
    if value not in allowed:
        raise ValueError(f"{name}: must be one of {', '.join(allowed)}")


@cache
def _rule(pattern: str) -> re.Pattern[str]:
    """Return a pattern of the facts, compiled once: a paste is held against all of them, more than `re` keeps."""
    return re.compile(pattern)


def is_json_object(text: str) -> bool:
    """Tell whether a text is one."""
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def compiled(name: str, pattern: str) -> re.Pattern[str]:
    """Return the compiled pattern. Raises ValueError naming the field."""
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{name}: is not a pattern: {error}") from None


@dataclass(frozen=True, slots=True)
class Variable:
    """A part of a URL or header that differs from account to account.

    `source` says who knows it: the form asks a person; callback, token and discovery are answers of
    the provider, read at `path`; a credential may hold it (Mailchimp's key ends in -us21), as the group
    of `path`. `take = "host"` keeps only the host of an answer that is a URL. `hosts` are where a value
    that is a whole host may lie, as in "*.salesforce.com". `kinds`: the kinds of connection that have it.
    """

    name: str
    source: str
    pattern: str
    example: str = ""
    label: str = ""
    default: str = ""
    path: str = ""
    take: str = "value"
    is_optional: bool = False
    hosts: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        one_of("source", self.source, ("form", *OUTSIDE))
        one_of("take", self.take, ("value", "host"))
        rule = compiled("pattern", self.pattern)
        if self.source == "credential" and compiled("path", self.path).groups != 1:
            raise ValueError("path: must be a pattern with one group, where a credential holds the value")
        for host in self.hosts:
            if not HOST_RULE.fullmatch(host):
                raise ValueError(f"hosts: {host} is no host, as in api.acme.com or *.acme.com")
        for name in ("example", "default"):
            if getattr(self, name) and not rule.fullmatch(getattr(self, name)):
                raise ValueError(f"{name}: does not match the pattern")

    def read(self, raw: str) -> str:
        """Return the value to keep. Raises ValueError when it does not match the pattern."""
        value = (urlsplit(raw).hostname or "") if self.take == "host" and "//" in raw else raw
        if not re.fullmatch(self.pattern, value) or not self._lies_within(value):
            example = f", for example {self.example}" if self.example else ""
            raise ValueError(f"{self.name}: does not look like {self.label or self.name}{example}")
        return value

    @property
    def alternatives(self) -> tuple[str, ...]:
        """Return the values that a pattern lists one by one, as in com|eu|com\\.au; nothing where it is no list."""
        parts = self.pattern.removeprefix("(?:").removesuffix(")").split("|")
        return tuple(part.replace("\\.", ".") for part in parts) if all(map(LITERAL.fullmatch, parts)) else ()

    def _lies_within(self, value: str) -> bool:
        """Tell whether a host is one of `hosts`; whether it is a host at all says who fills it in."""
        ends = [host[1:] for host in self.hosts if host.startswith("*.")]
        return not self.hosts or value in self.hosts or any(value.endswith(end) and value != end for end in ends)


@dataclass(frozen=True, slots=True)
class Probe:
    """The cheapest call that proves a credential works, and how to read its answer.

    Other than 2xx, `alive_statuses` also prove that the credential is known: a restricted key may
    be refused this one path. `true_at` names a field that must be true (Slack answers 200 to a
    dead token). `alive_text` in the body of a refusal proves it too: OpenAI answers 401 to a
    restricted key. `body` is JSON to send. `needs` says in words what the call needs beyond a valid credential.
    `ends_header`, or the field at `ends_at`, of the answer says when the credential ends.
    """

    method: str
    path: str
    url: str = ""
    alive_statuses: tuple[int, ...] = ()
    true_at: str = ""
    alive_text: str = ""
    headers: Mapping[str, str] = NOTHING
    body: str = ""
    needs: str = ""
    ends_header: str = ""
    ends_at: str = ""

    def __post_init__(self) -> None:
        one_of("method", self.method, ("GET", "HEAD", "POST"))
        if self.ends_header and self.ends_at:
            raise ValueError("ends_at: give a header or a field, not both")
        if not self.path.startswith("/") or self.path.startswith("//"):
            raise ValueError("path: must start with one slash")
        if self.body and (self.method != "POST" or not is_json_object(self.body)):
            raise ValueError("body: must be a JSON object, and the method POST")


@dataclass(frozen=True, slots=True)
class Identity:
    """Where the account behind a credential is named: a field of the token answer or of the probe's answer."""

    words: str = "account"
    token_id: str = ""
    token_name: str = ""
    probe_id: str = ""
    probe_name: str = ""


@dataclass(frozen=True, slots=True)
class KeyFormat:
    """What a credential of this provider looks like, so that a paste is recognised and a slip noticed."""

    kind: str
    pattern: str
    words: str
    environment: str = ""
    is_secret: bool = True
    is_distinct: bool = True
    is_dead: bool = False
    field: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        one_of("kind", self.kind, (*KINDS, "oauth_app", "oauth_tokens", "webhook_secret", "other"))
        one_of("environment", self.environment, ("", "live", "test"))
        if not self.pattern.startswith("^") or not self.pattern.endswith("$"):
            raise ValueError("pattern: must be anchored with ^ and $")
        compiled("pattern", self.pattern)

    def matches(self, value: str) -> bool:
        """Return whether the whole value has this shape."""
        return _rule(self.pattern).fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The header with which the provider answers a repeated call with the first call's outcome."""

    header: str
    methods: tuple[str, ...] = ("POST",)
    max_length: int = 255
    kept_s: int = 0


@dataclass(frozen=True, slots=True)
class Rotation:
    """How a new credential is made at the provider, and after how many days we ask for it.

    `refused_statuses`: what the provider answers to a credential that it does not know (any more). A call so refused
    has done nothing. `driver` names the one of `integrations/rotating/drivers` that makes and revokes keys by the
    provider's API, at `api_url` where that is not the base URL.
    """

    after_days: int = 90
    how_url: str = ""
    steps: tuple[str, ...] = ()
    refused_statuses: tuple[int, ...] = (401,)
    driver: str = ""
    api_url: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.after_days <= 730:
            raise ValueError("after_days: must be between 1 and 730")
        if not all(400 <= status < 500 and status not in (408, 429) for status in self.refused_statuses):
            raise ValueError("refused_statuses: must be statuses from 400 to 499 that refuse for good")


@dataclass(frozen=True, slots=True)
class Sunset:
    """Something the provider takes away, and when. No date: announced without one.

    `kinds` are the kinds of connection that it hits, none given: all.
    """

    what: str
    source: str
    on: date | None = None
    kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for kind in self.kinds:
            one_of("kinds", kind, KINDS)


@dataclass(frozen=True, slots=True)
class NotYet:
    """A way in that the provider has and Keylodge does not offer: `what` it is, and `why` in a sentence."""

    what: str
    why: str
