"""Tokens for /api/v1: made, rolled, revoked and found. They write reports, read nothing, and are kept as hashes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Case, F, Q, Value, When
from django.utils.translation import gettext as _

from integrations.errors import IntegrationError
from integrations.models import ApiToken, Connection
from integrations.models.api import TOOLS
from integrations.token_text import TokenText
from secrets_vault import audit, vault
from secrets_vault.actor import Actor
from secrets_vault.models import Client
from secrets_vault.secret import Secret

TEXT = TokenText("kla_")
ROLL_KEEPS = timedelta(days=1)
TEST_LASTS = timedelta(minutes=1)
PER_MINUTE = 60
MOST_PER_MINUTE = 600
MINUTE_S = 60


class BadApiToken(IntegrationError):
    """Something about the token cannot be what was given; the message says which and why."""

    code = "bad_api_token"


def make(
    client: Client,
    name: str,
    *,
    actor: Actor,
    now: datetime,
    tool: str = "",
    connection: Connection | None = None,
    per_minute: int = PER_MINUTE,
    expires_at: datetime | None = None,
) -> tuple[ApiToken, Secret]:
    """Return a new token and its text, which is shown once and kept nowhere. Raises BadApiToken.

    `tool` and `connection` are what its reports are about where they do not say it themselves.
    """
    _check(client, name, tool, connection, per_minute=per_minute)
    if expires_at is not None and expires_at <= now:
        raise BadApiToken(_("the end lies in the past"))
    text = TEXT.new()
    try:
        with transaction.atomic():
            token = ApiToken.objects.create(
                client=client,
                name=name.strip(),
                prefix=text[: TEXT.shown],
                token_hash=_hash(text),
                scopes=[ApiToken.Scope.ERRORS_WRITE],
                tool=tool,
                connection=connection,
                per_minute=per_minute,
                expires_at=expires_at,
                created_by_id=actor.id if actor.kind == "user" else None,
            )
            about = {"tool": tool, "connection": connection.slug if connection else "", "per_minute": per_minute}
            _record("api_token.made", token, actor=actor, **{key: value for key, value in about.items() if value})
    except IntegrityError as error:
        raise BadApiToken(_("the client has a token of this name")) from error
    return token, Secret(text)


def _check(client: Client, name: str, tool: str, connection: Connection | None, *, per_minute: int) -> None:
    if not name.strip() or len(name) > 120:
        raise BadApiToken(_("name: 1 to 120 characters"))
    if tool and tool not in dict(TOOLS):
        raise BadApiToken(_("no such tool"))
    if connection is not None and connection.client_id != client.pk:
        raise BadApiToken(_("the connection is another client's"))
    if not 1 <= per_minute <= MOST_PER_MINUTE:
        raise BadApiToken(_("per minute: 1 to {most}").format(most=MOST_PER_MINUTE))


def change(token: ApiToken, *, actor: Actor, now: datetime, **columns: Any) -> list[str]:
    """Give a token another tool, connection, limit a minute or end; return the names of what differs.

    Raises BadApiToken, also for a revoked one.
    """
    changed = {name: value for name, value in columns.items() if getattr(token, name) != value}
    if not changed:
        return []
    if token.revoked_at is not None:
        raise BadApiToken(_("the token is revoked; make a new one"))
    about = {"tool": token.tool, "connection": token.connection, "per_minute": token.per_minute} | changed
    _check(token.client, token.name, about["tool"], about["connection"], per_minute=about["per_minute"])
    if "expires_at" in changed and changed["expires_at"] is not None and changed["expires_at"] <= now:
        raise BadApiToken(_("the end lies in the past"))
    with transaction.atomic():
        for name, value in changed.items():
            setattr(token, name, value)
        token.save(update_fields=list(changed))
        _record("api_token.changed", token, actor=actor, changed=sorted(changed))
    return list(changed)


def roll(token: ApiToken, *, actor: Actor, now: datetime, keep: timedelta = ROLL_KEEPS) -> Secret:
    """Return a new text for the token; the old one stays valid for `keep`, so that no report is lost meanwhile."""
    text = TEXT.new()
    with transaction.atomic():
        row = ApiToken.objects.select_for_update().get(pk=token.pk)
        if row.revoked_at is not None:
            raise BadApiToken(_("the token is revoked; make a new one"))
        row.previous_hash, row.previous_expires_at = row.token_hash, now + keep
        row.token_hash, row.prefix = _hash(text), text[: TEXT.shown]
        row.save(update_fields=["previous_hash", "previous_expires_at", "token_hash", "prefix"])
        _record("api_token.rolled", row, actor=actor, old_until=row.previous_expires_at.isoformat())
    token.refresh_from_db()
    return Secret(text)


def revoke(token: ApiToken, *, actor: Actor, now: datetime) -> None:
    """Make the token useless from the next request on. Twice is once."""
    with transaction.atomic():
        if not ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now):
            return
        _record("api_token.revoked", token, actor=actor)
    token.refresh_from_db()


def for_a_test(token: ApiToken, *, actor: Actor, now: datetime) -> Secret:
    """Return a second text of the token that is good for one minute: its own is kept nowhere, and a test needs one."""
    text = TEXT.new()
    with transaction.atomic():
        living = ApiToken.objects.filter(_is_living(now), pk=token.pk)
        if not living.update(test_hash=_hash(text), test_expires_at=now + TEST_LASTS):
            raise BadApiToken(_("the token is revoked or has ended"))
        _record("api_token.tested", token, actor=actor)
    return Secret(text)


def find(text: str, *, now: datetime) -> ApiToken | None:
    """Return the living token that this text opens, or None: unknown, revoked, ended, or rolled away."""
    if not TEXT.is_well_formed(text):
        return None
    hashed = _hash(text)
    is_rolling = Q(previous_hash=hashed, previous_expires_at__gt=now)
    is_test = Q(test_hash=hashed, test_expires_at__gt=now)
    rows = ApiToken.objects.filter(_is_living(now) & (Q(token_hash=hashed) | is_rolling | is_test))
    found: ApiToken | None = rows.select_related("client", "connection").first()
    return found


def _is_living(now: datetime) -> Q:
    return Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now))


def take(token: ApiToken, *, ip: str, now: datetime) -> bool:
    """Count one request in the current minute; tell whether the token had one left.

    One conditional update: it is the limit for all processes together, and refuses a token revoked meanwhile.
    """
    minute = now.replace(second=0, microsecond=0)
    is_this = Q(minute_at=minute)
    rows = ApiToken.objects.filter(~is_this | Q(minute_at=None) | Q(minute_count__lt=F("per_minute")), pk=token.pk)
    return bool(
        rows.filter(_is_living(now)).update(
            minute_count=Case(When(is_this, then=F("minute_count") + 1), default=Value(1)),
            minute_at=minute,
            last_used_at=now,
            last_used_ip=ip[:45],
        )
    )


def _hash(text: str) -> bytes:
    return vault.keyed_hash("api-token", text.encode("ascii"))


def _record(action: str, token: ApiToken, *, actor: Actor, **details: Any) -> None:
    audit.record(action, actor=actor, client=token.client, subject=token, label=token.name, details=details)
