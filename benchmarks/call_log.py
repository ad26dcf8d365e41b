"""What the thread of the call log costs a call: `python -m benchmarks.call_log [--postgres] [--calls 20000]`.

Prints one JSON object. For each kind of traffic the CPU µs of the writer's thread a call, in batches as the writer
makes them under load and in batches of 50, and its ratio to the anchor: the same rows given to the driver at once, into
a table without any index but its key. Then how late a timer of 1 ms in another thread is while the writer works (p99
and the latest), and what a call that waits to be written keeps in memory. `--postgres` takes a server of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import threading
import time
import tracemalloc
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks.pages import set_up

ROUNDS = 3
CONNECTIONS, TOKENS = 20, 50
FAILED = 0.03
SMALL_BATCH = 50
PATHS = ("contacts", "deals", "companies", "tickets", "line_items", "quotes")
ERROR = (
    b'{"status":"error","message":"Property values were not valid: [{\\"isValid\\":false,\\"message\\":\\"Property '
    b'\\\\\\"favourite\\\\\\" does not exist\\",\\"error\\":\\"PROPERTY_DOESNT_EXIST\\"}]",'
    b'"correlationId":"4bb4b8b6-6d2e-4d1c-a0c3-7f0d6f3d9a11","category":"VALIDATION_ERROR"}'
)
BODY = b'{"properties":{"email":"ada@example.com","firstname":"Ada","lastname":"Lovelace","favourite":"blue"}}'


def main() -> None:
    """Write calls of every kind, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--postgres", action="store_true")
    given = parser.parse_args()
    if given.postgres:
        from tests.engines import start_postgres

        os.environ["DATABASE_URL"] = start_postgres()
    set_up()
    kinds: dict[str, Callable[[int], list[Any]]] = {
        "one path": lambda count: records(count, failed=0.0, paths=1),
        "a path each": lambda count: records(count, failed=0.0),
        "a path each, 3 % failed": lambda count: records(count, failed=FAILED),
    }
    bare = statistics.median(anchor_us(kinds["a path each"](given.calls)) for _ in range(ROUNDS))
    found: dict[str, object] = {"engine": "postgresql" if given.postgres else "sqlite", "anchor_us": round(bare, 1)}
    for name, made in kinds.items():
        written_us(made(2_000))  # once to warm up
        large = statistics.median(written_us(made(given.calls)) for _ in range(ROUNDS))
        small = statistics.median(written_us(made(given.calls // 10), batch=SMALL_BATCH) for _ in range(ROUNDS))
        found[name] = {
            "us": round(large, 1),
            "us, 50 a batch": round(small, 1),
            "times the anchor": round(large / bare, 1),
        }
    found["a timer beside it"] = lateness_ms(kinds["a path each, 3 % failed"](given.calls))
    found["bytes a call that waits"] = {name: waiting_bytes(made) for name, made in kinds.items()}
    print(json.dumps(found, indent=2))


def records(count: int, *, failed: float, paths: int = 0) -> list[Any]:
    """Return what the gateway hands over for so many calls; `paths` 0 means that each has an id of its own in it."""
    chance = random.Random(count)
    return [
        _trace(chance, failed=chance.random() < failed, number=n % paths if paths else n).record() for n in range(count)
    ]


def _trace(chance: random.Random, *, failed: bool, number: int) -> Any:
    from integrations.gateway.trace import Trace
    from integrations.limits import Reading

    path = f"/crm/v3/objects/{PATHS[number % len(PATHS)]}/{1000 + number}?limit=1&archived=false"
    trace = Trace(
        method="GET", upstream_target=path.encode(), request_headers=_request_headers(), caller_ip="192.0.2.10"
    )
    trace.route = _route(chance.randrange(TOKENS))
    trace.status, trace.attempts = 200, 1
    trace.note(status=200, upstream_ms=81.2)
    trace.response_headers = _response_headers(number)
    trace.readings = [Reading("second", 19, 18, 1), Reading("day", 250_000, 240_000 - number)]
    trace.total_s, trace.upstream_s, trace.response_bytes, trace.token_text = 0.0841, 0.0812, 412, "kl_live_0123456789"
    if failed:
        trace.method, trace.status, trace.request_body = "POST", 400, BODY
        trace.response_body = bytearray(ERROR)
    return trace


def _request_headers() -> list[tuple[bytes, bytes]]:
    told = ("host: gateway.example.com", "authorization: Bearer kl_live_0123456789", "accept: application/json",
            "user-agent: axios/1.8.3", "accept-encoding: gzip, deflate", "content-type: application/json",
            "x-forwarded-for: 192.0.2.10", "connection: keep-alive")  # fmt: skip
    return [(name.encode(), value.encode()) for name, value in (line.split(": ") for line in told)]


def _response_headers(number: int) -> list[tuple[bytes, bytes]]:
    told = ("Date: Sun 22 Nov 2026 10:00:00 GMT", "Content-Type: application/json;charset=utf-8", "Vary: origin",
            "CF-Ray: 8e6f0b7f3d-FRA", "Strict-Transport-Security: max-age=31536000", "X-Content-Type-Options: nosniff",
            "X-HubSpot-RateLimit-Daily: 250000", "X-HubSpot-RateLimit-Daily-Remaining: 240000",
            "X-HubSpot-RateLimit-Secondly: 19", "X-HubSpot-RateLimit-Secondly-Remaining: 18",
            f"X-HubSpot-Correlation-Id: 4bb4b8b6-6d2e-4d1c-a0c3-{number:012x}", "Server: cloudflare")  # fmt: skip
    return [(name.encode(), value.encode()) for name, value in (line.split(": ") for line in told)]


class _Any:
    """What a trace reads of a route, of its token and of its credential."""

    def __init__(self, **given: Any) -> None:
        self.__dict__.update(given)


_routes: dict[int, Any] = {}


def _route(number: int) -> Any:
    """Return the route of a token: some share a connection."""
    if number not in _routes:
        connection = number % CONNECTIONS
        credential = _Any(secret_id=UUID(int=connection), version=2, made_at=datetime(2026, 1, 1, tzinfo=UTC),
                          known=(f"pat-na1-{connection:032x}",))  # fmt: skip
        way = _Any(credential=credential, provider=None, origin=_Any(bound_name="api.hubapi.com"))
        token = _Any(
            client_id=UUID(int=connection % 5 + 1), id=UUID(int=number + 1), name="n8n", jwt_issuer="", jwt_subject=""
        )
        _routes[number] = _Any(way=way, token=token, environment_id=UUID(int=connection % 5 + 1),
                               connection_id=UUID(int=connection + 1), provider_key="hubspot")  # fmt: skip
    return _routes[number]


def written_us(made: list[Any], *, batch: int | None = None) -> float:
    """Return the CPU µs a call that the writer's thread took for these records."""
    from integrations.call_log import CallWriter

    writer = CallWriter()
    writer.start()
    writer.flush()
    before = _thread_us(writer)
    for first in range(0, len(made), batch or len(made)):
        for record in made[first : first + (batch or len(made))]:
            writer.put(record)
        if batch:
            writer.flush()
    writer.flush()
    took = _thread_us(writer) - before
    writer.close()
    assert writer.dropped == 0
    return took / len(made)


def _thread_us(writer: Any) -> float:
    """Return the CPU time of the writer's thread, as the scheduler counts it."""
    file = Path(f"/proc/self/task/{writer._thread.native_id}/schedstat")
    return int(file.read_text().split()[0]) / 1000


def anchor_us(made: Sequence[Any]) -> float:
    """Return the CPU µs a row where the driver gets rows that are ready, into a table with its key alone."""
    from django.db import connections, transaction

    from integrations.call_log import tables
    from integrations.call_log.rows import masked_row
    from integrations.models.router import calls_alias

    rows = [masked_row(record) for record in made]
    connection = connections[calls_alias()]
    columns = ", ".join(tables.COLUMNS)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bare_calls")
        cursor.execute(f"CREATE TABLE bare_calls AS SELECT {columns} FROM integrations_call WHERE 1 = 0")
        cursor.execute("CREATE UNIQUE INDEX bare_calls_id ON bare_calls (id)")
    took = 0.0
    for first in range(0, len(rows), 500):
        with transaction.atomic(using=calls_alias()), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                ready = [tables._for_postgresql(row) for row in rows[first : first + 500]]
                start = time.thread_time()
                with cursor.copy(f"COPY bare_calls ({columns}) FROM STDIN") as copy:
                    for values in ready:
                        copy.write_row(values)
            else:
                ready = [tables._for_sqlite(row) for row in rows[first : first + 500]]
                start = time.thread_time()
                marks = ", ".join("?" * len(tables.COLUMNS))
                connection.connection.executemany(f"INSERT INTO bare_calls ({columns}) VALUES ({marks})", ready)
        took += time.thread_time() - start
    return took / len(rows) * 1e6


def lateness_ms(made: list[Any]) -> dict[str, float]:
    """Return how late a timer of this thread is while the writer's thread works through these records."""
    from integrations.call_log import CallWriter

    writer, done, late = CallWriter(), threading.Event(), []
    for record in made:
        writer.put(record)

    def ended() -> None:
        writer.flush()
        done.set()

    writer.start()
    threading.Thread(target=ended).start()
    while not done.is_set():
        start = time.perf_counter()
        time.sleep(0.001)
        late.append((time.perf_counter() - start) * 1000 - 1)
    writer.close()
    late.sort()
    return {
        "p50_ms": round(late[len(late) // 2], 2),
        "p99_ms": round(late[int(len(late) * 0.99)], 2),
        "most_ms": round(late[-1], 2),
    }


def waiting_bytes(made: Callable[[int], list[Any]]) -> int:
    """Return how much memory a record holds until it is written, its route and what else calls share left out."""
    made(2_000)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = made(2_000)
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return held // len(kept)


if __name__ == "__main__":
    main()
