"""Where a call goes and with what: the token's limits, the upstream, and the credential once it is opened.

This is the listed door of the gateway to the vault. Nothing is decided here from memory: whoever keeps
a route (`lookup.py`) sees to it that it is young and that nothing it was made from has changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any
from uuid import UUID

from integrations.beside import LacksBeside, values_beside
from integrations.errors import IntegrationError
from integrations.gateway.quota.rules import Whose
from integrations.injecting import IncompleteCredential, Injected, injected
from integrations.limits import fitting_limits
from integrations.models import Connection, GatewayToken
from integrations.outbound import Origin, allowed_private_hosts, split_url
from integrations.providers.limit_facts import Limit
from integrations.providers.loading import CUSTOM_PREFIX
from integrations.providers.parts import MACHINE_KINDS, TOKEN_KINDS
from integrations.providers.registry import ProviderNotFound, described, get_provider
from integrations.providers.shape import Provider
from integrations.providers.templates import host as host_of
from secrets_vault import vault
from secrets_vault.actor import Actor
from secrets_vault.errors import NoValue, PolicyRefused, VaultError
from secrets_vault.models import KeyTerm, SecretField, SecretVersion

_STATUS_PROBLEMS = {
    Connection.Status.PAUSED: "paused",
    Connection.Status.NEEDS_RECONNECTING: "needs_reconnecting",
    Connection.Status.NOT_CONNECTED: "needs_reconnecting",
}


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """What a gateway token allows."""

    id: UUID
    name: str
    client_id: UUID
    methods: frozenset[str]
    paths: tuple[str, ...]
    per_minute: int | None
    per_day: int | None
    min_gap_s: float | None
    max_uses: int | None
    expires_at: datetime | None
    networks: tuple[IPv4Network | IPv6Network, ...]
    max_wait_s: float | None = None
    keep_failed: bool = False
    serve_stale: bool = False
    origins: tuple[str, ...] = ()
    is_paused: bool = False
    jwt_issuer: str = ""
    jwt_subject: str = ""
    jwt_signer: bytes = field(default=b"", repr=False)

    @property
    def is_by_jwt(self) -> bool:
        """Tell whether a JWT opened it, so that its caller is one of several."""
        return bool(self.jwt_issuer)

    @property
    def is_counted(self) -> bool:
        """Tell whether its calls are counted: a minute, a day, or in all."""
        return self.per_minute is not None or self.per_day is not None or self.max_uses is not None


@dataclass(frozen=True, slots=True)
class Credential:
    """What is injected, and what must not be seen in a log afterwards."""

    injected: Injected
    secret_id: UUID
    version: int
    version_id: UUID
    made_at: datetime
    known: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Way:
    """The way to the upstream, and what opens it.

    `limits` are those that the provider's facts name for it, `whose` says who shares them, and `line` from which
    share of one on calls are spaced. Connections to the upstream are shared within a `partition`.
    """

    provider: Provider
    origin: Origin
    base_path: bytes
    credential: Credential
    allowed: frozenset[str]
    whose: Whose
    limits: tuple[Limit, ...] = ()
    line: float = 0.8
    access_expires_at: datetime | None = None
    partition: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "partition", str(self.whose.connection_id))


@dataclass(frozen=True, slots=True)
class Route:
    """Where a call with this token to this slug goes. Either `problem` or `way` is set.

    `lacks_token`: the first access token has not been asked for yet, and can be without anybody's consent.
    `stopped_until`: a budget is used up, and holds until then.
    """

    token: TokenFacts
    slug: str
    problem: str = ""
    connection_id: UUID | None = None
    environment_id: UUID | None = None
    provider_key: str = ""
    kind: str = ""
    own_slot: str = ""
    account: str = ""
    lacks_token: bool = False
    stopped_until: datetime | None = None
    way: Way | None = None


@dataclass(frozen=True, slots=True)
class Beside:
    """What was read together with a connection, so that no question is left for the database.

    `facts` are those of its CustomProvider, None where there is none; `hosts` may be private; `fields` are the
    sealed ones of the secret's current version, `fields_beside` those of what goes beside it, `terms` those of the
    keyring that open them. `seen` is the generation before the read.
    """

    facts: Mapping[str, Any] | None
    hosts: frozenset[str]
    fields: Sequence[SecretField]
    fields_beside: Sequence[SecretField]
    terms: Sequence[KeyTerm]
    seen: int


def token_facts(row: GatewayToken, *, is_previous: bool) -> TokenFacts:
    ends = [at for at in (row.expires_at, row.previous_expires_at if is_previous else None) if at is not None]
    return TokenFacts(
        id=row.pk,
        name=row.name,
        client_id=row.client_id,
        methods=frozenset(method.upper() for method in row.methods),
        paths=tuple(row.paths),
        per_minute=row.per_minute,
        per_day=row.per_day,
        min_gap_s=row.min_gap_s,
        max_uses=row.max_uses,
        max_wait_s=row.max_wait_s,
        expires_at=min(ends, default=None),
        networks=tuple(ip_network(text) for text in row.ip_ranges),
        is_paused=row.paused_at is not None,
        keep_failed=bool(row.keep_failed),  # SQLite keeps a number
        serve_stale=bool(row.serve_stale),
        origins=tuple(row.origins),
    )


def routed(token: TokenFacts, connection: Connection, beside: Beside | None = None) -> Route:
    """Return the route of a connection; whatever forbids the call becomes its problem.

    Without `beside` the database is asked for the rest.
    """
    route = Route(
        token,
        connection.slug,
        connection_id=connection.pk,
        environment_id=connection.environment_id,
        provider_key=connection.provider_key,
        kind=connection.kind,
        stopped_until=connection.spend_stopped_until,
        account=f"{connection.account_id} {connection.connected_at}",
    )
    try:
        provider = _provider(connection.provider_key, beside).of_kind(connection.kind).render(connection.variables)
        route = replace(route, own_slot=provider.injection_for(connection.kind).slot)
        problem = _STATUS_PROBLEMS.get(Connection.Status(connection.status), "")
        if problem or provider.missing_variables:
            can_ask = not problem and connection.secret is None and _can_have_token(connection)
            return replace(route, problem=problem or _what_is_missing(provider), lacks_token=can_ask)
        origin, base_path = split_url(provider.base_url)
        credential = _credential(connection, provider, beside)
    except ProviderNotFound:
        return replace(route, problem="provider_gone")
    except LacksBeside:
        return replace(route, problem="needs_reconnecting")
    except (NoValue, IncompleteCredential):
        return replace(route, problem="needs_reconnecting", lacks_token=_can_have_token(connection))
    except (PolicyRefused, IntegrationError):
        return replace(route, problem="host_refused")
    except VaultError:
        return replace(route, problem="credential_unreadable")
    ends = connection.access_expires_at if connection.kind in TOKEN_KINDS else None
    allowed = beside.hosts if beside else allowed_private_hosts()
    found = Way(provider, origin, base_path, credential, allowed, whose_of(connection), access_expires_at=ends)
    return replace(route, way=replace(found, limits=limits_of(connection, provider), line=line_of(connection)))


def whose_of(connection: Connection) -> Whose:
    """Return who shares the quotas of a connection."""
    return Whose(connection.pk, connection.provider_key, connection.oauth_app_id, connection.account_id)


def limits_of(connection: Connection, provider: Provider) -> tuple[Limit, ...]:
    """Return the limits that the provider's facts name for a connection."""
    mode = "live" if provider.limits and connection.environment.is_production else "test"
    return tuple(fitting_limits(provider, kind=connection.kind, environment=mode))


def line_of(connection: Connection) -> float:
    """Return from which share of a limit on a connection's calls are spaced."""
    return min(100, connection.slow_down_percent) / 100


def _can_have_token(connection: Connection) -> bool:
    return connection.kind in MACHINE_KINDS or (connection.kind in TOKEN_KINDS and connection.secret is not None)


def _what_is_missing(provider: Provider) -> str:
    """Return what a call waits for that has no address yet: a person's choice, or a consent."""
    missing = [provider.variable(name) for name in provider.missing_variables]
    is_listed = provider.discovery is not None and all(one and one.source == "discovery" for one in missing)
    return "choice_needed" if is_listed else "needs_reconnecting"


def _provider(key: str, beside: Beside | None) -> Provider:
    if beside is not None and key.startswith(CUSTOM_PREFIX):
        return described(key, beside.facts)
    return get_provider(key)


def older_way(connection: Connection, version: SecretVersion, way: Way) -> Way:
    """Return the way with another version of the secret, as while a rotation lets both live. Raises VaultError."""
    return replace(way, credential=_credential(connection, way.provider, None, version=version))


def _credential(
    connection: Connection, provider: Provider, beside: Beside | None, *, version: SecretVersion | None = None
) -> Credential:
    """Return the opened credential, once the vault agrees that it may go to this host in this slot."""
    stored, injection = connection.secret, provider.injection_for(connection.kind)
    chosen = version or (stored.current if stored else None)
    if stored is None or chosen is None:
        raise NoValue("The connection has no secret.")
    if stored.client_id != connection.client_id:  # only a hand in the database can have brought them together
        raise PolicyRefused("The secret is another client's.")
    host = host_of(provider.base_url)
    if host not in provider.allowed_hosts:
        raise PolicyRefused("The provider's facts do not allow this host.")
    for slot in injection.slots:
        vault.check_policy(stored, host=host, slot=slot)
    rows = None if beside is None else _openable(beside)
    fields = vault.use(stored, actor=_actor(connection), purpose="gateway call", version=version, rows=rows)
    rows_beside = None if beside is None else beside.fields_beside
    fields |= values_beside(connection, provider, host=host, actor=_actor(connection), rows=rows_beside)
    opened = {name: value.expose() for name, value in fields.items()}
    ready = injected(injection, connection.kind, opened)
    return Credential(
        injected=ready,
        secret_id=stored.pk,
        version=chosen.number,
        version_id=chosen.pk,
        made_at=chosen.created_at,
        known=(*(text for name, text in opened.items() if name != "username"), *ready.texts),
    )


def _openable(beside: Beside) -> Sequence[SecretField]:
    """Return the sealed fields, once the vault knows the terms that open them."""
    for term in beside.terms:
        vault.learn(term, seen=beside.seen)
    return beside.fields


def _actor(connection: Connection) -> Actor:
    return Actor(kind="gateway", id=str(connection.pk), label=connection.slug)
