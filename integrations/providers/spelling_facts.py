"""How a provider spells OAuth 2 where it does not spell it as RFC 6749 does: names, places, and requests of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from integrations.providers.parts import NOTHING, one_of

PARAMETER = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,59}")
# What may have another name in the address of the consent, and in a request for a token or its revocation.
# `state` has none: by it a callback is told from a forged one. What proves PKCE goes only where `pkce` says so.
IN_CONSENT = ("client_id", "redirect_uri", "response_type", "scope")
IN_TOKEN = (
    "client_id", "client_secret", "code", "grant_type", "redirect_uri", "refresh_token", "token", "token_type_hint"
)  # fmt: skip
MAY_BE_LEFT_OUT = ("client_id", "response_type", "scope", "grant_type", "redirect_uri", "token_type_hint")


@dataclass(frozen=True, slots=True)
class Spelling:
    """Names and places that differ from the RFC.

    `consent` and `token` give the provider's name for a parameter of the RFC, an empty one leaves it out. `code_at`
    names the parameter of the callback that holds the code. `token_method`: how a token is asked for. `challenge`:
    how the S256 challenge is written. `answer_at` is the table in an answer that holds the token, `error_at` where a
    refusal's code stands. An answer whose `success_at` is not `success_is` is a refusal whatever its status.
    """

    consent: Mapping[str, str] = NOTHING
    token: Mapping[str, str] = NOTHING
    token_method: str = "POST"  # noqa: S105 - a method's name
    code_at: str = "code"
    challenge: str = "base64url"
    answer_at: str = ""
    error_at: str = ""
    success_at: str = ""
    success_is: str = ""

    def __post_init__(self) -> None:
        one_of("token_method", self.token_method, ("POST", "GET"))
        one_of("challenge", self.challenge, ("base64url", "hex"))
        _check_names("consent", self.consent, IN_CONSENT)
        _check_names("token", self.token, IN_TOKEN)
        if not PARAMETER.fullmatch(self.code_at) or self.code_at in ("state", "error", "iss"):
            raise ValueError("code_at: must be the name of a parameter that holds the code")
        if bool(self.success_at) != bool(self.success_is):
            raise ValueError("success_is: belongs to success_at")


def _check_names(field: str, names: Mapping[str, str], known: tuple[str, ...]) -> None:
    for name, own in names.items():
        if name not in known:
            raise ValueError(f"{field}: {name} has no other name (known: {', '.join(known)})")
        if not own and name not in MAY_BE_LEFT_OUT:
            raise ValueError(f"{field}: {name} cannot be left out")
        if own and not PARAMETER.fullmatch(own):
            raise ValueError(f"{field}: {own} is no name of a parameter")
    given = [own for own in names.values() if own]
    if len(set(given)) != len(given) or set(given) & ({*known, "state", "code_verifier"} - set(names)):
        raise ValueError(f"{field}: two parameters cannot have one name")


@dataclass(frozen=True, slots=True)
class Swap:
    """A request that turns an access token into one that lives longer, sent with what `app` names of the OAuth app.

    Right after the code's (Meta, Instagram), or in place of a refresh where there are no refresh tokens (Instagram).
    """

    url: str = ""
    method: str = "POST"
    word: str = ""
    token_param: str = "access_token"  # noqa: S105 - a parameter's name
    app: tuple[str, ...] = ("client_id", "client_secret")
    params: Mapping[str, str] = NOTHING

    def __post_init__(self) -> None:
        one_of("method", self.method, ("POST", "GET"))
        for name in self.app:
            one_of("app", name, ("client_id", "client_secret"))
        if bool(self.url) != bool(self.word):
            raise ValueError("word: belongs to url, and says what is asked for")
        if not PARAMETER.fullmatch(self.token_param):
            raise ValueError("token_param: must be the name of a parameter")

    @property
    def token_slot(self) -> str:
        """Return where the access token goes, as a policy names it."""
        return f"{_place(self.method)}:{self.token_param}"

    @property
    def secret_slots(self) -> tuple[str, ...]:
        """Return where the client secret goes, as a policy names it; nothing where it does not."""
        return (f"{_place(self.method)}:client_secret",) if self.url and "client_secret" in self.app else ()


def _place(method: str) -> str:
    return "query" if method == "GET" else "body"
