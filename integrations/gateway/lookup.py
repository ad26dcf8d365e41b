"""What a token and a slug open: read from the database in a few threads, kept for a few seconds.

Every call first looks at the generation number, so that what was revoked, paused or replaced holds
from the next call on, in every process. This is the listed door of the gateway to the database and
to the vault: Django's cursors refuse to run in the event loop.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from uuid import UUID

from django.db import DatabaseError, close_old_connections, connections
from django.db.models import Q

from integrations.errors import IntegrationError
from integrations.gateway.inject import Injected
from integrations.gateway.problems import Problem
from integrations.models import Connection, GatewayToken
from integrations.outbound import Origin, allowed_private_hosts, split_url
from integrations.providers.registry import get_provider
from integrations.providers.shape import Provider
from integrations.providers.templates import host as host_of
from secrets_vault import generation, keys, vault
from secrets_vault.actor import Actor
from secrets_vault.errors import NoValue, PolicyRefused, VaultError

KEPT_S = 5.0
MOST_KEPT = 10_000
THREADS = 4

_STATUS_PROBLEMS = {
    Connection.Status.PAUSED: "paused",
    Connection.Status.NEEDS_RECONNECTING: "needs_reconnecting",
    Connection.Status.NOT_CONNECTED: "needs_reconnecting",
}
_TOKEN_FIELDS = {"api_key": "api_key", "bearer": "token", "oauth2": "access_token"}


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
    max_uses: int | None
    expires_at: datetime | None
    networks: tuple[IPv4Network | IPv6Network, ...]


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
    """The way to the upstream, and what opens it."""

    provider: Provider
    origin: Origin
    base_path: bytes
    credential: Credential
    allowed: frozenset[str]
    access_expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """Where a call with this token to this slug goes. Either `problem` or `way` is set."""

    token: TokenFacts
    slug: str
    problem: str = ""
    connection_id: UUID | None = None
    environment_id: UUID | None = None
    provider_key: str = ""
    kind: str = ""
    own_slot: str = ""
    way: Way | None = None


class Lookup:
    """Finds routes. One per process."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="gateway-lookup")
        self._routes: dict[tuple[bytes, str], tuple[Route | None, float]] = {}
        self._loading: dict[tuple[bytes, str], asyncio.Future[Route | None]] = {}
        self._generation = -1
        self._clock = clock

    async def start(self) -> None:
        """Open the vault before the first call."""
        await self.in_thread(keys.unlock)

    async def route(self, token_text: str, slug: str) -> Route:
        """Return the route; raises Problem token_invalid or unavailable."""
        key = (vault.keyed_hash("gateway-token", token_text.encode("ascii")), slug)
        seen = generation.current()
        if seen != self._generation or len(self._routes) > MOST_KEPT:
            self._routes.clear()
            self._loading.clear()
            self._generation = seen
        kept = self._routes.get(key)
        if kept is None or self._clock() - kept[1] > KEPT_S:
            kept = (await self._loaded(key), 0.0)
        route = kept[0]
        if route is None or (route.token.expires_at is not None and route.token.expires_at <= datetime.now(UTC)):
            raise Problem("token_invalid")
        return route

    async def _loaded(self, key: tuple[bytes, str]) -> Route | None:
        """Load once, however many calls wait for it."""
        loading = self._loading.get(key)
        if loading is None:
            loading = self._loading[key] = asyncio.ensure_future(self._load_and_keep(key))
        return await asyncio.shield(loading)

    async def _load_and_keep(self, key: tuple[bytes, str]) -> Route | None:
        seen, asked_at = self._generation, self._clock()
        try:
            route = await self.in_thread(load, *key)
        except DatabaseError:
            raise Problem("unavailable", retry_after_s=1) from None
        finally:
            if seen == self._generation:
                self._loading.pop(key, None)
        if seen == self._generation:  # what was read before a change is not kept
            self._routes[key] = (route, asked_at)
        return route

    async def in_thread[**P, R](self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run work that needs the database in one of the gateway's threads."""

        def checked() -> R:
            close_old_connections()
            return work(*args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._threads, checked)

    async def close(self) -> None:
        """Close each thread's database connections, and the threads."""
        together = threading.Barrier(THREADS)

        def close_mine() -> None:
            together.wait(timeout=5)
            connections.close_all()

        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(self._threads, close_mine) for _ in range(THREADS)))
        self._threads.shutdown()


def load(token_hash: bytes, slug: str) -> Route | None:
    """Read a route from the database, or None where the token opens nothing."""
    now = datetime.now(UTC)
    is_rolling = Q(previous_hash=token_hash, previous_expires_at__gt=now)
    is_live = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now))
    row = GatewayToken.objects.filter(is_live & (Q(token_hash=token_hash) | is_rolling)).first()
    if row is None:
        return None
    token = _facts(row, is_previous=bytes(row.token_hash) != token_hash)
    rows = Connection.objects.select_related("client", "environment", "secret__current")
    connection = rows.filter(slug=slug, gateway_tokens=row).first()
    if connection is None:
        return Route(token, slug, "connection_not_found")
    return routed(token, connection)


def _facts(row: GatewayToken, *, is_previous: bool) -> TokenFacts:
    ends = [at for at in (row.expires_at, row.previous_expires_at if is_previous else None) if at is not None]
    return TokenFacts(
        id=row.pk,
        name=row.name,
        client_id=row.client_id,
        methods=frozenset(method.upper() for method in row.methods),
        paths=tuple(row.paths),
        per_minute=row.per_minute,
        per_day=row.per_day,
        max_uses=row.max_uses,
        expires_at=min(ends, default=None),
        networks=tuple(ip_network(text) for text in row.ip_ranges),
    )


def routed(token: TokenFacts, connection: Connection) -> Route:
    """Return the route of a connection; whatever forbids the call becomes its problem."""
    route = Route(
        token,
        connection.slug,
        connection_id=connection.pk,
        environment_id=connection.environment_id,
        provider_key=connection.provider_key,
        kind=connection.kind,
    )
    try:
        provider = get_provider(connection.provider_key).render(connection.variables)
        route = replace(route, own_slot=provider.injection_for(connection.kind).slot)
        problem = _STATUS_PROBLEMS.get(Connection.Status(connection.status), "")
        if problem or provider.missing_variables:
            return replace(route, problem=problem or "needs_reconnecting")
        origin, base_path = split_url(provider.base_url)
        credential = _credential(connection, provider)
    except (PolicyRefused, IntegrationError):
        return replace(route, problem="host_refused")
    except NoValue:
        return replace(route, problem="needs_reconnecting")
    except VaultError:
        return replace(route, problem="credential_unreadable")
    ends = connection.access_expires_at if connection.kind == Connection.Kind.OAUTH2 else None
    return replace(route, way=Way(provider, origin, base_path, credential, allowed_private_hosts(), ends))


def _credential(connection: Connection, provider: Provider) -> Credential:
    """Return the opened credential, once the vault agrees that it may go to this host in this slot."""
    stored, injection = connection.secret, provider.injection_for(connection.kind)
    if stored is None or stored.current is None:
        raise NoValue("The connection has no secret.")
    if stored.client_id != connection.client_id:  # only a hand in the database can have brought them together
        raise PolicyRefused("The secret is another client's.")
    host = host_of(provider.base_url)
    if host not in provider.allowed_hosts:
        raise PolicyRefused("The provider's facts do not allow this host.")
    vault.check_policy(stored, host=host, slot=injection.slot)
    fields = vault.use(stored, actor=_actor(connection), purpose="gateway call")
    opened = {name: value.expose() for name, value in fields.items()}
    if connection.kind == Connection.Kind.BASIC:
        value = injection.value(username=opened.get("username", ""), password=opened.get("password", ""))
    else:
        value = injection.value(token=opened[_TOKEN_FIELDS[connection.kind]])
    return Credential(
        injected=Injected(injection.in_, injection.name, value),
        secret_id=stored.pk,
        version=stored.current.number,
        version_id=stored.current.pk,
        made_at=stored.current.created_at,
        known=(*(text for name, text in opened.items() if name != "username"), value),
    )


def _actor(connection: Connection) -> Actor:
    return Actor(kind="gateway", id=str(connection.pk), label=connection.slug)
