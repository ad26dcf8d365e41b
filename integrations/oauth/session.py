"""The one way to an authorization server: Authlib builds and reads, `outbound.send` carries.

Authlib's own session classes are not used: they have no address checks, no deadline and no size
cap. PKCE needs `code_challenge_method="S256"` or Authlib sends none; its `cache=` is not used
(CVE-2025-68158: state not bound to the browser).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from authlib.oauth2.auth import TokenAuth
from authlib.oauth2.client import OAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT

from integrations import outbound
from integrations.oauth.answers import (
    Answer,
    Grant,
    ProviderError,
    UnreadableAnswer,
    code_of,
    is_clock_off,
    read_grant,
    refusal,
    says_no,
)
from integrations.oauth.errors import AppWrong, BadMinute
from integrations.oauth.key_names import header_of
from integrations.oauth.private_keys import BACKDATED_S, AnyKey, BadPrivateKey, alg_of, read_app_key, tidy
from integrations.oauth.wire import OutboundSession, consent_url
from integrations.oauth.wire import Send as Send
from integrations.providers.oauth_facts import OAuthFacts
from integrations.providers.spelling_facts import Swap
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from authlib.oauth2.auth import ClientAuth

PROOF_LIFE_S = 300
CLIENT_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def _bearer(client: OAuth2Client, token: Secret) -> ClientAuth:
    """Return what signs a request with a token instead of the OAuth app (RFC 6750 section 2.1)."""
    signed = TokenAuth({"access_token": token.expose(), "token_type": "bearer"})
    return client.client_auth(lambda app, method, url, headers, body: signed.prepare(url, headers, body))


def _unsigned(app: Any, method: str, url: str, headers: dict[str, str], body: str) -> tuple[str, dict[str, str], str]:
    """Sign nothing: the assertion in the form says who asks."""
    return url, headers, body


def _in_form(assertion: Secret, style: str) -> dict[str, str]:
    """Return the fields that carry a JWT: what it grants, or who asks (section 2.2)."""
    if style == "client":
        return {"client_assertion_type": CLIENT_ASSERTION, "client_assertion": assertion.expose()}
    return {"assertion": assertion.expose()}


@dataclass(frozen=True)
class AuthorizationServer:
    """One provider's OAuth endpoints as one OAuth app sees them. Every token request of Keylodge is made here."""

    facts: OAuthFacts
    client_id: str
    client_secret: Secret | None
    redirect_uri: str = ""
    send: Send = outbound.send
    private_key: Secret | None = None

    def authorize_url(
        self, *, state: str, verifier: str, required: list[str], optional: list[str], nonce: str = ""
    ) -> str:
        """Return the address of the consent (RFC 6749 section 4.1.1, RFC 7636 section 4.3).

        `nonce` is what the id_token must repeat (OpenID Connect Core section 3.1.2.1), where one is asked for.
        """
        extra: dict[str, Any] = dict(self.facts.authorize_params) | ({"nonce": nonce} if nonce else {})
        if self.facts.optional_scope_param and optional:
            extra[self.facts.optional_scope_param] = self.facts.scope_separator.join(optional)
        scope = self.facts.scope_separator.join(required) or None
        page = self.facts.authorize_url
        url, _ = self._client().create_authorization_url(
            page.partition("#")[0], state=state, code_verifier=verifier, scope=scope, **extra
        )
        return consent_url(str(url), self.facts, verifier=verifier, page=page)

    def exchange(self, code: str, verifier: Secret, *, now: datetime) -> Grant:
        """Return the grant behind an authorization code. Raises GrantRefused."""
        extra = dict(self.facts.token_params)
        if self.facts.sends_pkce:
            extra["code_verifier"] = verifier.expose()
        client = self._client(now)
        grant = self._asked(
            client,
            lambda: client.fetch_token(
                self.facts.token_url,
                method=self.facts.spelling.token_method,
                grant_type="authorization_code",
                code=code,
                redirect_uri=self.redirect_uri,
                **extra,
            ),
            now=now,
        )
        return self._longer(grant, now=now) if self.facts.long_lived.url else grant

    def _longer(self, grant: Grant, *, now: datetime) -> Grant:
        """Return what a consent gave with the token of weeks that its short one brings."""
        found = self.swap(self.facts.long_lived, grant.access_token, now=now)
        return replace(grant, access_token=found.access_token, expires_in_s=found.expires_in_s)

    def swap(self, facts: Swap, access_token: Secret, *, now: datetime) -> Grant:
        """Return the grant that an access token is turned into. Raises GrantRefused."""
        client = self._client(now)
        form = {**facts.params, facts.token_param: access_token.expose()}
        auth = client.client_auth(self._as_app(facts))
        ask = lambda: client.fetch_token(  # noqa: E731
            facts.url, method=facts.method, grant_type=facts.word, auth=auth, **form
        )
        return self._asked(client, ask, now=now)

    def _as_app(self, facts: Swap) -> Callable[..., tuple[str, dict[str, str], str]]:
        """Return what signs with that much of the OAuth app as the provider wants here."""
        secret = self.client_secret.expose() if self.client_secret is not None else ""
        own = {"client_id": self.client_id, "client_secret": secret}
        chosen = urlencode({name: own[name] for name in facts.app})

        def sign(app: Any, method: str, url: str, headers: dict[str, str], body: str) -> tuple[str, Any, str]:
            return url, headers, "&".join(filter(None, (body, chosen)))

        return sign

    def refresh(self, refresh_token: Secret, *, now: datetime) -> Grant:
        """Return a fresh grant (RFC 6749 section 6). Its refresh token is None unless the provider sent one."""
        own = self.facts.refresh
        client = self._client(now, method=own.auth_method)
        more = {name: text.replace("{redirect_uri}", self.redirect_uri) for name, text in own.params.items()}
        form = {**self.facts.token_params, **more}
        return self._asked(
            client,
            lambda: client.refresh_token(own.url or self.facts.token_url, refresh_token=refresh_token.expose(), **form),
            now=now,
        )

    def for_itself(self, scopes: Iterable[str], *, now: datetime) -> Grant:
        """Return a grant for the OAuth app itself (RFC 6749 section 4.4). Raises GrantRefused."""
        own, client = self.facts.client_credentials, self._client(now)
        scope = self.facts.scope_separator.join(scopes) if own.sends_scope else ""
        form = {**self.facts.token_params, **own.params} | ({"scope": scope} if scope else {})
        url = own.url or self.facts.token_url
        return self._asked(client, lambda: client.fetch_token(url, grant_type=own.word, **form), now=now)

    def for_assertion(self, assertion: Secret, *, url: str, scopes: Iterable[str], now: datetime) -> Grant:
        """Return the grant that a signed JWT brings (RFC 7523 sections 2.1 and 2.2). Raises GrantRefused.

        An assertion that is refused while the server's clock is far from ours is a matter of the clock.
        """
        facts = self.facts.assertion
        client = self._client(now, is_bare=facts.style == "bearer")
        scope = self.facts.scope_separator.join(scopes) if facts.scope_in == "form" else ""
        form = dict(self.facts.token_params) | ({"scope": scope} if scope else {})
        word = "client_credentials" if facts.style == "client" else JWT_BEARER
        if facts.style == "bearer":
            auth = _bearer(client, assertion)
        else:
            form |= _in_form(assertion, facts.style)
            auth = None if facts.needs_app else client.client_auth(_unsigned)
        ask = lambda: client.fetch_token(url, grant_type=word, auth=auth, **form)  # noqa: E731
        return self._asked(client, ask, now=now, token_at=facts.token_at, is_dated=True)

    def revoke(self, token: Secret, *, hint: str, now: datetime) -> None:
        """Take one token back (RFC 7009). Raises GrantRefused when the provider did not confirm it."""
        client = self._as_it_revokes()._client(now, is_bare=self.facts.revoke_style == "bearer_alone")
        self._told(
            client,
            lambda: client.revoke_token(
                self.facts.revoke_url,
                token=token.expose(),
                token_type_hint=hint,
                auth=self._revoking_auth(client, token),
            ),
            now=now,
        )

    def _as_it_revokes(self) -> AuthorizationServer:
        """Return the server that reads a form where the facts want one, whatever its token endpoint reads."""
        if self.facts.revoke_style != "form":
            return self
        return replace(self, facts=replace(self.facts, token_body="form"))  # noqa: S106 - an encoding's name

    def _revoking_auth(self, client: OAuth2Client, token: Secret) -> ClientAuth | None:
        """Return None for RFC 7009 (the app signs as ever); others want the token itself, or the app in the form."""
        if self.facts.revoke_style == "form":
            return client.client_auth("client_secret_post")
        return _bearer(client, token) if self.facts.revokes_by_token else None

    def introspect(self, token: Secret, *, hint: str, now: datetime) -> Mapping[str, Any]:
        """Return what the provider knows about a token (RFC 7662), without the token it may echo."""
        client = self._client(now)
        answer = self._told(
            client,
            lambda: client.introspect_token(self.facts.introspect_url, token=token.expose(), token_type_hint=hint),
            now=now,
        )
        return {name: value for name, value in answer.json().items() if name not in ("token", "access_token")}

    def _client(self, now: datetime | None = None, *, is_bare: bool = False, method: str = "") -> OAuth2Client:
        credential: Any = None
        if self.private_key is not None and now is not None:
            method, credential = "private_key_jwt", self._app_key(self.private_key)
        elif self.client_secret is not None:
            method, credential = method or self.facts.token_auth_method, self.client_secret.expose()
        else:
            method = "none"
        client = OAuth2Client(
            OutboundSession(self.facts, send=self.send, is_bare=is_bare),
            client_id=self.client_id,
            client_secret=credential,
            token_endpoint_auth_method=method,
            revocation_endpoint_auth_method=method,
            redirect_uri=self.redirect_uri,
            code_challenge_method="S256" if self.facts.sends_pkce else None,
        )
        client.oauth_error_class = ProviderError
        if method == "private_key_jwt":
            client.register_client_auth_method(self._own_proof(credential, now))
        return client

    def _app_key(self, private_key: Secret) -> AnyKey:
        try:
            return read_app_key(private_key)
        except BadPrivateKey as error:
            raise AppWrong(error.code) from None

    def _own_proof(self, key: Any, now: Any) -> PrivateKeyJWT:
        """Return what signs for the OAuth app (RFC 7523 section 2.2), with our clock's times."""
        begun = int(now.timestamp()) - BACKDATED_S
        claims = {"iat": begun, "exp": begun + PROOF_LIFE_S, "jti": secrets.token_urlsafe(24)}
        text = tidy(self.private_key.expose()) if self.private_key is not None else ""
        named = header_of(text, key, kid=self.facts.app_kid)
        return PrivateKeyJWT(token_endpoint=self.facts.token_url, claims=claims, headers=named, alg=alg_of(key))

    def _asked(
        self,
        client: OAuth2Client,
        ask: Callable[[], Mapping[str, Any]],
        *,
        now: datetime,
        token_at: str = "access_token",  # noqa: S107 - a field's name
        is_dated: bool = False,
    ) -> Grant:
        """Return the grant of a token request; a refusal is raised as what it means, never as what it says."""
        try:
            ask()
        except outbound.OutboundError as error:
            raise BadMinute(error.code) from None
        except (ProviderError, UnreadableAnswer, ValueError) as error:
            code = error.code if isinstance(error, ProviderError) else "unreadable_answer"
            if (is_dated or self.private_key is not None) and is_clock_off(client.session.answer, now=now):
                raise BadMinute("clock_off", retry_after_s=60) from None
            raise self._refusal(client, code, now) from None
        # Read from the answer, not from Authlib's token: that repeats the old refresh token where none was sent.
        return read_grant(client.session.answer.json(), self.facts, now=now, token_at=token_at)

    def _told(self, client: OAuth2Client, tell: Callable[[], Answer], *, now: datetime) -> Answer:
        try:
            answer = tell()
        except outbound.OutboundError as error:
            raise BadMinute(error.code) from None
        if says_no(answer):
            raise self._refusal(client, code_of(answer), now)
        return answer

    def _refusal(self, client: OAuth2Client, code: str, now: datetime) -> Exception:
        answer: Answer = client.session.answer
        return refusal(self.facts, code=code, answer=answer, now=now)
