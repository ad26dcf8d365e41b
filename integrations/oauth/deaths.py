"""When a grant ends whatever we do, or if nobody uses it: from the provider's facts and from what its answers told.

RFC 6749 says nothing of it; providers do: Xero 60 days unused, QuickBooks 100 days and five years, Google seven days
for an app in testing, LinkedIn no refresh token at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from integrations.models import Connection
from integrations.oauth.answers import Grant
from integrations.oauth.keeping import is_renewed, provider_of
from integrations.providers.oauth_facts import RefreshFacts
from integrations.status import Status

WARNED_AHEAD = timedelta(days=8)


@dataclass(frozen=True)
class Death:
    """One end of a grant. `by`: told, idle, absolute, testing or no_refresh."""

    at: datetime
    by: str


def deaths(
    facts: RefreshFacts,
    *,
    connected_at: datetime,
    used_at: datetime,
    told_at: datetime | None = None,
    access_ends_at: datetime | None = None,
    has_refresh_token: bool = True,
    is_renewed: bool = False,
    is_in_testing: bool = False,
) -> list[Death]:
    """Return every end that is known, the nearest first. `is_renewed`: before its end the access token gets another."""
    found = list(_known(facts, connected_at, used_at, is_in_testing=is_in_testing)) if has_refresh_token else []
    if told_at is not None and has_refresh_token:
        found.append(Death(told_at, "told"))
    if not has_refresh_token and access_ends_at is not None:
        found.append(Death(access_ends_at, "idle" if is_renewed else "no_refresh"))
    return sorted(found, key=lambda death: death.at)


def _known(facts: RefreshFacts, connected_at: datetime, used_at: datetime, *, is_in_testing: bool) -> Iterator[Death]:
    if facts.idle_ttl_s:
        yield Death(used_at + timedelta(seconds=facts.idle_ttl_s), "idle")
    if facts.absolute_ttl_s:
        yield Death(connected_at + timedelta(seconds=facts.absolute_ttl_s), "absolute")
    if is_in_testing and facts.testing_ttl_s:
        yield Death(connected_at + timedelta(seconds=facts.testing_ttl_s), "testing")


def is_dying(now: datetime, *, within: timedelta = WARNED_AHEAD) -> Q:
    """Return the condition of a working connection whose grant ends soon and will not be renewed by itself."""
    is_left_alone = ~Q(refresh_ends_by__in=("idle", "told")) | Q(refresh_due_at=None) | Q(refresh_failures__gt=0)
    return Q(status=Status.CONNECTED, refresh_expires_at__lt=now + within) & is_left_alone


def ends_of(
    connection: Connection, grant: Grant, *, connected_at: datetime, now: datetime, kept: bool
) -> dict[str, Any]:
    """Return the nearest end of a grant just given or renewed, as the connection keeps it.

    `kept`: the refresh token that was there goes on where the answer brought none, and so does an end that was told.
    """
    told_at = now + timedelta(seconds=grant.refresh_expires_in_s) if grant.refresh_expires_in_s else None
    if told_at is None and kept and connection.refresh_ends_by in ("", "told"):
        told_at = connection.refresh_expires_at
    facts, renewed = provider_of(connection).oauth, is_renewed(connection)
    found = deaths(
        facts.refresh if facts else RefreshFacts(),
        connected_at=connected_at,
        used_at=now,
        told_at=told_at,
        access_ends_at=now + timedelta(seconds=grant.expires_in_s) if grant.expires_in_s else None,
        has_refresh_token=not renewed and (kept or grant.refresh_token is not None),
        is_renewed=renewed,
        is_in_testing=bool(connection.oauth_app and connection.oauth_app.is_in_testing),
    )
    nearest = found[0] if found else None
    return {"refresh_expires_at": nearest and nearest.at, "refresh_ends_by": nearest.by if nearest else ""}
