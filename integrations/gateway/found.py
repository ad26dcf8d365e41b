"""What the rows of a route say: each table's columns as a row of its model, and what a token opens by them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.db.models import Field, ForeignKey, Model

from integrations.gateway.route import Beside, TokenFacts, token_facts
from integrations.models import Connection, CustomProvider, GatewayToken
from integrations.outbound import private_hosts
from secrets_vault.models import Environment, InstallationSetting, KeyTerm, SecretField, SecretVersion, StoredSecret

DATABASE = "default"

Rows = list[tuple[Any, ...]]

# What each table gives, by its alias in the query: all that a route is made from, and nothing that changes by use.
TABLES: dict[str, tuple[type[Model], tuple[str, ...]]] = {
    # In the model's own order, as from_db() wants them; its primary key comes first.
    alias: (model, tuple(field.attname for field in model._meta.concrete_fields if field.attname in names.split()))
    for alias, model, names in (
        ("t", GatewayToken, "id client_id name token_hash previous_hash previous_expires_at methods paths"
         " per_minute per_day min_gap_s max_wait_s expires_at ip_ranges max_uses keep_failed serve_stale origins"
         " revoked_at paused_at"),
        ("c", Connection, "id slug client_id environment_id provider_key kind secret_id beside_secret_id"
         " variables status spend_stopped_until access_expires_at oauth_app_id account_id connected_at"
         " slow_down_percent"),
        ("s", StoredSecret, "id client_id environment_id kind label current_id policy policy_mac deleted_at"),
        ("v", SecretVersion, "id secret_id number created_at first_used_at"),
        ("f", SecretField, "id version_id name blob"),
        ("k", KeyTerm, "id client_id state wrapped_key"),
        ("p", CustomProvider, "id facts"),
        ("i", InstallationSetting, "key value"),
        ("e", Environment, "id is_production"),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """What the rows say. Without a connection the token does not open this slug."""

    token: TokenFacts
    connection: Connection | None = None
    beside: Beside | None = None

    @property
    def is_first_use(self) -> bool:
        """Tell whether the book must be written before the secret may be used."""
        held = (self.connection.secret, self.connection.beside_secret) if self.connection else ()
        return any(each and each.current and each.current.first_used_at is None for each in held)


def found_in(rows: Rows, token_hash: bytes, *, now: datetime, seen: int) -> Found | None:
    """Return what the rows say, None where the token opens nothing now. `seen` is the generation before the read."""
    if not rows:
        return None
    read = [_instances(row) for row in rows]
    token = _living(read[0]["t"], token_hash, now=now)
    connection = read[0]["c"]
    if token is None or connection is None:
        return Found(token) if token else None
    connection.secret, fields = _held(read, connection.secret_id)
    connection.beside_secret, fields_beside = _held(read, connection.beside_secret_id)
    connection.environment = read[0]["e"]
    setting, provider = read[0]["i"], read[0]["p"]
    beside = Beside(
        facts=provider.facts if provider else None,
        hosts=private_hosts(setting.value if setting else ()),
        fields=fields,
        fields_beside=fields_beside,
        terms=[each["k"] for each in read if each["k"] is not None],
        seen=seen,
    )
    return Found(token, connection, beside)


def _held(read: Sequence[Mapping[str, Any]], pk: UUID | None) -> tuple[StoredSecret | None, list[SecretField]]:
    """Return a secret with its current version, and the sealed fields of that."""
    own = [each for each in read if each["s"] is not None and each["s"].pk == pk]
    if not own:
        return None, []
    stored: StoredSecret = own[0]["s"]
    stored.current = own[0]["v"]
    return stored, [each["f"] for each in own if each["f"] is not None]


def _living(row: GatewayToken, token_hash: bytes, *, now: datetime) -> TokenFacts | None:
    """Return what the token allows, None when it is revoked, has expired or was rolled away."""
    facts = token_facts(row, is_previous=row.token_hash != token_hash)
    if row.revoked_at is not None or (facts.expires_at is not None and facts.expires_at <= now):
        return None
    return facts


def _instances(row: Sequence[Any]) -> dict[str, Any]:
    """Return the model of each table by its alias, None where the join found none."""
    made: dict[str, Any] = {}
    at = 0
    for alias, (model, names) in TABLES.items():
        end = at + len(names)
        if row[at] is None:
            made[alias] = None
        else:
            made[alias] = model.from_db(DATABASE, names, values_in(model, names, row[at:end]))
        at = end
    return made


def values_in(model: type[Model], names: tuple[str, ...], row: Sequence[Any]) -> list[Any]:
    """Return a row of these columns as the model has them."""
    return [read(value) for read, value in zip(_readers(model, names), row, strict=True)]


@cache
def _readers(model: type[Model], names: tuple[str, ...]) -> list[Callable[[Any], Any]]:
    """Return, for each column, what makes the driver's value the model's."""
    columns = {field.attname: field for field in model._meta.concrete_fields}
    return [READERS.get(_kind(columns[name]), _as_it_is) for name in names]


def _kind(field: Field[Any, Any]) -> str:
    return _kind(field.target_field) if isinstance(field, ForeignKey) else field.get_internal_type()


def _as_it_is(value: Any) -> Any:
    return value


def _uuid(value: Any) -> Any:
    return UUID(hex=value) if isinstance(value, str) else value


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _time(value: Any) -> Any:
    return datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value


# SQLite keeps these as text; psycopg gives the right type at once.
READERS: dict[str, Callable[[Any], Any]] = {"UUIDField": _uuid, "JSONField": _json, "DateTimeField": _time}
