"""A key that is not sent with calls: it is posted to an address that answers a token for a while."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from integrations.providers.injection import FIELD_NAME, FRAMING, OWN_WORDS, CredentialField
from integrations.providers.parts import NOTHING, TCHAR, one_of
from integrations.providers.spelling_facts import PARAMETER
from integrations.providers.templates import names

OF_BASIC = ("username", "password")


@dataclass(frozen=True, slots=True)
class ExchangeFacts:
    """How a pasted key becomes an access token (two-step API keys), at token_url.

    `body` (a form, or JSON) and `headers` are templates of what a person pastes, as in `{ apiKey = "{api_key}" }`;
    `basic` sends username and password as RFC 7617 does. `fields` has the provider's own words for them. `token_at`
    and `expires_at` are dotted places in the answer; the second holds seconds or a moment, and where neither the answer
    nor access_token_ttl_s says when a token ends it is used until it is refused. `dead_statuses` say that the key is
    dead.
    """

    method: str = "POST"
    encoding: str = "json"
    fields: tuple[CredentialField, ...] = ()
    body: Mapping[str, str] = NOTHING
    headers: Mapping[str, str] = NOTHING
    basic: bool = False
    token_at: str = "access_token"  # noqa: S105 - a field's name
    expires_at: str = "expires_in"
    dead_statuses: tuple[int, ...] = (401, 403)

    def __post_init__(self) -> None:
        one_of("method", self.method, ("POST", "GET"))
        one_of("encoding", self.encoding, ("form", "json"))
        if self.method == "GET" and self.body:
            raise ValueError("body: goes with POST; a key never stands in an address")
        if not self.token_at:
            raise ValueError("token_at: must say where the answer has the token")
        if not all(400 <= status < 500 and status not in (408, 409, 425, 429) for status in self.dead_statuses):
            raise ValueError("dead_statuses: must be statuses from 400 to 499 that refuse for good")
        self._check_names()
        self._check_sent()

    def _check_names(self) -> None:
        for name in self.body:
            if not PARAMETER.fullmatch(name):
                raise ValueError(f"body: {name} is no name of a field")
        for name in self.headers:
            if not TCHAR.fullmatch(name) or name.lower() in FRAMING or (self.basic and name.lower() == "authorization"):
                raise ValueError(f"headers: {name} cannot be set here")
        for name in self.sent:
            if not FIELD_NAME.fullmatch(name):
                raise ValueError(f"body: {name} is no name of a field")

    def _check_sent(self) -> None:
        """What has words goes somewhere, once; the vault knows the key, or the password, by its name."""
        if self.sent and "api_key" not in self.sent and not set(OF_BASIC) <= set(self.sent):
            raise ValueError("body: must hold {api_key}, or {username} and {password}")
        told = [field.name for field in self.fields]
        if idle := set(told) - set(self.sent):
            raise ValueError(f"fields: {min(idle)} goes nowhere")
        if len(set(told)) != len(told):
            raise ValueError("fields: each must have a name of its own")

    @property
    def sent(self) -> tuple[str, ...]:
        """Return the names of what a person pastes, in the order in which they are asked for."""
        in_texts = [name for text in (*self.body.values(), *self.headers.values()) for name in names(text)]
        return tuple(dict.fromkeys([*(OF_BASIC if self.basic else ()), *in_texts]))

    @property
    def asked(self) -> tuple[CredentialField, ...]:
        """Return what a person pastes, in the provider's words where it has some."""
        told = {field.name: field for field in self.fields}
        plain = {name: OWN_WORDS.get(name) or _in_words(name) for name in self.sent}
        return tuple(told.get(name) or CredentialField(name, words) for name, words in plain.items())

    @property
    def slots(self) -> tuple[str, ...]:
        """Return where the key goes, as a policy names it."""
        headers = [f"header:{name.lower()}" for name, text in self.headers.items() if names(text)]
        body = [f"body:{name}" for name, text in self.body.items() if names(text)]
        return (*body, *headers, *(["header:authorization"] if self.basic else []))


def _in_words(name: str) -> str:
    """Return a field's name as a label: api_secret is an API secret."""
    words = name.replace("_", " ")
    return f"API{words[3:]}" if words.startswith("api ") else words.capitalize()
