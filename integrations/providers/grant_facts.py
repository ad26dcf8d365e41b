"""How a provider grants a token to a machine: for the OAuth app itself, or for a signed JWT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from integrations.providers.parts import NOTHING, one_of

BY_KEY = "key"
ASSERTION_ALGS = (BY_KEY, "RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA", "HS256")


@dataclass(frozen=True, slots=True)
class ClientCredentialsFacts:
    """RFC 6749 section 4.4 as this provider speaks it.

    `word` names the grant where the provider has one of its own (Zoom: account_credentials); `params` go into the form,
    with `{variable}` slots.
    """

    url: str = ""
    word: str = "client_credentials"
    params: Mapping[str, str] = NOTHING


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of the JWT that a person fills in: whose it is (`iss`), for whom (`sub`), or a part of the address."""

    name: str
    words: str
    example: str = ""
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class AssertionFacts:
    """How a signed JWT becomes an access token here (RFC 7523).

    `alg` is `key` where the kind of the key decides. `style`: form (the field `assertion`, section 2.1), bearer (it
    opens an address of the API, which answers a token: GitHub Apps), token (it is the access token itself: Ghost).
    `needs_app`: the token request names an OAuth app too. `url` where it is not token_url; its slots are filled from
    the claims. `audience` is `aud`, the address where it is empty. `key_encoding`: how the signing key is written, a
    PEM or, for HS256, text or hexadecimal digits.
    """

    alg: str = "RS256"
    style: str = "form"
    needs_app: bool = False
    url: str = ""
    audience: str = ""
    scope_in: str = "claim"
    lifetime_s: int = 300
    key_encoding: str = "pem"
    claims: tuple[Claim, ...] = (Claim("iss", "Issuer (iss)"), Claim("sub", "Subject (sub)", is_optional=True))
    token_at: str = "access_token"  # noqa: S105 - a field's name

    def __post_init__(self) -> None:
        one_of("alg", self.alg, ASSERTION_ALGS)
        one_of("style", self.style, ("form", "bearer", "token"))
        one_of("scope_in", self.scope_in, ("claim", "form", "none"))
        one_of("key_encoding", self.key_encoding, ("pem", "text", "hex"))
        if (self.key_encoding == "pem") == (self.alg == "HS256"):
            raise ValueError("key_encoding: pem and the algorithms of a key pair belong together")
        if not 30 <= self.lifetime_s <= 3600:
            raise ValueError("lifetime_s: must be between 30 and 3600")
