"""The end of a consent: tokens into the vault, account and scopes onto the connection, all in one commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.dateparse import parse_datetime

from integrations import outbound
from integrations.links import items
from integrations.models import ClientLink, Connection, OAuthFlow
from integrations.oauth import lease
from integrations.oauth.account import Account
from integrations.oauth.answers import Grant
from integrations.oauth.deaths import ends_of
from integrations.oauth.errors import ConsentRefused
from integrations.oauth.keeping import is_renewed, provider_of, store_tokens, times, token_policy
from integrations.oauth.revoke import Revocation, give_back
from integrations.oauth.scopes import excess, missing
from integrations.oauth.session import Send
from integrations.status import CHOICE_NEEDED, ConnectionChanged, Status, record, swap, tell
from secrets_vault import vault
from secrets_vault.actor import Actor
from secrets_vault.models import SecretVersion, User

TRIES = 5


@dataclass(frozen=True)
class OtherAccount:
    """Another account than expected: both named, nothing changed until a person decides."""

    flow_id: str
    expected_id: str
    expected_name: str
    chosen_id: str
    chosen_name: str


@dataclass(frozen=True)
class Finished:
    """A consent that ended well, or one that waits for a decision (`other_account`)."""

    connection: Connection
    account: Account
    missing_scopes: tuple[str, ...] = ()
    excess_scopes: tuple[str, ...] = ()
    other_account: OtherAccount | None = None
    link: ClientLink | None = None


def connect(
    flow: OAuthFlow, connection: Connection, *, grant: Grant, account: Account, actor: Actor, now: datetime
) -> Finished:
    """Store the grant and say that the connection works. A refresh that wrote meanwhile loses to a consent."""
    granted = grant.scopes
    changes = facts_of(connection, grant, account, requested=flow.requested_scopes, actor=actor, now=now)
    for attempt in range(TRIES):
        try:
            with transaction.atomic():
                _use_up(flow, connection, now=now)
                connection.variables = changes["variables"]  # what the tokens are bound to
                stored, _ = store_tokens(connection, grant, actor=actor, now=now)
                swap(connection, secret=stored, **changes, **_alive(connection, account, now=now))
                _record(connection, flow.requested_scopes, granted, actor=actor)
                tell(connection, now=now)
            break
        except ConnectionChanged:
            if attempt == TRIES - 1:
                raise ConsentRefused("connection_changed") from None
            connection = _again(connection.pk)
    return Finished(
        connection,
        account,
        missing_scopes=missing(flow.requested_scopes, granted),
        excess_scopes=excess(flow.requested_scopes, granted),
        link=flow.link,
    )


def facts_of(
    connection: Connection, grant: Grant, account: Account, *, requested: list[str], actor: Actor, now: datetime
) -> dict[str, Any]:
    """Return what a consent says about its connection, besides the tokens."""
    return {
        # Where a consent names no account, the next test holds it against the one that was known.
        "account_id": account.id or connection.account_id,
        "account_name": account.name if account.id else account.name or connection.account_name,
        "account_unconfirmed": bool(connection.wanted_account_id and not account.id),
        "variables": dict(account.variables),
        "choices": [one.as_json() for one in account.choices],
        "requested_scopes": requested,
        "granted_scopes": list(grant.scopes if grant.scopes is not None else requested),
        "connected_at": now,
        "connected_by": actor.label[:160],
        "refreshed_at": None,
        "refresh_failures": 0,
        **times(grant, now=now),
        # Where there is nothing to renew it with it is used to its end.
        **({} if grant.refresh_token or is_renewed(connection) else {"refresh_due_at": None}),
        **ends_of(connection, grant, connected_at=now, now=now, kept=False),
        **lease.RELEASED,
    }


def _alive(connection: Connection, account: Account | None, *, now: datetime) -> dict[str, Any]:
    """Return the state after a consent; a paused connection stays paused until somebody resumes it.

    One that reaches several accounts waits until a person has chosen.
    """
    waits = account is not None and account.is_undecided
    state, code = (Status.FAILING, CHOICE_NEEDED) if waits else (Status.CONNECTED, "")
    if connection.status == Status.PAUSED:
        return {"status_before_pause": state, "status_code": code}
    return {"status": state, "status_code": code, "status_since": now}


def _use_up(flow: OAuthFlow, connection: Connection, *, now: datetime) -> None:
    """A link ends with the first success; a second person who consented at the same time is refused."""
    if flow.link is not None and not items.use_up(flow.link, connection, now=now, outcome="works"):
        raise ConsentRefused("link_ended")


def _record(connection: Connection, requested: list[str], granted: tuple[str, ...] | None, *, actor: Actor) -> None:
    lacking, beyond = list(missing(requested, granted)), list(excess(requested, granted))
    record(connection, "connection.connected", actor=actor, account=connection.account_id, missing_scopes=lacking)
    if connection.account_unconfirmed:
        record(connection, "connection.account_unconfirmed", actor=actor, account=connection.wanted_account_id)
    if beyond:
        record(connection, "connection.excess_scopes", actor=actor, scopes=beyond)


def _again(pk: UUID) -> Connection:
    rows = Connection.objects.select_related("client", "environment", "oauth_app__secret", "secret__current")
    row: Connection = rows.get(pk=pk)
    return row


def hold_for_decision(
    flow: OAuthFlow, connection: Connection, *, grant: Grant, account: Account, actor: Actor, now: datetime
) -> Finished:
    """Keep the new tokens as a pending version, name both accounts, and leave everything else as it is."""
    facts = facts_of(connection, grant, account, requested=flow.requested_scopes, actor=actor, now=now)
    with transaction.atomic():
        stored, version = store_tokens(connection, grant, actor=actor, now=now, pending=True)
        found = {"secret": str(stored.pk), "version": str(version.pk), "changes": _as_json(facts)}
        OAuthFlow.objects.filter(pk=flow.pk).update(found=found)
        record(connection, "connection.other_account", actor=actor, account=account.id)
    other = OtherAccount(
        flow_id=bytes(flow.state_hash).hex(),
        expected_id=connection.wanted_account_id,
        expected_name=connection.account_name if connection.account_id else "",
        chosen_id=account.id,
        chosen_name=account.name,
    )
    return Finished(connection, account, other_account=other)


def _as_json(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in facts.items()}


def waiting_decision(flow_id: str, *, user: User) -> OAuthFlow:
    """Return the consent that waits for this person. Raises ConsentRefused for anything else."""
    try:
        key = bytes.fromhex(flow_id)
    except ValueError:
        raise ConsentRefused("nothing_to_decide") from None
    rows = OAuthFlow.objects.manageable_by(user).filter(state_hash=key, user=user, outcome="other_account")
    flow: OAuthFlow | None = rows.select_related("connection__client").first()
    if flow is None or not flow.found:
        raise ConsentRefused("nothing_to_decide")
    return flow


def accept(flow_id: str, *, user: User, now: datetime) -> Connection:
    """Connect the other account after all. Raises ConsentRefused."""
    flow = waiting_decision(flow_id, user=user)
    connection, actor = _again(flow.connection_id), Actor.of(user)
    with transaction.atomic():
        found = _take_decision(flow, "accepted")
        version = SecretVersion.objects.select_related("secret").get(pk=found["version"])
        vault.promote(version, actor=actor)
        changes = {name: _from_json(name, value) for name, value in found["changes"].items()}
        if connection.expected_account_id:
            changes["expected_account_id"] = changes["account_id"]
        swap(connection, secret=version.secret, **changes, **_alive(connection, None, now=now))
        vault.bind_policy(version.secret, token_policy(provider_of(connection)), actor=actor)
        _record(connection, flow.requested_scopes, tuple(changes["granted_scopes"]), actor=actor)
        tell(connection, now=now)
    return connection


def refuse(flow_id: str, *, user: User, now: datetime, send: Send = outbound.send) -> Revocation:
    """Leave the connection as it was and give the new grant back to the provider. Raises ConsentRefused."""
    flow = waiting_decision(flow_id, user=user)
    connection, actor = _again(flow.connection_id), Actor.of(user)
    with transaction.atomic():
        found = _take_decision(flow, "refused")
        version = SecretVersion.objects.select_related("secret").get(pk=found["version"])
    tokens = vault.use(version.secret, actor=actor, purpose="revoke", version=version)
    outcome = give_back(connection, tokens["access_token"], tokens.get("refresh_token"), now=now, send=send)
    vault.retire(version, actor=actor)
    return outcome


def _take_decision(flow: OAuthFlow, outcome: str) -> dict[str, Any]:
    if OAuthFlow.objects.filter(pk=flow.pk, outcome="other_account").update(outcome=outcome) != 1:
        raise ConsentRefused("nothing_to_decide")
    return dict(flow.found or {})


def _from_json(name: str, value: Any) -> Any:
    return parse_datetime(value) if name.endswith("_at") and isinstance(value, str) else value
