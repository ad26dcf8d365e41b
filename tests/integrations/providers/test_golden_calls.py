"""A call through the gateway arrives at the provider as its own page or SDK makes it: one gateway, every provider."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from integrations import tokens
from integrations.connections.credential import secret_policy
from integrations.gateway.app import Gateway
from integrations.models import Connection
from integrations.providers.registry import get_provider
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import Client
from tests.factories import make_client
from tests.integrations.gateway.conftest import World
from tests.integrations.providers.recording import Recorder, differences, fields_of, read, recorder, tables

__all__ = ["recorder"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.matrix]
# A database in memory has no write-ahead log: while one thread writes, a reader finds the table locked.
BUSY, TRIES, PAUSE_S = 503, 40, 0.05
CALLS = [(param.id, *param.values) for param in tables("call")]


def connected(client: Client, slug: str, key: str, wanted: dict[str, Any]) -> Connection:
    """Return a connection whose credential is the one of the golden requests."""
    kind, variables = wanted["kind"], wanted.get("variables", {})
    provider = get_provider(key).of_kind(kind).render(variables)
    pasted = kind in ("api_key", "bearer", "basic")
    stored = vault.store(
        actor=SYSTEM,
        client=client,
        environment=client.environments.first(),
        kind=kind if pasted else "oauth_tokens",
        label=slug,
        fields=fields_of(provider, kind),
        policy=secret_policy(provider, kind),
    )
    return Connection.objects.create(
        slug=slug,
        client=client,
        environment=client.environments.first(),
        provider_key=key,
        kind=kind,
        secret=stored,
        variables=variables,
        status=Connection.Status.CONNECTED,
    )


def body_of(wanted: dict[str, Any]) -> bytes | None:
    """Return what the caller sends: JSON to a provider that takes its credential from it."""
    return json.dumps({}).encode() if "json" in wanted else None


async def ask(gateway: Gateway, world: World, slug: str, wanted: dict[str, Any]) -> int:
    """Make the caller's part of one golden call."""
    headers = [(b"authorization", b"Bearer " + world.text.encode())]
    if "json" in wanted:
        headers.append((b"content-type", b"application/json"))
    path, _, query = wanted["path"].partition("?")
    for _try in range(TRIES):
        answer = await world.ask(
            gateway,
            path,
            method=wanted["method"],
            headers=headers,
            query=query.encode(),
            slug=slug,
            body=body_of(wanted),
        )
        if answer.status != BUSY:
            break
        await asyncio.sleep(PAUSE_S)
    return answer.status


async def until_looked_up(call: Callable[[], Awaitable[int]]) -> int:
    """Make a call again that could not be looked up just now: a database in memory does not wait for a lock."""
    for _ in range(100):
        if (status := await call()) != 503:
            return status
        await asyncio.sleep(0.05)
    return status


def test_every_call_is_sent_as_the_vendor_shows_it(recorder: Recorder) -> None:
    client = make_client()
    slugs = {name: f"c{n}" for n, (name, _, _) in enumerate(CALLS)}
    made = [connected(client, slugs[name], key, wanted) for name, key, wanted in CALLS]
    token, text = tokens.make(client, "n8n", made, actor=SYSTEM)
    world = World(client, made[0], recorder.upstream, token, text.expose())

    async def story(gateway: Gateway) -> dict[str, Any]:
        found = {}
        for name, _, wanted in CALLS:
            before = len(recorder.upstream.requests)
            status = await until_looked_up(partial(ask, gateway, world, slugs[name], wanted))
            arrived = recorder.upstream.requests[before:]
            found[name] = differences(wanted, read(arrived[0])) if arrived else {"refused": status}
        return {name: one for name, one in found.items() if one}

    assert world.run(story) == {}
    assert len(recorder.upstream.requests) == len(CALLS)


def test_a_call_that_differs_is_seen() -> None:
    (_, _, wanted), *_ = CALLS
    sent = read(b"GET /other HTTP/1.1\r\nHost: api.example\r\nX-Other: 1\r\n\r\n")
    assert set(differences(wanted, sent)) >= {"url", "headers"}
