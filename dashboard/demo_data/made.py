"""Makes the demo: clients, their connections and secrets, then their calls in bulk. Same seed, same story."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from dashboard.demo_data import rotating
from dashboard.demo_data.calls import CALLER_IP, Caller, make_calls
from dashboard.demo_data.stories import AGES, CLIENT_NAMES, SCOPES, SERVICES, TROUBLES, Service
from dashboard.demo_data.telling import make_reports, make_route
from dashboard.demo_data.usage import make_budgets
from dashboard.demo_data.waiting import make_waiting
from dashboard.demo_data.webhooks import make_endpoints
from integrations import alerts, reminders
from integrations.models import Connection, GatewayToken, Message
from integrations.providers.registry import get_provider
from secrets_vault import audit, vault
from secrets_vault.actor import COMMAND, Actor
from secrets_vault.models import Client, Environment, StoredSecret
from secrets_vault.secret import Secret
from secrets_vault.vault import Policy

DEMO = "DEMO"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
YOUNG_DAYS = 30
DEMO_ACTOR = Actor(kind="command", label="Demo")
Status = Connection.Status


@dataclass(frozen=True)
class Size:
    """How much to make. Connections take the services and both environments in turn."""

    clients: int = 6
    connections_each: int = 4
    calls: int = 9000
    days: int = 30


@dataclass(frozen=True)
class Made:
    """What was made."""

    clients: int
    connections: int
    secrets: int
    calls: int
    error_groups: int
    limit_readings: int
    messages: int


def make(size: Size = Size(), *, now: datetime, seed: int = 1, prefix: str = "demo") -> Made:
    """Make a demo of this size. `prefix` begins every slug, so that two sizes can stand side by side."""
    dice = random.Random(seed)  # noqa: S311 - a story, not a secret
    with transaction.atomic():
        callers, clients = [], []
        for number in range(size.clients):
            client = _client(number, prefix=prefix)
            for turn in range(size.connections_each):
                age_days = AGES[(number * 2 + turn - 1) % len(AGES)]
                status = Status(TROUBLES.get((number % len(CLIENT_NAMES), turn), Status.CONNECTED))
                callers.append(_caller(client, turn, dice, age_days=age_days, status=status, now=now))
            audit.record("demo.made", actor=COMMAND, client=client, subject=client)
            clients.append(client)
        make_budgets(clients)
        make_endpoints(clients, random.Random(seed), actor=DEMO_ACTOR, now=now)  # noqa: S311 - a story too
        _besides(callers, now=now)
        make_waiting(callers, now=now)
        make_route(clients[0], now=now)
        messages = _tell(callers, now=now)
    found = make_calls(callers, dice, calls=size.calls, days=size.days, now=now)
    rotating.move_calls()
    make_reports(callers[-1].connection, now=now)
    for pk, (uses, last_at) in found.tokens.items():
        used = {"use_count": uses, "last_used_at": last_at, "last_used_ip": CALLER_IP}
        GatewayToken.objects.filter(pk=pk).update(**used)
    return Made(
        clients=size.clients,
        connections=len(callers),
        secrets=len(callers),
        calls=found.calls,
        error_groups=found.groups,
        limit_readings=found.readings,
        messages=messages,
    )


def _client(number: int, *, prefix: str) -> Client:
    name = CLIENT_NAMES[number % len(CLIENT_NAMES)]
    again = number // len(CLIENT_NAMES)
    client = Client.objects.create(
        slug=f"{prefix}-{number + 1}",
        name=f"{DEMO} · {name}{f' {again + 1}' if again else ''}",
        notes="Made by the demo. `./keylodge demo --remove` takes it away.",
        is_demo=True,
    )
    for position, slug in enumerate(("production", "staging")):
        Environment.objects.create(client=client, slug=slug, is_production=position == 0, position=position)
    return client


def _caller(
    client: Client, turn: int, dice: random.Random, *, age_days: int | None, status: Status, now: datetime
) -> Caller:
    """Make one connection with its secret and a token that nobody holds."""
    service = SERVICES[turn % len(SERVICES)]
    environments = list(client.environments.all())
    environment = environments[(turn // len(SERVICES)) % len(environments)]
    connection = Connection(
        slug=f"{client.slug}-{service.provider}-{turn + 1}",
        client=client,
        environment=environment,
        provider_key=service.provider,
        kind=service.kind,
        label=f"{DEMO} {get_provider(service.provider).name}",
        status=status,
        status_since=now - timedelta(hours=2 if status != Status.CONNECTED else dice.randint(1, 300)),
        requested_scopes=SCOPES if service.kind == Connection.Kind.OAUTH2 else [],
        granted_scopes=SCOPES if service.kind == Connection.Kind.OAUTH2 else [],
        account_name=f"{DEMO} account",
        connected_at=now - timedelta(days=30),
        connected_by="Demo",
        is_demo=True,
    )
    connection.secret = _secret(connection, service, dice, age_days=age_days, now=now)
    connection.save(force_insert=True)
    token = GatewayToken.objects.create(
        client=client,
        name=f"{DEMO} automation {turn + 1}",
        prefix="klg_DEMO00",
        token_hash=os.urandom(32),  # the hash of nothing: no text opens it
    )
    token.connections.add(connection)
    return Caller(connection, service, token.pk, token.name, client.pk, environment.pk)


def _secret(
    connection: Connection, service: Service, dice: random.Random, *, age_days: int | None, now: datetime
) -> StoredSecret:
    """Store a value that opens nothing. A young one replaced another: its older version can be restored."""
    provider = get_provider(service.provider)
    is_oauth = service.kind == Connection.Kind.OAUTH2
    made_on = None if age_days is None else (now - timedelta(days=age_days)).date()
    stored = vault.store(
        actor=DEMO_ACTOR,
        client=connection.client,
        environment=connection.environment,
        kind="oauth_tokens" if is_oauth else service.kind,
        label=f"{DEMO} {provider.name} key",
        fields=_values(service, dice),
        provider_key=service.provider,
        made_on=made_on,
        owner_name="Demo owner",
        where_used="Only here: this value opens nothing",
        policy=Policy(hosts=("demo.invalid",), slots=provider.injection_for(service.kind).slots),
    )
    if age_days is not None and age_days <= YOUNG_DAYS and not is_oauth:
        vault.replace(stored, _values(service, dice), actor=DEMO_ACTOR, made_on=made_on, reason="Rotated in the demo")
    return stored


def _besides(callers: list[Caller], *, now: datetime) -> None:
    """Give the first key and the last one a rotation each, and the first automation an issuer."""
    keys = [caller for caller in callers if caller.service.kind == Connection.Kind.API_KEY]
    rotating.trust_one(callers[0], actor=DEMO_ACTOR)
    if keys:
        rotating.begin_one(keys[0], actor=DEMO_ACTOR, now=now)
        rotating.end_one(keys[-1], _values(keys[-1].service, random.Random(2)), actor=DEMO_ACTOR, now=now)  # noqa: S311


def _values(service: Service, dice: random.Random) -> dict[str, Secret]:
    return {name: Secret("DEMO" + "".join(dice.choices(LETTERS, k=32))) for name in service.fields}


def _tell(callers: list[Caller], *, now: datetime) -> int:
    """Write the messages that such clients would bring their consultant; return how many. No mail ever leaves."""
    before = Message.objects.count()
    for connection in (caller.connection for caller in callers):
        if connection.status == Status.NEEDS_RECONNECTING:
            alerts.needs_reconnecting(connection, code="invalid_grant", now=connection.status_since or now)
    reminders.remind_of_demo(now)
    return Message.objects.count() - before
