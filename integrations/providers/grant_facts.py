"""How a provider grants a token to a machine: for the OAuth app itself, or for a signed JWT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from integrations.providers.parts import NOTHING, compiled, one_of
from integrations.providers.templates import names

BY_KEY = "key"
ASSERTION_ALGS = (BY_KEY, "RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA", "HS256")


@dataclass(frozen=True, slots=True)
class ClientCredentialsFacts:
    """RFC 6749 section 4.4 as this provider speaks it.

    `word` names the grant where the provider has one of its own (Zoom: account_credentials); `params` go into the form,
    with `{variable}` slots. `sends_scope`: some take none here, the app's own settings say it all. `needs` says in
    words who may.
    """

    url: str = ""
    word: str = "client_credentials"
    params: Mapping[str, str] = NOTHING
    sends_scope: bool = True
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of the JWT that a person fills in: whose it is (`iss`), for whom (`sub`), or a part of the address.

    `is_part`: it is said only inside of another one that is made of it. `is_upper`: it is sent in capitals.
    """

    name: str
    words: str
    example: str = ""
    default: str = ""
    pattern: str = ""
    is_optional: bool = False
    is_part: bool = False
    is_upper: bool = False

    def __post_init__(self) -> None:
        if self.pattern and self.default and not compiled("pattern", self.pattern).fullmatch(self.default):
            raise ValueError("default: does not match the pattern")


# Where the JSON file of a service account has what a person would fill in (Google's names).
SERVICE_ACCOUNT: Mapping[str, str] = MappingProxyType(
    {"private_key": "private_key", "iss": "client_email", "kid": "private_key_id"}
)
# What `made` may hold besides the claims that a person fills in.
OF_THE_APP, OF_THE_KEY = "client_id", "fingerprint"


@dataclass(frozen=True, slots=True)
class AssertionFacts:
    """How a signed JWT becomes an access token here (RFC 7523).

    `alg` is `key` where the kind of the key decides. `style`: form (the field `assertion`, section 2.1), client (the
    field `client_assertion` of client credentials, section 2.2), bearer (it opens an address of the API, which answers
    a token: GitHub Apps), token (it is the access token itself: Ghost). `needs_app`: the token request names an OAuth
    app too. `url` where it is not token_url; its slots are filled from the claims. `audience` is `aud`, the address
    where it is empty. `scope_in`: claim, list (a claim that is a JSON array), form, none. `key_encoding`: how the
    signing key is written, a PEM or, for HS256, text or hexadecimal digits; jwt where the provider signs itself and a
    person pastes what it signed. `made` are claims made of others, of `{client_id}` (the OAuth app's) or of the public
    key's `{fingerprint}`. `file` says where a JSON file of the provider has the key, its `passphrase`, and claims.
    `default_scopes` are asked for where they differ from a consent's. `needs` says in words who may. `kid` is
    thumbprint where the header names the key by RFC 7638.
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
    made: Mapping[str, str] = NOTHING
    file: Mapping[str, str] = SERVICE_ACCOUNT
    default_scopes: tuple[str, ...] = ()
    needs: str = ""
    kid: str = ""
    token_at: str = "access_token"  # noqa: S105 - a field's name

    def __post_init__(self) -> None:
        one_of("kid", self.kid, ("", "thumbprint"))
        one_of("alg", self.alg, ASSERTION_ALGS)
        one_of("style", self.style, ("form", "client", "bearer", "token"))
        one_of("scope_in", self.scope_in, ("claim", "list", "form", "none"))
        one_of("key_encoding", self.key_encoding, ("pem", "text", "hex", "jwt"))
        if (self.key_encoding in ("text", "hex")) != (self.alg == "HS256"):
            raise ValueError("key_encoding: pem and the algorithms of a key pair belong together")
        if self.is_ready_made and (self.style != "form" or self.claims or self.made or self.scope_in != "none"):
            raise ValueError("key_encoding: a JWT that the provider signs is sent as it is, in the field assertion")
        self._check_made()
        if not 30 <= self.lifetime_s <= 3600:
            raise ValueError("lifetime_s: must be between 30 and 3600")

    @property
    def is_ready_made(self) -> bool:
        """Return whether the provider signs the JWT and a person pastes it: nothing is signed here."""
        return self.key_encoding == "jwt"

    def _check_made(self) -> None:
        asked = {claim.name for claim in self.claims}
        known = asked | ({OF_THE_APP} if self.needs_app else set()) | ({OF_THE_KEY} if self._has_pair else set())
        used = {name for text in self.made.values() for name in names(text)}
        if unknown := used - known:
            raise ValueError(f"made: there is no {min(unknown)} to make it of")
        if twice := asked & self.made.keys():
            raise ValueError(f"made: {min(twice)} is asked for already")
        if idle := {claim.name for claim in self.claims if claim.is_part} - used:
            raise ValueError(f"claims: {min(idle)} is a part of nothing")
        if self.file and "private_key" not in self.file:
            raise ValueError("file: must say where private_key stands")

    @property
    def _has_pair(self) -> bool:
        return self.key_encoding == "pem"
