"""A consent from its beginning to its end: `start` gives the address to go to, `finish` reads the callback.

RFC 6749 section 4.1, RFC 7636 (S256), RFC 9207 (`iss`), RFC 9700. A consent is finished only by the
browser that began it, once, within ten minutes; which provider it belongs to says its row, never
the callback's URL (mix-up).
"""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import DatabaseError, transaction

from integrations import outbound
from integrations.errors import IntegrationError
from integrations.links import items
from integrations.models import ClientLink, Connection, OAuthApp, OAuthFlow
from integrations.oauth import scopes as scope_rules
from integrations.oauth.account import Account, both_named, find_account, is_other
from integrations.oauth.answers import Grant, read_code
from integrations.oauth.app import mark_broken, proven
from integrations.oauth.browsers import browser_hash, state_hash
from integrations.oauth.connecting import Finished, connect, hold_for_decision
from integrations.oauth.errors import (
    TROUBLE,
    AppWrong,
    BadMinute,
    CannotStart,
    ConsentRefused,
    GrantRefused,
    not_stored,
)
from integrations.oauth.id_token import Expected, Identity, IdTokenRefused, nonce_hash, verify
from integrations.oauth.keeping import authorization_server, provider_of
from integrations.oauth.revoke import give_back
from integrations.oauth.session import AuthorizationServer, Send
from integrations.oauth.signing_keys import KeysUnreadable
from integrations.outside import AnswerRefused, told
from integrations.providers.gone import is_gone, shown_provider
from integrations.providers.oauth_facts import OAuthFacts
from integrations.status import record
from secrets_vault import vault
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.errors import VaultError
from secrets_vault.models import User

logger = logging.getLogger(__name__)

LIFETIME = timedelta(minutes=10)
VERIFIER = "oauthflow.sealed_verifier"


@dataclass(frozen=True)
class Callback:
    """What a browser brought to /oauth/callback. All of it is unverified."""

    state: str
    code: str = ""
    error: str = ""
    iss: str = ""
    browser_secret: str = ""
    other: Mapping[str, str] | None = None

    def named(self, parameter: str) -> str:
        """Return the code, under the name that this provider has for it."""
        return self.code if parameter == "code" else (self.other or {}).get(parameter, "")


def start(
    connection: Connection,
    *,
    browser_secret: str,
    actor: Actor,
    now: datetime,
    user: User | None = None,
    link: ClientLink | None = None,
    scopes: Iterable[str] | None = None,
) -> str:
    """Return the address of the provider's consent page. Raises CannotStart.

    The consent belongs to this browser and to this user or link. An earlier one of the same browser
    for the same connection is void from now on.
    """
    if (user is None) == (link is None):
        raise ValueError("a consent belongs to a user or to a link")
    app = _usable_app(connection)
    if is_gone(shown_provider(connection)):
        raise CannotStart("provider_gone")
    server = authorization_server(connection, send=outbound.send)
    wanted = scope_rules.to_ask_for(connection, app, server.facts, chosen=scopes)
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
    nonce = secrets.token_urlsafe(32) if scope_rules.OPENID in wanted.all else ""
    with transaction.atomic():
        _supersede(connection, browser_secret, now=now)
        OAuthFlow.objects.create(
            state_hash=state_hash(state),
            connection=connection,
            user=user,
            link=link,
            browser_hash=browser_hash(browser_secret),
            provider_key=connection.provider_key,
            issuer=server.facts.issuer,
            redirect_uri=server.redirect_uri,
            sealed_verifier=_sealed(verifier, state, connection),
            nonce_hash=nonce_hash(nonce) if nonce else None,
            requested_scopes=wanted.all,
            connection_version=connection.version,
            expires_at=now + LIFETIME,
        )
        record(connection, "connection.consent_started", actor=actor, scopes=wanted.all)
    return server.authorize_url(
        state=state, verifier=verifier, required=list(wanted.required), optional=list(wanted.optional), nonce=nonce
    )


def _usable_app(connection: Connection) -> OAuthApp:
    app = connection.oauth_app
    if connection.kind != "oauth2" or app is None or app.provider_key != connection.provider_key:
        raise CannotStart("no_oauth_app")
    if app.is_broken:
        raise CannotStart("oauth_app_broken")
    return app


def _sealed(verifier: str, state: str, connection: Connection) -> bytes:
    row_id = UUID(bytes=state_hash(state)[:16])
    return vault.seal_text(verifier, field=VERIFIER, row_id=row_id, client=connection.client)


def _supersede(connection: Connection, browser_secret: str, *, now: datetime) -> None:
    same = OAuthFlow.objects.filter(connection=connection, browser_hash=browser_hash(browser_secret))
    same.filter(consumed_at__isnull=True).update(consumed_at=now, outcome="superseded")


def finish(callback: Callback, *, user: User | None, now: datetime, send: Send = outbound.send) -> Finished:
    """Finish a consent and store what it gave. Raises ConsentRefused, with nothing stored.

    `user` is who is signed in, or None. When another account was chosen than the connection had or
    expects, `Finished.other_account` names both and nothing changes until a person decides.
    """
    try:
        flow = _claim(callback, user=user, now=now)
    except TROUBLE as trouble:
        raise not_stored(trouble) from None
    try:
        finished = _finish(flow, callback, now=now, send=send)
    except (ConsentRefused, *TROUBLE) as problem:
        refused = problem if isinstance(problem, ConsentRefused) else not_stored(problem)
        _note(flow, refused.code, now=now)
        refused.by_link = flow.link is not None
        refused.language = flow.link.language if flow.link else ""
        refused.slug = flow.connection.slug if flow.user is not None and refused.code != "connection_gone" else ""
        raise refused from None
    _note(flow, "other_account" if finished.other_account else "connected", now=now)
    return finished


def _claim(callback: Callback, *, user: User | None, now: datetime) -> OAuthFlow:
    """Return the flow behind a state, consumed by this very call."""
    key, browser = state_hash(callback.state), browser_hash(callback.browser_secret)
    rows = OAuthFlow.objects.select_related("link__created_by", "link__client", "user")
    flow: OAuthFlow | None = rows.filter(state_hash=key).first()
    if flow is None or not callback.state:
        raise ConsentRefused("state_unknown")
    if not callback.browser_secret or not hmac.compare_digest(bytes(flow.browser_hash), browser):
        raise ConsentRefused("other_browser")
    if flow.user_id is not None and (user is None or user.pk != flow.user_id):
        raise ConsentRefused("other_user")
    if flow.consumed_at is not None:
        raise ConsentRefused("superseded" if flow.outcome == "superseded" else "replayed")
    if flow.expires_at <= now:
        raise ConsentRefused("expired")
    if OAuthFlow.objects.filter(state_hash=key, consumed_at__isnull=True).update(consumed_at=now) != 1:
        raise ConsentRefused("replayed")
    return flow


def _finish(flow: OAuthFlow, callback: Callback, *, now: datetime, send: Send) -> Finished:
    connection = _connection_of(flow, now=now)
    _told_by(connection, callback)
    server = _server_of(flow, connection, send=send)
    _check_issuer(flow, callback, server.facts)
    if callback.error:
        said = read_code(callback.error)
        raise ConsentRefused("access_denied" if said == "access_denied" else "provider_error", details={"code": said})
    code = callback.named(server.facts.spelling.code_at)
    if not code:
        raise ConsentRefused("code_missing")
    grant = _exchange(flow, connection, server, code=code, now=now)
    proven(connection.oauth_app, actor=SYSTEM, now=now)
    identity = _verified(flow, connection, grant, server=server, now=now)
    account = _account(connection, grant, callback, identity=identity, send=send)
    try:
        if is_other(connection, account):
            return _ask_first(flow, connection, grant=grant, account=account, now=now, send=send)
        return connect(flow, connection, grant=grant, account=account, actor=actor_of(flow), now=now)
    except TROUBLE:
        if connection.secret_id is None:  # else giving it back could end the access that works
            give_back(connection, grant.access_token, grant.refresh_token, now=now, send=send)
        raise


def _account(
    connection: Connection, grant: Grant, callback: Callback, *, identity: Identity | None, send: Send
) -> Account:
    """Return whose account it is. An answer that names an address elsewhere is refused with all it came with."""
    try:
        return find_account(connection, grant, callback=callback.other or {}, identity=identity, send=send)
    except AnswerRefused as error:
        logger.warning("answer refused", extra={"connection": str(connection.pk), "variable": error.name})
    raise ConsentRefused("answer_refused")


def _told_by(connection: Connection, callback: Callback) -> None:
    """Take what the callback tells of the provider's address: it may say where the code is exchanged."""
    try:
        said = told(provider_of(connection), "callback", callback.other or {})
    except AnswerRefused:
        raise ConsentRefused("answer_refused") from None
    except IntegrationError:  # its description went meanwhile: what needs it says so
        return
    connection.variables = {**connection.variables, **said}


def _connection_of(flow: OAuthFlow, *, now: datetime) -> Connection:
    """Return the connection, if whoever began may still connect it."""
    rows = Connection.objects.select_related("client", "environment", "oauth_app__secret", "secret__current")
    if flow.user is not None:
        rows = rows.manageable_by(flow.user)
    connection: Connection | None = rows.filter(pk=flow.connection_id, provider_key=flow.provider_key).first()
    if connection is None or connection.oauth_app is None:
        raise ConsentRefused("connection_gone")
    if flow.link is not None and (flow.link.revoked_at or flow.link.used_at):
        raise ConsentRefused("link_ended")
    return connection


def _server_of(flow: OAuthFlow, connection: Connection, *, send: Send) -> AuthorizationServer:
    try:
        return authorization_server(connection, send=send, redirect_uri=flow.redirect_uri)
    except (IntegrationError, VaultError):  # its description or its app's secret went meanwhile
        raise ConsentRefused("connection_gone") from None


def _check_issuer(flow: OAuthFlow, callback: Callback, facts: OAuthFacts) -> None:
    """Compare `iss` as plain text (RFC 9207 section 2.4); a server that said it sends one must."""
    if not callback.iss and not (facts.requires_iss and flow.issuer):
        return
    if flow.issuer and callback.iss != flow.issuer:
        raise ConsentRefused("issuer_mismatch")


def _exchange(
    flow: OAuthFlow, connection: Connection, server: AuthorizationServer, *, code: str, now: datetime
) -> Grant:
    row_id = UUID(bytes=bytes(flow.state_hash)[:16])
    verifier = vault.open_text(flow.sealed_verifier, field=VERIFIER, row_id=row_id, client=connection.client)
    try:
        return server.exchange(code, verifier, now=now)
    except AppWrong as error:
        mark_broken(connection.oauth_app_id, error.code, actor=SYSTEM, now=now)
        raise ConsentRefused("app_wrong", details={"code": error.code}) from None
    except BadMinute as error:
        raise ConsentRefused("provider_down", details={"code": error.code}) from None
    except GrantRefused as error:
        raise ConsentRefused("code_refused", details={"code": error.code}) from None


def _verified(
    flow: OAuthFlow, connection: Connection, grant: Grant, *, server: AuthorizationServer, now: datetime
) -> Identity | None:
    """Return who consented, where an id_token was asked for. Without a good one nothing is stored."""
    if flow.nonce_hash is None or (grant.scopes is not None and scope_rules.OPENID not in grant.scopes):
        return None  # not asked for, or the person left it out at the provider: then no identity is told
    try:
        if grant.id_token is None:
            raise IdTokenRefused("missing")
        expected = Expected(server.facts, server.client_id, bytes(flow.nonce_hash), grant.access_token)
        return verify(grant.id_token, expected, now=now, send=server.send)
    except (IdTokenRefused, KeysUnreadable) as error:
        logger.warning("id_token refused", extra={"connection": str(connection.pk), "code": error.code})
        if connection.secret_id is None:  # else giving it back could end the access that works
            give_back(connection, grant.access_token, grant.refresh_token, now=now, send=server.send)
        code = "provider_down" if isinstance(error, KeysUnreadable) else "id_token_refused"
        raise ConsentRefused(code, details={"code": error.code}) from None


def _ask_first(
    flow: OAuthFlow, connection: Connection, *, grant: Grant, account: Account, now: datetime, send: Send
) -> Finished:
    """Another account: a signed-in person decides; on a client's link it is refused and the grant given back."""
    if flow.link is None:
        return hold_for_decision(flow, connection, grant=grant, account=account, actor=actor_of(flow), now=now)
    give_back(connection, grant.access_token, grant.refresh_token, now=now, send=send)
    raise ConsentRefused("other_account", details=both_named(connection, account))


def actor_of(flow: OAuthFlow) -> Actor:
    """Return who connects: the signed-in person, or the holder of a link."""
    if flow.user is not None:
        return Actor.of(flow.user)
    return Actor(kind="client_link", id=str(flow.link_id), label=flow.link.sent_to if flow.link else "")


def _note(flow: OAuthFlow, outcome: str, *, now: datetime) -> None:
    try:
        OAuthFlow.objects.filter(pk=flow.pk).update(outcome=outcome)
        if flow.link is not None and outcome != "connected":
            items.note_failure(flow.link, flow.connection, outcome, now=now)
    except DatabaseError:  # the same trouble once more: what the person reads says it already
        logger.warning("outcome not noted", extra={"connection": str(flow.connection_id)})
    logger.info("consent finished", extra={"connection": str(flow.connection_id), "outcome": outcome})


def forget_old(*, now: datetime) -> int:
    """Delete the rows of consents that ended a day ago; return how many."""
    return int(OAuthFlow.objects.filter(expires_at__lt=now - timedelta(days=1)).delete()[0])
