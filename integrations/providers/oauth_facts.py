"""How a provider speaks OAuth 2: a part of its facts, with its own rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from integrations.providers import templates
from integrations.providers.exchange_facts import ExchangeFacts
from integrations.providers.grant_facts import AssertionFacts, ClientCredentialsFacts
from integrations.providers.parts import KIND_OF_GRANT, NOTHING, one_of
from integrations.providers.spelling_facts import Spelling, Swap

# Signatures by a key that only the provider has (RFC 7518 section 3.1): no "none", and nothing keyed by a secret.
ID_TOKEN_ALGS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")


SIGNING = {"authorization", "content-type", "content-length", "host"}
REVOKE_STYLES = ("rfc7009", "form", "bearer", "bearer_alone")
TOKEN_AUTH_METHODS = ("client_secret_post", "client_secret_basic", "private_key_jwt", "none")


@dataclass(frozen=True, slots=True)
class RefreshFacts:
    """How refresh tokens behave. Unknown is None. Codes are the `error` (or older status) words of an answer.

    `grace_s`: how long a rotated token is still taken. `testing_ttl_s`: how long one lives that an app gave that is
    still in testing at the provider (Google: seven days). `url`, `params` and `auth_method`: where a refresh goes, what
    its form says and how the app signs it, where that differs from the exchange of a code (Figma, Zendesk, Keap);
    `{redirect_uri}` in `params` stands for the one that the consent named (FreshBooks).
    """

    issued: bool | None = None
    rotates: bool | None = None
    idle_ttl_s: int | None = None
    absolute_ttl_s: int | None = None
    grace_s: int | None = None
    testing_ttl_s: int | None = None
    dead_codes: tuple[str, ...] = ("invalid_grant",)
    transient_codes: tuple[str, ...] = ()
    url: str = ""
    params: Mapping[str, str] = NOTHING
    auth_method: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class OAuthFacts:
    """RFC 6749 as this provider speaks it. `token_auth_method` uses the names of RFC 7591 section 2.

    `issuer` with `jwks_url` is where an id_token's keys come from, `id_token_algs` how it may be signed, and
    `identity_scopes` are asked for in every consent, to know whose account it is. `requires_iss`: the server
    has said that every callback names it (RFC 9207). `grants` are the ways to a token that this provider has.
    `app_kid` is thumbprint where the JWT that an app signs for itself names its key by RFC 7638.
    `long_lived` follows at once on the exchange of a code, `renewal` takes the place of a refresh where a consent
    brings no refresh token. `token_headers` go with each request to the token endpoint (HighLevel's version).
    `revoke_style`: the app signs as at the token endpoint (rfc7009), or always in a form (form: Calendly; Kit, whose
    token endpoint reads JSON), or the token itself is the credential (bearer), with nothing else in the request where
    a form is refused (bearer_alone).
    """

    authorize_url: str = ""
    token_url: str = ""
    grants: tuple[str, ...] = ("authorization_code",)
    client_credentials: ClientCredentialsFacts = field(default_factory=ClientCredentialsFacts)
    assertion: AssertionFacts = field(default_factory=AssertionFacts)
    exchange: ExchangeFacts = field(default_factory=ExchangeFacts)
    revoke_url: str = ""
    revoke_style: str = "rfc7009"
    introspect_url: str = ""
    issuer: str = ""
    jwks_url: str = ""
    id_token_algs: tuple[str, ...] = ("RS256",)
    identity_scopes: tuple[str, ...] = ()
    requires_iss: bool = False
    default_scopes: tuple[str, ...] = ()
    scope_separator: str = " "
    optional_scope_param: str = ""
    granted_scopes_at: str = "scope"
    pkce: str = "unknown"
    pkce_source: str = ""
    token_auth_method: str = "client_secret_post"  # noqa: S105 - a method's name
    app_kid: str = ""
    token_body: str = "form"  # noqa: S105 - an encoding's name
    authorize_params: Mapping[str, str] = NOTHING
    token_params: Mapping[str, str] = NOTHING
    token_headers: Mapping[str, str] = NOTHING
    access_token_ttl_s: int | None = None
    refresh: RefreshFacts = field(default_factory=RefreshFacts)
    spelling: Spelling = field(default_factory=Spelling)
    long_lived: Swap = field(default_factory=Swap)
    renewal: Swap = field(default_factory=Swap)
    app_url: str = ""
    app_steps: tuple[str, ...] = ()
    redirect_rule: str = ""

    def __post_init__(self) -> None:
        self._check_grants()
        one_of("pkce", self.pkce, ("required", "supported", "unknown", "refused"))
        one_of("token_auth_method", self.token_auth_method, TOKEN_AUTH_METHODS)
        one_of("refresh.auth_method", self.refresh.auth_method, ("", *TOKEN_AUTH_METHODS))
        one_of("app_kid", self.app_kid, ("", "thumbprint"))
        one_of("token_body", self.token_body, ("form", "json"))
        if SIGNING & {name.lower() for name in self.token_headers}:
            raise ValueError("token_headers: the app's signature and the form's kind are no part of them")
        one_of("revoke_style", self.revoke_style, REVOKE_STYLES)
        for alg in self.id_token_algs:
            one_of("id_token_algs", alg, ID_TOKEN_ALGS)
        if not self.id_token_algs:
            raise ValueError("id_token_algs: at least one is needed")
        if self.refresh.url and templates.host(self.refresh.url) != templates.host(self.token_url):
            raise ValueError("refresh.url: must be on the host of token_url, to which the OAuth app is bound")
        if self.spelling.token_method == "GET" and (  # noqa: S105 - a method's name
            self.token_body == "json" or self.token_auth_method not in ("client_secret_post", "none")  # noqa: S105
        ):
            raise ValueError("spelling.token_method: GET goes with a form and client_secret_post")
        if self.requires_iss and not self.issuer:
            raise ValueError("issuer: is missing; requires_iss needs it")
        if self.pkce == "refused" and not self.pkce_source:
            raise ValueError("pkce_source: a provider that refuses PKCE needs the page that says so")
        if self.access_token_ttl_s is not None and self.access_token_ttl_s < 1:
            raise ValueError("access_token_ttl_s: must be above 0")

    def _check_grants(self) -> None:
        for grant in self.grants:
            one_of("grants", grant, tuple(KIND_OF_GRANT))
        if not self.grants:
            raise ValueError("grants: at least one is needed")
        if "authorization_code" in self.grants and not self.authorize_url:
            raise ValueError("authorize_url: is missing")
        if ("key_exchange" in self.grants) != bool(self.exchange.sent):
            raise ValueError("exchange: the grant key_exchange and the table that says what is sent belong together")
        is_needed = self.grants != ("jwt_bearer",) or not (self.assertion.url or self.assertion.style == "token")
        if is_needed and not self.token_url:
            raise ValueError("token_url: is missing")

    @property
    def verifies_id_tokens(self) -> bool:
        """Return whether an id_token can be verified here. Where it cannot, none is asked for."""
        return bool(self.issuer and self.jwks_url)

    @property
    def revokes_by_token(self) -> bool:
        """Return whether a token is taken back by a call that it opens itself."""
        return self.revoke_style in ("bearer", "bearer_alone")

    @property
    def sends_pkce(self) -> bool:
        """Return whether a challenge is sent: always, unless the provider's own page refuses it."""
        return self.pkce != "refused"
