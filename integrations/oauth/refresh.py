"""A fresh access token for whoever needs one: ahead of time, on demand, at most one in flight.

The race, the crash and the provider's bad minute are handled as measured: a lease by
compare-and-swap (`lease.py`), the loser polls the version and uses the winner's token, an
unanswered refresh is repeated once, a dead grant is told from a busy server.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from integrations import outbound
from integrations.models import Connection
from integrations.oauth import lease as leases
from integrations.oauth import machine
from integrations.oauth.account import moved
from integrations.oauth.answers import Grant
from integrations.oauth.app import mark_broken, proven
from integrations.oauth.deaths import ends_of
from integrations.oauth.errors import AppWrong, BadMinute, CannotStart, GrantDead, NeedsReconnecting, NotUsableNow
from integrations.oauth.held import current_id, lives, read, status_of, stored_of, token_of
from integrations.oauth.keeping import (
    REFRESH_SLOT,
    authorization_server,
    bound_host,
    is_renewed,
    provider_of,
    store_tokens,
    times,
    token_policy,
)
from integrations.oauth.lease import Lease
from integrations.oauth.machine import can_ask, is_machine, may_be_spent
from integrations.oauth.session import Send
from integrations.providers.registry import ProviderNotFound
from integrations.providers.shape import BadVariable
from integrations.status import CHOICE_NEEDED, ConnectionChanged, Status, record, set_status, swap
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.errors import NoValue, PolicyRefused, StaleVersion, Unreadable
from secrets_vault.secret import Secret

logger = logging.getLogger(__name__)

# A 401 on a token younger than this is not the token's age: asking for another would not help.
TOO_YOUNG = timedelta(seconds=30)
MAX_BACKOFF_S = 300.0
FAILING_AFTER = 5
POLL_S, MAX_POLL_S = 0.05, 0.5
Sleep = Callable[[float], None]


@dataclass(frozen=True)
class RefreshResult:
    """The connection as it is now. `outcome`: refreshed (by us), used_newer (by another), too_young (nothing sent)."""

    connection: Connection
    outcome: str


@dataclass(frozen=True)
class _World:
    """What a test decides instead: the time at the start, who sends, how to wait."""

    now: datetime
    send: Send
    sleep: Sleep
    began: float

    def clock(self) -> datetime:
        """Return the time, moved on by what passed since the start."""
        return self.now + timedelta(seconds=time.monotonic() - self.began)


def access_token(
    connection: Connection, *, now: datetime, refused: UUID | None = None, send: Send = outbound.send
) -> Secret:
    """Return a usable access token, refreshed if need be.

    `refused` is the id of the SecretVersion whose token the upstream has just answered with 401.
    Raises NeedsReconnecting or NotUsableNow.
    """
    row = read(connection.pk)
    if refused is None and lives(row, now=now):
        return token_of(row)
    try:
        row = refresh(row, now=now, seen=refused or current_id(row), send=send).connection
    except NotUsableNow:
        if refused is not None or not lives(row, now=now, leeway=timedelta(0)):
            raise
    return token_of(row)


def refresh(
    connection: Connection,
    *,
    now: datetime,
    seen: UUID | None = None,
    send: Send = outbound.send,
    sleep: Sleep = time.sleep,
) -> RefreshResult:
    """Replace the access token, or use the one that somebody else got meanwhile.

    `seen` is the SecretVersion that the caller no longer wants; by default the current one. Raises
    NeedsReconnecting, or NotUsableNow when the provider or the way to it failed for now.
    """
    world = _World(now, send, sleep, time.monotonic())
    seen = seen or current_id(connection)  # what the caller read: anything newer is somebody else's work
    row = read(connection.pk)
    while True:
        if current_id(row) != seen and lives(row, now=world.clock()):
            return RefreshResult(row, "used_newer")
        _refuse_if_hopeless(row, now=world.clock())
        if _is_too_young(row, now=world.clock()):
            return RefreshResult(row, "too_young")
        if taken := leases.take(row, now=world.clock()):
            return _as_holder(row, taken, world)
        row = _wait(row, world)


def _refuse_if_hopeless(row: Connection, *, now: datetime) -> None:
    has_grant = can_ask(row) if is_machine(row) else current_id(row) is not None
    if not has_grant or status_of(row) in (Status.NEEDS_RECONNECTING, Status.NOT_CONNECTED):
        raise NeedsReconnecting("a new consent is needed")
    if _lacks_app(row):
        raise NotUsableNow("oauth_app_broken", retry_after_s=60)
    if leases.was_interrupted_twice(row) and not leases.is_held(row, now=now) and may_be_spent(row):
        give_up(row, "refresh_interrupted", now=now)
        raise NeedsReconnecting("two refreshes were cut off; the refresh token may be spent")
    if row.refresh_due_at and leases.is_waiting(row, now=now):
        raise NotUsableNow(
            row.status_code or "refresh_failing", retry_after_s=(row.refresh_due_at - now).total_seconds()
        )


def _lacks_app(row: Connection) -> bool:
    if row.keeps_a_key and row.oauth_app is None:
        return False  # whether one is needed says the provider's answer
    return row.oauth_app is None or row.oauth_app.is_broken


def _is_too_young(row: Connection, *, now: datetime) -> bool:
    return row.refreshed_at is not None and abs(now - row.refreshed_at) < TOO_YOUNG and lives(row, now=now)


def _wait(row: Connection, world: _World) -> Connection:
    """Poll until the holder has written something or its lease has ended; return the row as it is then."""
    wait_s, same = POLL_S, Connection.objects.filter(version=row.version, refresh_failures=row.refresh_failures)
    while True:
        # Ever more seldom: many waiters that ask often would slow down the one they wait for.
        world.sleep(wait_s * random.uniform(0.8, 1.2))  # noqa: S311
        wait_s = min(wait_s * 1.5, MAX_POLL_S)
        until = same.filter(pk=row.pk).values_list("refresh_lease_until", flat=True).first()
        if not leases.holds(until, now=world.clock()):
            return read(row.pk)


def _as_holder(row: Connection, lease: Lease, world: _World) -> RefreshResult:
    spent: Secret | None = None
    try:
        if is_machine(row):
            grant = _ask_anew(row, lease, world)
        else:
            spent = _spendable(row, world)
            grant = _ask(row, lease, spent, world)
    except GrantDead as error:
        return _after_dead_grant(row, error, world)
    except AppWrong as error:
        mark_broken(row.oauth_app_id, error.code, actor=SYSTEM, now=world.clock())
        raise _later(row, lease, error, world) from None
    except BadMinute as error:
        raise _later(row, lease, error, world) from None
    except (CannotStart, PolicyRefused, Unreadable, NoValue, BadVariable, ProviderNotFound) as error:
        raise _later(row, lease, BadMinute(error.code), world) from error
    kept = _keep(row, grant, spent=spent, world=world)
    proven(row.oauth_app, actor=SYSTEM, now=world.clock())
    return kept


def _spendable(row: Connection, world: _World) -> Secret:
    """Return what a fresh token is asked for with: the refresh token, or the access token where that is renewed."""
    held = vault.use(stored_of(row), actor=SYSTEM, purpose="refresh")
    spent = held.get("access_token" if is_renewed(row) else "refresh_token")
    if spent is None:
        give_up(row, "no_refresh_token", now=world.clock())
        raise NeedsReconnecting("the provider gave no refresh token")
    return spent


def _ask(row: Connection, lease: Lease, spent: Secret, world: _World) -> Grant:
    server = authorization_server(row, send=world.send)
    renewal = server.facts.renewal
    url, slot = (renewal.url, renewal.token_slot) if renewal.url else (server.facts.token_url, REFRESH_SLOT)
    vault.check_policy(stored_of(row), host=bound_host(url), slot=slot)
    _check_time_left(lease, world)
    return server.swap(renewal, spent, now=world.clock()) if renewal.url else server.refresh(spent, now=world.clock())


def _ask_anew(row: Connection, lease: Lease, world: _World) -> Grant:
    _check_time_left(lease, world)
    return machine.ask(row, now=world.clock(), send=world.send)


def _check_time_left(lease: Lease, world: _World) -> None:
    if not leases.covers_a_call(lease, now=world.clock()):
        raise BadMinute("lease_too_short")  # this machine was so slow that another may already be sending


def _keep(row: Connection, grant: Grant, *, spent: Secret | None, world: _World) -> RefreshResult:
    """Store the answer before anything else happens. The version moved meanwhile: the other's token is used."""
    now, seen = world.clock(), current_id(row)
    changes: dict[str, Any] = times(grant, now=now) | leases.RELEASED | {"refreshed_at": now, "refresh_failures": 0}
    is_well = row.status == Status.FAILING and row.status_code != CHOICE_NEEDED
    if is_well or (is_machine(row) and row.status == Status.UNTESTED):
        changes |= {"status": Status.CONNECTED, "status_code": "", "status_since": now}
    if is_machine(row):
        changes["granted_scopes"] = list(grant.scopes or row.requested_scopes)
    else:
        changes |= ends_of(row, grant, connected_at=row.connected_at or now, now=now, kept=True)
    to = moved(row, grant)
    if to is not None:
        changes["variables"] = to
    try:
        with transaction.atomic():
            if row.secret is None:
                row.variables = to or row.variables
                changes["secret"], _ = store_tokens(row, grant, actor=SYSTEM, now=now)
                swap(row, **changes)
            else:
                swap(row, **changes)
                vault.replace(
                    row.secret,
                    grant.fields(kept_refresh_token=None if is_renewed(row) else spent),
                    actor=SYSTEM,
                    made_on=now.date(),
                    expires_at=changes["access_expires_at"],
                    reason="refreshed",
                    expected_current=seen,
                )
                if to is not None:
                    vault.bind_policy(row.secret, token_policy(provider_of(row), row.kind), actor=SYSTEM)
            record(row, "connection.refreshed", actor=SYSTEM, rotated=grant.refresh_token is not None)
    except (ConnectionChanged, StaleVersion):
        return RefreshResult(read(row.pk), "used_newer")
    return RefreshResult(read(row.pk), "refreshed")


def _after_dead_grant(row: Connection, error: GrantDead, world: _World) -> RefreshResult:
    """A newer version is used, if another writer has stored one; else the connection needs reconnecting."""
    newer = read(row.pk)
    if newer.version != row.version and lives(newer, now=world.clock()):
        return RefreshResult(newer, "used_newer")
    give_up(newer, error.code, now=world.clock())
    raise NeedsReconnecting(f"the provider refused the refresh token: {error.code}")


def give_up(row: Connection, code: str, *, now: datetime) -> None:
    """Say that only a new consent helps, and stop trying. Somebody else's newer word wins."""
    try:
        with transaction.atomic():
            set_status(row, Status.NEEDS_RECONNECTING, code, now=now)
            swap(row, refresh_due_at=None, **leases.RELEASED)
    except ConnectionChanged:
        logger.info("refresh outcome overtaken", extra={"connection": str(row.pk), "code": code})


def _later(row: Connection, lease: Lease, error: AppWrong | BadMinute, world: _World) -> NotUsableNow:
    """Release the lease and set the next try: full jitter, doubling, no sooner than the provider asks."""
    failures = row.refresh_failures + 1
    wait_s = max(1.0, error.retry_after_s or 0.0, random.uniform(0, min(MAX_BACKOFF_S, 2.0**failures)))  # noqa: S311
    now = world.clock()
    Connection.objects.filter(lease.mine).update(
        refresh_failures=F("refresh_failures") + 1, refresh_due_at=now + timedelta(seconds=wait_s), **leases.RELEASED
    )
    if failures >= FAILING_AFTER and not lives(row, now=now):
        _say_failing(row, error.code, now=now)
    logger.warning("refresh failed", extra={"connection": str(row.pk), "code": error.code, "status": error.status})
    return NotUsableNow(error.code, retry_after_s=wait_s)


def _say_failing(row: Connection, code: str, *, now: datetime) -> None:
    try:
        set_status(read(row.pk), Status.FAILING, code, now=now)
    except ConnectionChanged:
        logger.info("refresh outcome overtaken", extra={"connection": str(row.pk), "code": code})
