"""The one way to an authorization server: Authlib builds and reads, `outbound.send` carries.

Authlib's own session classes are not used: they have no address checks, no deadline and no size
cap. PKCE needs `code_challenge_method="S256"` or Authlib sends none; its `cache=` is not used
(CVE-2025-68158: state not bound to the browser).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from authlib.oauth2.auth import TokenAuth
from authlib.oauth2.client import OAuth2Client

from integrations import outbound
from integrations.oauth.answers import (
    Answer,
    Grant,
    ProviderError,
    UnreadableAnswer,
    code_of,
    read_grant,
    refusal,
    says_no,
)
from integrations.oauth.errors import BadMinute
from integrations.providers.oauth_facts import OAuthFacts
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from authlib.oauth2.auth import ClientAuth

TIMEOUT_S = 15.0
MAX_ANSWER_BYTES = 256 * 1024

Send = Callable[..., Any]


class OutboundSession:
    """What Authlib calls a session: it signs a request as the OAuth app and sends it through our one door."""

    def __init__(self, facts: OAuthFacts, *, send: Send) -> None:
        self._facts = facts
        self._send = send
        self.answer: Answer | None = None

    def post(self, url: str, data: Mapping[str, str], headers: Mapping[str, str], auth: ClientAuth) -> Answer:
        """Send one form to an OAuth endpoint and keep the answer. Raises OutboundError; follows no redirect."""
        url, signed, body = auth.prepare("POST", url, dict(headers), urlencode(data))
        if self._facts.token_body == "json":  # noqa: S105 - an encoding's name
            signed["Content-Type"] = "application/json"
            body = json.dumps(dict(parse_qsl(body, keep_blank_values=True)))
        got = self._send(
            "POST", url, headers=signed, body=body.encode(), deadline_s=TIMEOUT_S, max_bytes=MAX_ANSWER_BYTES
        )
        self.answer = Answer(got.status, got.headers, got.body)
        return self.answer


@dataclass(frozen=True)
class AuthorizationServer:
    """One provider's OAuth endpoints as one OAuth app sees them. Every token request of Keylodge is made here."""

    facts: OAuthFacts
    client_id: str
    client_secret: Secret | None
    redirect_uri: str = ""
    send: Send = outbound.send

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
        url, _ = self._client().create_authorization_url(
            self.facts.authorize_url, state=state, code_verifier=verifier, scope=scope, **extra
        )
        return str(url)

    def exchange(self, code: str, verifier: Secret, *, now: datetime) -> Grant:
        """Return the grant behind an authorization code. Raises GrantRefused."""
        extra = dict(self.facts.token_params)
        if self.facts.sends_pkce:
            extra["code_verifier"] = verifier.expose()
        client = self._client()
        return self._asked(
            client,
            lambda: client.fetch_token(
                self.facts.token_url,
                grant_type="authorization_code",
                code=code,
                redirect_uri=self.redirect_uri,
                **extra,
            ),
            now=now,
        )

    def refresh(self, refresh_token: Secret, *, now: datetime) -> Grant:
        """Return a fresh grant (RFC 6749 section 6). Its refresh token is None unless the provider sent one."""
        client = self._client()
        return self._asked(
            client,
            lambda: client.refresh_token(
                self.facts.token_url, refresh_token=refresh_token.expose(), **self.facts.token_params
            ),
            now=now,
        )

    def revoke(self, token: Secret, *, hint: str, now: datetime) -> None:
        """Take one token back (RFC 7009). Raises GrantRefused when the provider did not confirm it."""
        client = self._client()
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

    def _revoking_auth(self, client: OAuth2Client, token: Secret) -> ClientAuth | None:
        """Return None for RFC 7009 (the app signs); some providers want the token itself as the credential."""
        if self.facts.revoke_style != "bearer":
            return None
        signed = TokenAuth({"access_token": token.expose(), "token_type": "bearer"})
        return client.client_auth(lambda app, method, url, headers, body: signed.prepare(url, headers, body))

    def introspect(self, token: Secret, *, hint: str, now: datetime) -> Mapping[str, Any]:
        """Return what the provider knows about a token (RFC 7662), without the token it may echo."""
        client = self._client()
        answer = self._told(
            client,
            lambda: client.introspect_token(self.facts.introspect_url, token=token.expose(), token_type_hint=hint),
            now=now,
        )
        return {name: value for name, value in answer.json().items() if name not in ("token", "access_token")}

    def _client(self) -> OAuth2Client:
        method = self.facts.token_auth_method if self.client_secret else "none"
        client = OAuth2Client(
            OutboundSession(self.facts, send=self.send),
            client_id=self.client_id,
            client_secret=self.client_secret.expose() if self.client_secret else None,
            token_endpoint_auth_method=method,
            revocation_endpoint_auth_method=method,
            redirect_uri=self.redirect_uri,
            code_challenge_method="S256" if self.facts.sends_pkce else None,
        )
        client.oauth_error_class = ProviderError
        return client

    def _asked(self, client: OAuth2Client, ask: Callable[[], Mapping[str, Any]], *, now: datetime) -> Grant:
        """Return the grant of a token request; a refusal is raised as what it means, never as what it says."""
        try:
            ask()
        except outbound.OutboundError as error:
            raise BadMinute(error.code) from None
        except (ProviderError, UnreadableAnswer, ValueError) as error:
            code = error.code if isinstance(error, ProviderError) else "unreadable_answer"
            raise self._refusal(client, code, now) from None
        # Read from the answer, not from Authlib's token: that repeats the old refresh token where none was sent.
        return read_grant(client.session.answer.json(), self.facts)

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
