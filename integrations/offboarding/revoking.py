"""Ending every access, one thing at a time: each is noted before the next, so a stop in the middle goes on there.

Ending twice is once, here and at a provider (RFC 7009 section 2.2), so what was under way when a worker died is
simply done again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from integrations import outbound, tokens, trusted_issuers
from integrations.api import tokens as api_tokens
from integrations.calendar.feeds import end_feed
from integrations.connections.probing import probe
from integrations.errors import IntegrationError
from integrations.links.link import revoke_link
from integrations.models import (
    ApiToken,
    CalendarFeed,
    ClientLink,
    Connection,
    GatewayToken,
    Offboarding,
    OffboardingItem,
    TrustedIssuer,
    WebhookEndpoint,
)
from integrations.oauth.machine import can_ask
from integrations.oauth.revoke import disconnect
from integrations.oauth.session import Send
from integrations.offboarding import machines
from integrations.offboarding.steps import Stage, move, record
from integrations.webhooks import changing
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.errors import VaultError

logger = logging.getLogger(__name__)

Kind, Outcome = OffboardingItem.Kind, OffboardingItem.Outcome
Result = tuple[str, str]


def revoke_due(*, now: datetime, send: Send = outbound.send) -> int:
    """Go on with every off-boarding that is ending access; return how many things were ended. For the sweep."""
    rows = Offboarding.objects.filter(stage=Stage.REVOKING).select_related("client")
    return sum(_revoke(row, now=now, send=send) for row in rows)


def _revoke(offboarding: Offboarding, *, now: datetime, send: Send) -> int:
    waiting = list(offboarding.items.filter(outcome=Outcome.WAITING))
    for item in waiting:
        _settle(item, *_end(item, now=now, send=send), now=now, actor=SYSTEM)
    with transaction.atomic():
        move(offboarding, Stage.REVOKED, when=(Stage.REVOKING,))
        record(offboarding, "offboarding.revoked", actor=SYSTEM, **_counts(offboarding))
    return len(waiting)


def _counts(offboarding: Offboarding) -> dict[str, int]:
    outcomes = list(offboarding.items.values_list("outcome", flat=True))
    return {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))}


def _end(item: OffboardingItem, *, now: datetime, send: Send) -> Result:
    """End one thing and return what came of it. A fault of one never keeps the others from being ended."""
    try:
        if item.kind == Kind.GRANT:
            return _give_back(item, now=now, send=send)
        if item.kind == Kind.KEY and (connection := _connection(item)) and connection.is_machine:
            return machines.end_token(connection, now=now, send=send)
        return ENDERS.get(item.kind, _by_hand)(item, now)
    except (IntegrationError, VaultError) as error:
        return Outcome.FAILED, error.code


def _token(item: OffboardingItem, now: datetime) -> Result:
    if token := GatewayToken.objects.filter(pk=item.object_id).select_related("client").first():
        tokens.revoke(token, actor=SYSTEM, now=now)
    return Outcome.REVOKED, ""


def _api_token(item: OffboardingItem, now: datetime) -> Result:
    if token := ApiToken.objects.filter(pk=item.object_id).select_related("client").first():
        api_tokens.revoke(token, actor=SYSTEM, now=now)
    return Outcome.REVOKED, ""


def _endpoint(item: OffboardingItem, now: datetime) -> Result:
    if endpoint := WebhookEndpoint.objects.filter(pk=item.object_id).select_related("client").first():
        changing.disable(endpoint, actor=SYSTEM, now=now)
    return Outcome.REVOKED, ""


def _link(item: OffboardingItem, now: datetime) -> Result:
    link = ClientLink.objects.filter(pk=item.object_id, revoked_at=None, used_at=None).first()
    if link is not None:
        revoke_link(link, actor=SYSTEM, now=now)
    return Outcome.REVOKED, ""


def _issuer(item: OffboardingItem, now: datetime) -> Result:
    if issuer := TrustedIssuer.objects.filter(pk=item.object_id).select_related("token__client").first():
        trusted_issuers.end(issuer, actor=SYSTEM)
    return Outcome.REVOKED, ""


def _feed(item: OffboardingItem, now: datetime) -> Result:
    if feed := CalendarFeed.objects.filter(pk=item.object_id).select_related("client", "user").first():
        end_feed(feed, actor=SYSTEM)
    return Outcome.REVOKED, ""


def _by_hand(item: OffboardingItem, now: datetime) -> Result:
    return Outcome.BY_HAND, ""


ENDERS: dict[str, Callable[[OffboardingItem, datetime], Result]] = {
    Kind.TOKEN: _token,
    Kind.API_TOKEN: _api_token,
    Kind.ENDPOINT: _endpoint,
    Kind.LINK: _link,
    Kind.ISSUER: _issuer,
    Kind.FEED: _feed,
}


def _give_back(item: OffboardingItem, *, now: datetime, send: Send) -> Result:
    connection = _connection(item)
    if connection is None or connection.secret is None:
        return Outcome.REVOKED, ""
    outcome = disconnect(connection, actor=SYSTEM, now=now, send=send)
    if outcome.done:
        return Outcome.REVOKED, ""
    return (Outcome.NOT_POSSIBLE if outcome.code == "no_revoke_url" else Outcome.FAILED), outcome.code


def _connection(item: OffboardingItem) -> Connection | None:
    parts = ("client", "environment", "oauth_app__secret", "secret__current", "grant_secret__current")
    rows = Connection.objects.select_related(*parts)
    found: Connection | None = rows.filter(pk=item.object_id).first()
    return found


def check_item(item: OffboardingItem, *, actor: Actor, now: datetime, send: Send = outbound.send) -> str:
    """Call the provider with a key that should be dead, and note whether it is. Returns the outcome.

    Only an answer that refuses the key proves its end; an outage proves nothing and changes nothing.
    """
    connection = _connection(item) if item.kind == Kind.KEY else None
    if connection is None or not (connection.secret or can_ask(connection)):
        return item.outcome
    if connection.is_machine:
        _settle(item, *_let_in(connection, now=now, send=send), now=now, actor=actor)
        return item.outcome
    result = probe(connection, actor=actor, now=now, send=send)
    if result.is_good or result.outcome == "other_account":
        _settle(item, Outcome.STILL_WORKS, "", now=now, actor=actor)
    elif result.outcome == "refused":
        _settle(item, Outcome.DEAD, str(result.status), now=now, actor=actor)
    else:
        _settle(item, Outcome.BY_HAND, result.outcome, now=now, actor=actor)
    return item.outcome


def _let_in(connection: Connection, *, now: datetime, send: Send) -> Result:
    try:
        return machines.is_still_let_in(connection, now=now, send=send)
    except (IntegrationError, VaultError) as error:
        return Outcome.BY_HAND, error.code


def _settle(item: OffboardingItem, outcome: str, code: str, *, now: datetime, actor: Actor) -> None:
    item.outcome, item.code, item.at = outcome, code[:60], now
    with transaction.atomic():
        item.save(update_fields=["outcome", "code", "at"])
        about = {"kind": item.kind, "outcome": outcome, "code": item.code}
        record(item.offboarding, "offboarding.settled", actor=actor, what=item.label, **about)
