"""The parts of a provider's facts: where a credential goes, how to try it, what its limits are."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

NOTHING: Mapping[str, Any] = MappingProxyType({})
KINDS = ("api_key", "bearer", "basic", "oauth2", "client_credentials", "jwt_bearer")
# Which kind of connection a grant of RFC 6749 (or RFC 7523) makes.
KIND_OF_GRANT = {
    "authorization_code": "oauth2",
    "client_credentials": "client_credentials",
    "jwt_bearer": "jwt_bearer",
}
TCHAR = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
QUERY_NAME = re.compile(r"[A-Za-z0-9._~-]+")


def one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raise ValueError unless `value` is one of `allowed`."""
    if value not in allowed:
        raise ValueError(f"{name}: must be one of {', '.join(allowed)}")


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
    the provider, read at `path`. `take = "host"` keeps only the host of an answer that is a URL.
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

    def __post_init__(self) -> None:
        one_of("source", self.source, ("form", "callback", "token", "discovery"))
        one_of("take", self.take, ("value", "host"))
        rule = compiled("pattern", self.pattern)
        for name in ("example", "default"):
            if getattr(self, name) and not rule.fullmatch(getattr(self, name)):
                raise ValueError(f"{name}: does not match the pattern")

    def read(self, raw: str) -> str:
        """Return the value to keep. Raises ValueError when it does not match the pattern."""
        value = (urlsplit(raw).hostname or "") if self.take == "host" and "//" in raw else raw
        if not re.fullmatch(self.pattern, value):
            example = f", for example {self.example}" if self.example else ""
            raise ValueError(f"{self.name}: does not look like {self.label or self.name}{example}")
        return value


# Headers that say where a request goes and where it ends: a value of ours there would let it end elsewhere.
_FRAMING = frozenset(
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
class Injection:
    """Where a credential goes in a call: `{token}` in a header or query parameter, `{basic}` for Basic."""

    in_: str
    name: str
    template: str = "{token}"

    def __post_init__(self) -> None:
        one_of("in", self.in_, ("header", "query"))
        name_rule = TCHAR if self.in_ == "header" else QUERY_NAME
        if not name_rule.fullmatch(self.name):
            raise ValueError(f"name: is not a {self.in_} name")
        if self.in_ == "header" and (self.name.lower() in _FRAMING or self.name.lower().startswith("x-keylodge-")):
            raise ValueError(f"name: {self.name} carries no credential; it steers the call itself")
        if self.template.count("{token}") + self.template.count("{basic}") != 1:
            raise ValueError("template: must hold {token} or {basic}, once")
        if not self.template.isascii() or not self.template.isprintable():
            raise ValueError("template: holds characters that cannot stand in a request")

    @property
    def slot(self) -> str:
        """Return the slot as a policy spells it: "header:authorization" or "query:api_key"."""
        return f"{self.in_}:{self.name.lower() if self.in_ == 'header' else self.name}"

    def value(self, *, token: str = "", username: str = "", password: str = "") -> str:
        """Return the plaintext to put into the slot. The caller owns its secrecy."""
        if "{basic}" in self.template:  # RFC 7617 section 2
            basic = b64encode(f"{username}:{password}".encode()).decode()
            return self.template.replace("{basic}", basic)
        return self.template.replace("{token}", token)


@dataclass(frozen=True, slots=True)
class Probe:
    """The cheapest call that proves a credential works, and how to read its answer.

    Other than 2xx, `alive_statuses` also prove that the credential is known: a restricted key may
    be refused this one path. `true_at` names a field that must be true (Slack answers 200 to a
    dead token). `alive_text` in the body of a refusal proves it too: OpenAI answers 401 to a
    restricted key. `needs` says in words what the call needs beyond a valid credential.
    """

    method: str
    path: str
    url: str = ""
    alive_statuses: tuple[int, ...] = ()
    true_at: str = ""
    alive_text: str = ""
    headers: Mapping[str, str] = NOTHING
    needs: str = ""

    def __post_init__(self) -> None:
        one_of("method", self.method, ("GET", "HEAD", "POST"))
        if not self.path.startswith("/") or self.path.startswith("//"):
            raise ValueError("path: must start with one slash")


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
        return re.fullmatch(self.pattern, value) is not None


@dataclass(frozen=True, slots=True)
class Limit:
    """A documented quota. `per` says in words whose quota it is."""

    bucket: str
    limit: int
    window_s: int
    per: str
    kinds: tuple[str, ...] = ()
    environment: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if self.limit < 1 or self.window_s < 1:
            raise ValueError("limit: limit and window_s must be above 0")
        one_of("environment", self.environment, ("", "live", "test"))


@dataclass(frozen=True, slots=True)
class LimitSignal:
    """A limit said with another status than 429: the status, and words one of which is in the body.

    `false_at` names a field that must be false beside it, where the status is that of a success.
    """

    status: int
    any_of: tuple[str, ...]
    false_at: str = ""

    def __post_init__(self) -> None:
        if self.status < 400 and not self.false_at:
            raise ValueError("false_at: is missing; an answer that succeeded may hold the same words")


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The header with which the provider answers a repeated call with the first call's outcome."""

    header: str
    methods: tuple[str, ...] = ("POST",)
    max_length: int = 255
    kept_s: int = 0


@dataclass(frozen=True, slots=True)
class Rotation:
    """How a new credential is made at the provider, and after how many days we ask for it."""

    after_days: int = 90
    how_url: str = ""
    steps: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.after_days <= 730:
            raise ValueError("after_days: must be between 1 and 730")


@dataclass(frozen=True, slots=True)
class Sunset:
    """Something the provider takes away, and when. No date: announced without one."""

    what: str
    source: str
    on: date | None = None
