"""Measure pages on 200 clients with 10 connections each and 100,000 calls: `python -m benchmarks.pages`.

With `--rows 10000`, afterwards, each list of `benchmarks.rows` with so many rows more.
Prints one JSON object: queries, and milliseconds of server time (median and 95th percentile) for each page,
asked through the whole middleware by the owner and by somebody who manages every client; and `ratio`, the median
beside that of a page with nothing but the frame, asked in turn in the same run, so that a slow machine shows.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks import rows as lists

CLIENTS, CONNECTIONS, CALLS, REPEATS = 200, 10, 100_000, 20
PAGES = (
    "/", "/clients/", "/errors/", "/errors/?days=30", "/calls/", "/calls/?outcome=all", "/limits/", "/rotations/",
    "/connections/", "/vault/",
)  # fmt: skip
BARE = "/search/"


def set_up() -> None:
    """Make a home of its own and both databases in it."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    os.environ["KEYLODGE_HOME"] = tempfile.mkdtemp(prefix="keylodge-bench-")
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    logging.disable()
    warnings.simplefilter("ignore")
    for alias in connections:
        call_command("migrate", database=alias, verbosity=0)
    from secrets_vault import keys

    keys.initialise()
    import config.asgi  # noqa: F401  # what a web process has imported before its first request
    from config.web import spare_the_collector

    spare_the_collector()


def fill() -> None:
    """Write the rows: every tenth connection is broken, every twentieth fails now and then."""
    from django.utils import timezone

    from integrations.models import Call, CallHour, ClientHour, Connection, ErrorGroup, LimitReading
    from secrets_vault.ids import uuid7
    from secrets_vault.models import Client, Environment, Membership, SecretVersion, StoredSecret, User

    now = timezone.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    User.objects.create_user("owner@example.com", name="Olive", is_owner=True)
    manager = User.objects.create_user("ada@example.com", name="Ada")
    clients = [Client(slug=f"client-{i}", name=f"Client {i}") for i in range(CLIENTS)]
    Client.objects.bulk_create(clients)
    environments = [Environment(client=client, slug="production", is_production=True) for client in clients]
    Environment.objects.bulk_create(environments)
    Membership.objects.bulk_create(
        Membership(user=manager, client=client, role="manager", state="active") for client in clients
    )
    places = [(client, env) for client, env in zip(clients, environments, strict=True) for _ in range(CONNECTIONS)]
    secrets = [
        StoredSecret(client=client, environment=env, kind="api_key", label=f"Key {i}", provider_key="stripe")
        for i, (client, env) in enumerate(places)
    ]
    StoredSecret.objects.bulk_create(secrets)
    versions = [
        SecretVersion(secret=stored, number=1, state="current", made_on=(now - timedelta(days=i % 100)).date())
        for i, stored in enumerate(secrets)
    ]
    SecretVersion.objects.bulk_create(versions)
    for stored, version in zip(secrets, versions, strict=True):
        stored.current = version
    StoredSecret.objects.bulk_update(secrets, ["current"], batch_size=200)
    rows = [
        Connection(
            slug=f"connection-{i}", client=client, environment=env, kind="api_key", secret=secrets[i], status_since=now,
            provider_key=("hubspot", "stripe", "openai")[i % 3], status="failing" if i % 10 == 0 else "connected",
        )
        for i, (client, env) in enumerate(places)
    ]  # fmt: skip
    Connection.objects.bulk_create(rows)
    CallHour.objects.bulk_create(
        (
            CallHour(
                connection_id=row.pk, client_id=row.client_id, hour=hour - timedelta(hours=h), calls=2,
                failed=i % 20 == 0,
            )
            for i, row in enumerate(rows) for h in range(26)
        ),
        batch_size=2000,
    )  # fmt: skip
    ClientHour.objects.bulk_create(
        (
            ClientHour(client_id=client.pk, hour=hour - timedelta(hours=h), calls=2 * CONNECTIONS, failed=i % 2 == 0)
            for i, client in enumerate(clients) for h in range(26)
        ),
        batch_size=2000,
    )  # fmt: skip
    LimitReading.objects.bulk_create(
        LimitReading(
            connection_id=row.pk, client_id=row.client_id, bucket=bucket, limit=1000, remaining=i % 1000, window_s=60,
            resets_at=now + timedelta(hours=1), read_at=now, source="headers",
        )
        for i, row in enumerate(rows) for bucket in ("daily", "burst")
    )  # fmt: skip
    groups = [
        ErrorGroup(
            key_hash=row.pk.bytes * 2, client_id=row.client_id, connection_id=row.pk, provider_key=row.provider_key,
            status=429, code="limited", title="Too many requests", method="GET", path_template="/crm/*", cause="",
            remedy="", who="you", count=9, first_seen_at=now, last_seen_at=now, last_call_id=row.pk,
        )
        for row in rows[::4]
    ]  # fmt: skip
    ErrorGroup.objects.bulk_create(groups)
    Call.objects.bulk_create(
        (
            Call(
                id=uuid7(int(at.timestamp() * 1000)), at=at, client_id=row.client_id,
                environment_id=row.environment_id, connection_id=row.pk,
                provider_key=row.provider_key, method="GET", host="api.example.com", path=f"/crm/{i}", status=200,
                outcome="ok" if i % 50 else "limited", group_id=None if i % 50 else groups[i % len(groups)].pk,
            )
            for i in range(CALLS) for row in (rows[i % len(rows)],)
            for at in (now - timedelta(days=30) * (1 - i / CALLS),)
        ),
        batch_size=1000,
    )  # fmt: skip


def measure(email: str, path: str) -> dict[str, float | int]:
    """Return queries, median and p95 milliseconds of one page, after one warm-up."""
    from django.db import connections, reset_queries
    from django.test import Client

    from secrets_vault.models import User

    browser = Client(SERVER_NAME="localhost")
    browser.force_login(User.objects.get(email=email))
    if browser.get(path).status_code != 200:
        return {}
    for connection in connections.all():
        connection.force_debug_cursor = True
    size = len(browser.get(path).content)
    queries = sum(len(connection.queries) for connection in connections.all())
    for connection in connections.all():
        connection.force_debug_cursor = False
    reset_queries()
    times, bare, cpu_s = [], [], 0.0
    for _ in range(REPEATS):
        cpu_started = time.process_time()
        times.append(_ms_of(browser, path))
        cpu_s += time.process_time() - cpu_started
        bare.append(_ms_of(browser, BARE))
    return {
        "queries": queries,
        "html_bytes": size,
        "cpu_ms": round(cpu_s * 1000 / REPEATS, 1),
        "p50_ms": round(statistics.median(times), 1),
        "p95_ms": round(sorted(times)[int(REPEATS * 0.95) - 1], 1),
        "bare_p50_ms": round(statistics.median(bare), 1),
        "ratio": round(statistics.median(times) / statistics.median(bare), 1),
    }


def _ms_of(browser: Any, path: str) -> float:
    started = time.perf_counter()
    browser.get(path)
    return (time.perf_counter() - started) * 1000


def measure_all(paths: Iterable[str]) -> dict[str, dict[str, float | int]]:
    """Return the numbers of each page as the owner and the manager see it."""
    found = {f"{who} {path}": measure(f"{who}@example.com", path) for path in paths for who in ("owner", "ada")}
    return {name: numbers for name, numbers in found.items() if numbers}


def main() -> None:
    """Fill, measure, print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=0, help="rows to add to each list before it is measured again")
    count = arguments.parse_args().rows
    set_up()
    fill()
    found = measure_all(PAGES)
    if count:
        lists.fill(count)
        found |= {f"{name} +{count}": numbers for name, numbers in measure_all(lists.PAGES).items()}
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
