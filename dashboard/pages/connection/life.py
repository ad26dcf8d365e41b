"""What a consent gave: the rights, and how long the access token and the refresh token live."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from django.utils.translation import gettext as _

from integrations.models import Connection
from integrations.oauth.scopes import excess, missing
from integrations.providers.shape import Provider
from secrets_vault.models import SecretVersion

WIDTH = 600.0


@dataclass(frozen=True)
class Right:
    """One scope: its name, what it allows in plain words, and `given`, `missing` or `excess`."""

    scope: str
    words: str
    state: str


@dataclass(frozen=True)
class Life:
    """An access token from its issue to its end, as places (0 to 600) on a line."""

    issued_at: datetime
    dies_at: datetime
    renew_at: datetime | None
    now_x: str
    renew_x: str
    is_over: bool


@dataclass(frozen=True)
class Death:
    """When and why a refresh token ends. `at` is None where the provider does not say."""

    words: str
    at: datetime | None
    is_confirmed: bool = True


def rights_of(connection: Connection, provider: Provider) -> list[Right]:
    """Return what was asked for and given, what was not given, and what was given unasked; the troubled first."""
    asked = connection.requested_scopes
    granted = connection.granted_scopes or None
    lacking, extra = missing(asked, granted), excess(asked, granted)
    named = [(scope, "missing") for scope in lacking] + [(scope, "excess") for scope in extra]
    named += [(scope, "given") for scope in granted or () if scope not in extra]
    named += [(scope, "asked") for scope in asked if granted is None]
    return [Right(scope, provider.words_for_scope(scope), state) for scope, state in named]


def life_of(connection: Connection, *, now: datetime) -> Life | None:
    """Return the life of the access token, or of the key that is sent itself, where its end is known."""
    dies_at = connection.access_expires_at
    issued_at = connection.refreshed_at or connection.connected_at
    version = connection.secret.current if connection.secret and not connection.has_tokens else None
    if version is not None:
        dies_at, issued_at = version.expires_at, _made_at(version)
    if dies_at is None or issued_at is None or dies_at <= issued_at:
        return None
    whole = (dies_at - issued_at).total_seconds()

    def place(at: datetime | None) -> str:
        share = (at - issued_at).total_seconds() / whole if at else 0.0
        return f"{WIDTH * min(1.0, max(0.0, share)):.0f}"

    renew_at = connection.refresh_due_at
    return Life(issued_at, dies_at, renew_at, place(now), place(renew_at), now >= dies_at)


def _made_at(version: SecretVersion) -> datetime:
    """Return when a value was made, as far as that is known: else when it was stored."""
    return datetime.combine(version.made_on, time(), UTC) if version.made_on else version.created_at


def deaths_of(connection: Connection, provider: Provider) -> list[Death]:
    """Return when the refresh token ends: told by the provider, unused too long, or after its whole life."""
    facts = provider.oauth.refresh if provider.oauth else None
    if facts is None or connection.connected_at is None:
        return []
    found = []
    if connection.refresh_ends_by == "no_refresh":
        return [Death(_("There is no refresh token: then the client agrees again"), connection.refresh_expires_at)]
    if connection.refresh_expires_at is not None and connection.refresh_ends_by in ("", "told"):
        found.append(Death(_("The provider said when"), connection.refresh_expires_at))
    if facts.idle_ttl_s:
        used_at = connection.refreshed_at or connection.connected_at
        at, known = used_at + timedelta(seconds=facts.idle_ttl_s), provider.is_confirmed("oauth.refresh.idle_ttl_s")
        found.append(Death(_("If it is not used until then"), at, known))
    if facts.absolute_ttl_s:
        at = connection.connected_at + timedelta(seconds=facts.absolute_ttl_s)
        found.append(Death(_("Whatever happens"), at, provider.is_confirmed("oauth.refresh.absolute_ttl_s")))
    if connection.refresh_ends_by == "testing":
        found.append(Death(_("The app is in testing at the provider"), connection.refresh_expires_at))
    return found
