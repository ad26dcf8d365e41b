"""Ask a log of a million calls for every mix of filters: `python -m benchmarks.calls [--rows 1000000] [--postgres]`.

Prints one JSON object: for each mix the milliseconds of three asked one after the other (the first is cold), queries,
and how many calls it found; and what writing a call costs with and without each index that is there for reading alone.
`--postgres` takes an embedded server of its own, with the partitions of thirty days.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import batched
from typing import Any
from uuid import UUID

from benchmarks.pages import set_up

DAYS, CLIENTS, CONNECTIONS, TOKENS = 30, 60, 240, 300
BATCH, REPEATS = 5_000, 5
WORDS = (
    "property",
    "contact",
    "deadline",
    "archived",
    "exceeded",
    "invoice",
    "webhook",
    "permission",
    "owner",
    "stage",
)
OUTCOMES = (
    *(("client_error", 404), ("client_error", 400), ("auth", 401), ("limited", 429), ("upstream_error", 502)),
    *(("timeout", None), ("refused", 403)),
)
PROVIDERS = ("hubspot", "stripe", "openai", "slack", "notion", "airtable")
METHODS = ("GET",) * 14 + ("POST",) * 4 + ("PATCH", "DELETE")


def main() -> None:
    """Fill, ask, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--postgres", action="store_true")
    given = parser.parse_args()
    if given.postgres:
        from tests.engines import start_postgres

        os.environ["DATABASE_URL"] = start_postgres()
    set_up()
    from django.utils import timezone

    now = timezone.now()
    print("filling", given.rows, file=sys.stderr)
    filled_s = fill(given.rows, now=now)
    shown = {name: asked(name, made) for name, made in mixes(now).items()}
    times = sorted(max(row["ms"][1:]) for row in shown.values())
    written = writing(now)
    p95 = times[int(len(times) * 0.95)]
    print(json.dumps({"rows": given.rows, "fill_s": filled_s, "p95_ms": p95, "mixes": shown, "writing": written}))


def ids(kind: int, count: int) -> list[UUID]:
    """Return the made-up ids of clients, connections, environments or tokens."""
    return [UUID(int=(kind << 120) | n) for n in range(count)]


def made(count: int, *, now: datetime, seed: int = 1) -> Iterator[Any]:
    """Yield rows of calls, oldest first, most of them of a few busy clients; 4 % did not simply go through."""
    from integrations.call_log.rows import CallRow
    from secrets_vault.ids import uuid7

    chance = random.Random(seed)
    clients, connections, environments, tokens = (ids(k, n) for k, n in enumerate((60, 240, 120, 300), start=1))
    first, step = now - timedelta(days=DAYS), timedelta(days=DAYS) / count
    for number in range(count):
        at = first + step * number
        connection = min(int(chance.paretovariate(0.6)) - 1, CONNECTIONS - 1)
        client = connection % CLIENTS
        outcome: str = "ok"
        status: int | None = 200
        body = ""
        if (draw := chance.random()) < 0.03:
            outcome, status = OUTCOMES[int(chance.random() ** 2 * len(OUTCOMES))]
            body = '{"message": "' + " ".join(chance.choices(WORDS, k=60)) + f' {number:x}"}}'
            body = body.replace("deadline", "zebra", 1) if number % 50_000 < 40 else body
        elif draw < 0.04:
            outcome = "recovered"
        yield CallRow(
            id=uuid7(int(at.timestamp() * 1000)), at=at, client_id=clients[client],
            environment_id=environments[client * 2 + connection % 5 // 4], connection_id=connections[connection],
            token_id=tokens[connection + chance.randrange(60)], token_name="n8n",
            provider_key=PROVIDERS[connection % len(PROVIDERS)], method=chance.choice(METHODS), host="api.example.com",
            path=f"/crm/v3/objects/{chance.choice(WORDS)}/{number}", status=status, outcome=outcome, code="",
            attempts=1, total_ms=84.0, upstream_ms=80.0, request_bytes=300, response_bytes=900, request_body=body,
            response_body=body, response_head="content-type: application/json" if body else "",
            cause="The provider refused it." if body else "", group_id=UUID(int=(9 << 120) | connection)
            if body else None, caller_ip="192.0.2.10", agent="n8n/1.71",
        )  # fmt: skip


def fill(count: int, *, now: datetime) -> float:
    """Write the rows as the writer does; return the seconds it took."""
    from django.db import connections, transaction

    from integrations.call_log.retention import ensure_partitions
    from integrations.call_log.tables import insert
    from integrations.models.router import calls_alias

    for day in range(-DAYS, 1):
        ensure_partitions(now + timedelta(days=day))
    start = time.perf_counter()
    for batch in batched(made(count, now=now), BATCH, strict=False):
        with transaction.atomic(using=calls_alias()):
            insert(batch)
    with connections[calls_alias()].cursor() as cursor:
        if connections[calls_alias()].vendor == "postgresql":
            cursor.execute("VACUUM ANALYZE integrations_call")
    return round(time.perf_counter() - start, 1)


def mixes(now: datetime) -> dict[str, dict[str, Any]]:
    """Return what is asked for: filters alone and together, common and rare."""
    busy, quiet = ids(1, CLIENTS)[0], ids(1, CLIENTS)[-1]
    environments = ids(3, 120)[1::2]
    month = {"start": now - timedelta(days=DAYS)}
    asked: dict[str, dict[str, Any]] = {
        "failed": {}, "all": {"outcome": "all"}, "ok": {"outcome": "ok"}, "recovered": {"outcome": "recovered"},
        "busy client": {"client": busy}, "quiet client": {"client": quiet}, "nobody": {"client": ids(1, 999)[-1]},
        "quiet client, all": {"client": quiet, "outcome": "all"},
        "quiet client, 404 DELETE": {"client": quiet, "status": "404", "method": "DELETE"},
        "connection": {"connection": ids(2, CONNECTIONS)[-2]},
        "connection, all": {"connection": ids(2, CONNECTIONS)[-2], "outcome": "all"},
        "token": {"token": ids(4, TOKENS)[-1]}, "token, all": {"token": ids(4, TOKENS)[-1], "outcome": "all"},
        "group": {"group": UUID(int=9 << 120)}, "provider": {"provider": "airtable"},
        "provider, all": {"provider": "airtable", "outcome": "all"}, "environments": {"environments": environments},
        "environments, all, DELETE": {"environments": environments, "outcome": "all", "method": "DELETE"},
        "status 418": {"status": "418"}, "status 418, all": {"status": "418", "outcome": "all"},
        "5xx, provider, POST": {"status": "5xx", "provider": "stripe", "method": "POST"},
        "no answer": {"status": "none"}, "PUT, all": {"method": "PUT", "outcome": "all"},
        "path": {"path": "invoice"}, "path, all": {"path": "invoice", "outcome": "all"},
        "path of one, all": {"path": f"/{500}", "outcome": "all"}, "signer": {"signer": "nobody"},
        "common word": {"text": "invoice"}, "rare word": {"text": "zebra"}, "no such word": {"text": "quagga"},
        "rare word, client": {"text": "zebra", "client": quiet},
        "common word, quiet client": {"text": "permission", "client": quiet},
        "an hour": {"start": now - timedelta(days=9), "end": now - timedelta(days=9, hours=-1)},
        "an hour, all, DELETE": {"start": now - timedelta(days=9), "end": now - timedelta(days=9, hours=-1),
                                 "outcome": "all", "method": "DELETE"},
        "everything": {"client": busy, "environments": environments, "provider": "hubspot", "status": "4xx",
                       "method": "GET", "path": "crm", "text": "contact", "token": ids(4, TOKENS)[20]},
    }  # fmt: skip
    return {name: month | filters for name, filters in asked.items()}


def asked(name: str, filters: dict[str, Any]) -> dict[str, Any]:
    """Ask for the first page, its count and the page after it, some times over."""
    from django.db import connections
    from django.test.utils import CaptureQueriesContext

    from integrations.call_log.search import Criteria, counted, find
    from integrations.models import Call
    from integrations.models.router import calls_alias

    wanted, rows, times = Criteria(**filters), Call.objects.all(), []
    for _ in range(3):
        with CaptureQueriesContext(connections[calls_alias()]) as seen:
            start = time.perf_counter()
            found = find(rows, wanted)
            number = counted(found, rows, wanted, most=1_001)
            times.append(round((time.perf_counter() - start) * 1000, 1))
    start = time.perf_counter()
    if found.older:
        find(rows, wanted, after=found.older)
    second = round((time.perf_counter() - start) * 1000, 1)
    print(f"{name:28} {times} {second:8} ms", len(found.rows), number, bool(found.reached), file=sys.stderr)
    return {"ms": times, "next_ms": second, "queries": len(seen), "found": len(found.rows), "count": number[0]}


def writing(now: datetime) -> dict[str, float]:
    """Return the microseconds a call takes to write, with every index and as it was before there were these."""
    from django.db import connections, transaction

    from integrations.call_log.search.words import INDEX
    from integrations.call_log.tables import insert
    from integrations.models.router import calls_alias

    rows = iter(list(made(REPEATS * BATCH * 5, now=now + timedelta(days=DAYS), seed=2)))

    # SQLite writes in this process, whose CPU a busy machine does not lengthen; PostgreSQL's is waited for.
    clock = time.perf_counter if _is_postgres() else time.process_time

    def cost() -> float:
        took = []
        for _ in range(REPEATS):
            batch = [next(rows) for _ in range(BATCH)]
            start = clock()
            with transaction.atomic(using=calls_alias()):
                insert(batch)
            took.append((clock() - start) / BATCH * 1e6)
        return round(statistics.median(took), 2)

    drops: dict[str, Callable[[], list[str]]] = {
        "no index of words": lambda: [f"DROP INDEX {INDEX}"] if _is_postgres() else [f"DROP TRIGGER {INDEX}_insert"],
        "call_failed for call_notable": lambda: [
            "DROP INDEX call_notable",
            "CREATE INDEX call_failed ON integrations_call (id DESC) WHERE NOT (outcome = 'ok')",
        ],
        "no call_token": lambda: ["DROP INDEX call_token"],
        "no call_bodied": lambda: ["DROP INDEX call_bodied"],
    }
    costs = {"every index": cost()}
    for name, statements in drops.items():
        with connections[calls_alias()].cursor() as cursor:
            for statement in statements():
                cursor.execute(statement)
        costs[name] = cost()
    return costs


def _is_postgres() -> bool:
    return "DATABASE_URL" in os.environ


if __name__ == "__main__":
    main()
