"""Gateway tokens: made, rolled, revoked and found. Only keyed hashes are kept."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from integrations.errors import IntegrationError
from integrations.models import Connection, GatewayToken
from integrations.token_text import TokenText
from integrations.web_origins import is_origin
from secrets_vault import audit, generation, vault
from secrets_vault.actor import Actor
from secrets_vault.models import Client
from secrets_vault.secret import Secret

PREFIX = "klg_"
TEXT = TokenText(PREFIX)
LENGTH, SHOWN = TEXT.length, TEXT.shown
ROLL_KEEPS = timedelta(days=1)

_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,16}\Z")
LIMITS = (
    "methods",
    "paths",
    "per_minute",
    "per_day",
    "min_gap_s",
    "max_wait_s",
    "expires_at",
    "ip_ranges",
    "max_uses",
    "keep_failed",
    "serve_stale",
    "origins",
)
SHORTEST_GAP_S, LONGEST_GAP_S = 0.01, 86_400
LONGEST_WAIT_S = 300  # for a provider's limit; X-Keylodge-Max-Wait takes no more either


class BadTokenLimits(IntegrationError):
    """A limit cannot be what was given; the message says which and why."""

    code = "bad_token_limits"


class TokenNameTaken(IntegrationError):
    """The client has a gateway token of this name."""

    code = "token_name_taken"


def make(
    client: Client, name: str, connections: Iterable[Connection], *, actor: Actor, **limits: Any
) -> tuple[GatewayToken, Secret]:
    """Return a new token and its text, which is shown once and kept nowhere.

    `limits`: methods, paths, per_minute, per_day, min_gap_s and max_wait_s (seconds), expires_at, ip_ranges, max_uses;
    and keep_failed, whether calls that fail are kept and made later; serve_stale, whether a GET is
    answered from the last good copy while the provider is down; origins, of web pages that may call with it.
    Raises BadTokenLimits and TokenNameTaken.
    """
    chosen = list(connections)
    _check(client, name, chosen, limits)
    text = new_text()
    made_by = actor.id if actor.kind == "user" else None
    try:
        with transaction.atomic():
            token = GatewayToken.objects.create(
                client=client,
                name=name,
                prefix=text[:SHOWN],
                token_hash=_hash(text),
                created_by_id=made_by,
                **limits,
            )
            token.connections.set(chosen)
            details = {"connections": sorted(c.slug for c in chosen), **_recorded(limits)}
            _record("token.made", token, actor=actor, details=details)
    except IntegrityError as error:
        raise TokenNameTaken(f"{client.name} has a gateway token named {name}") from error
    return token, Secret(text)


def roll(token: GatewayToken, *, actor: Actor, now: datetime, keep: timedelta = ROLL_KEEPS) -> Secret:
    """Return a new text for the token; the old one stays valid for `keep`, so that nothing stops meanwhile."""
    text = new_text()
    with transaction.atomic():
        row = GatewayToken.objects.select_for_update().get(pk=token.pk)
        if row.revoked_at is not None:
            raise BadTokenLimits(_("the token is revoked; make a new one"))
        row.previous_hash, row.previous_expires_at = row.token_hash, now + keep
        row.token_hash, row.prefix = _hash(text), text[:SHOWN]
        row.save(update_fields=["previous_hash", "previous_expires_at", "token_hash", "prefix"])
        _record("token.rolled", row, actor=actor, details={"old_until": row.previous_expires_at.isoformat()})
    token.refresh_from_db()
    return Secret(text)


def change(
    token: GatewayToken,
    *,
    actor: Actor,
    name: str | None = None,
    connections: Iterable[Connection] | None = None,
    **limits: Any,
) -> None:
    """Give a token another name, other connections or limits; they hold from the next call, in every process.

    The book says what each was and is. Raises BadTokenLimits, for a revoked token too, and TokenNameTaken.
    """
    try:
        with transaction.atomic():
            row = GatewayToken.objects.select_for_update().get(pk=token.pk)
            if row.revoked_at is not None:
                raise BadTokenLimits(_("the token is revoked; make a new one"))
            held = list(row.connections.all())
            chosen = held if connections is None else list(connections)
            columns = {"name": row.name if name is None else name, **limits}
            _check(row.client, columns["name"], chosen, limits)
            _change(row, columns, held, chosen, actor=actor)
    except IntegrityError as error:
        raise TokenNameTaken(f"{token.client.name} has a gateway token named {name}") from error
    token.refresh_from_db()


def _change(
    row: GatewayToken, columns: dict[str, Any], held: list[Connection], chosen: list[Connection], *, actor: Actor
) -> None:
    """Write what differs, and write it in the book; a form saved as it was leaves no line."""
    differs = {key: value for key, value in columns.items() if value != getattr(row, key)}
    details = {key: {"old": _plain(getattr(row, key)), "new": _plain(value)} for key, value in differs.items()}
    if set(held) != set(chosen):
        details["connections"] = {"old": sorted(c.slug for c in held), "new": sorted(c.slug for c in chosen)}
    if not details:
        return
    for key, value in differs.items():
        setattr(row, key, value)
    row.save(update_fields=list(differs))
    row.connections.set(chosen)
    _record("token.changed", row, actor=actor, details=details)


def revoke(token: GatewayToken, *, actor: Actor, now: datetime) -> None:
    """Make the token useless from the next call on, in every process. Twice is once."""
    with transaction.atomic():
        if not GatewayToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now):
            return
        _record("token.revoked", token, actor=actor, details={})
    token.refresh_from_db()


def pause(token: GatewayToken, *, actor: Actor, now: datetime) -> None:
    """Refuse every call with the token, from the next one on, until it goes on."""
    with transaction.atomic():
        if GatewayToken.objects.filter(pk=token.pk, paused_at=None, revoked_at=None).update(paused_at=now):
            _record("token.paused", token, actor=actor, details={})
    token.refresh_from_db()


def resume(token: GatewayToken, *, actor: Actor) -> None:
    """Let a paused token call again."""
    with transaction.atomic():
        if GatewayToken.objects.filter(pk=token.pk, paused_at__isnull=False).update(paused_at=None):
            _record("token.resumed", token, actor=actor, details={})
    token.refresh_from_db()


def find(text: str, *, now: datetime | None = None) -> GatewayToken | None:
    """Return the live token that this text opens, or None: unknown, revoked, expired, or rolled away."""
    at = now or datetime.now(UTC)
    if not is_well_formed(text):
        return None
    hashed = _hash(text)
    is_rolling = Q(previous_hash=hashed, previous_expires_at__gt=at)
    is_live = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=at))
    return GatewayToken.objects.filter(is_live & (Q(token_hash=hashed) | is_rolling)).first()


def is_well_formed(text: str) -> bool:
    """Tell whether the text has a token's shape and checksum: a typing slip costs no look-up."""
    return TEXT.is_well_formed(text)


def new_text() -> str:
    """Return the text of a new gateway token."""
    return TEXT.new()


def _hash(text: str) -> bytes:
    return vault.keyed_hash("gateway-token", text.encode("ascii"))


def _record(action: str, token: GatewayToken, *, actor: Actor, details: dict[str, Any]) -> None:
    audit.record(action, actor=actor, client=token.client, subject=token, label=token.name, details=details)
    generation.bump()


def _recorded(limits: dict[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in limits.items() if value or isinstance(value, float)}


def _plain(value: Any) -> Any:
    """Return a limit as the book keeps it: text, whole numbers and lists."""
    if isinstance(value, float):
        return f"{value:g}"
    return value.isoformat(sep=" ") if isinstance(value, datetime) else value


def _check(client: Client, name: str, connections: list[Connection], limits: dict[str, Any]) -> None:
    if unknown := set(limits) - set(LIMITS):
        raise BadTokenLimits(f"no such limit: {', '.join(sorted(unknown))}")
    if not name.strip() or len(name) > 120:
        raise BadTokenLimits("name: 1 to 120 characters")
    if not connections or any(c.client_id != client.pk for c in connections):
        raise BadTokenLimits("connections: at least one, all of this client")
    for count in ("per_minute", "per_day", "max_uses"):
        if limits.get(count) is not None and limits[count] < 1:
            raise BadTokenLimits(f"{count}: at least 1, or none")
    gap_s = limits.get("min_gap_s")
    if gap_s is not None and not SHORTEST_GAP_S <= gap_s <= LONGEST_GAP_S:
        raise BadTokenLimits(f"min_gap_s: {SHORTEST_GAP_S} to {LONGEST_GAP_S} seconds, or none")
    wait_s = limits.get("max_wait_s")
    if wait_s is not None and not 0 <= wait_s <= LONGEST_WAIT_S:
        raise BadTokenLimits(f"max_wait_s: 0 to {LONGEST_WAIT_S} seconds, or none")
    if not all(_METHOD.match(method) for method in limits.get("methods") or ()):
        raise BadTokenLimits("methods: words such as GET")
    if not all(_is_path(path) for path in limits.get("paths") or ()):
        raise BadTokenLimits("paths: each starts with / or *, in ASCII without spaces")
    _check_ranges(limits.get("ip_ranges") or ())
    if not all(is_origin(text) for text in limits.get("origins") or ()):
        raise BadTokenLimits("origins: scheme and host alone, as in https://app.example.com")


def _is_path(path: str) -> bool:
    return path.startswith(("/", "*")) and path.isascii() and path.isprintable() and " " not in path


def _check_ranges(ranges: Iterable[str]) -> None:
    for text in ranges:
        try:
            ip_network(text)
        except ValueError:
            raise BadTokenLimits(f"ip_ranges: {text} is not an address or range") from None
