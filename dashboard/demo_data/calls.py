"""A month of calls in bulk: rows, hours, error groups and limit readings that agree with one another."""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from django.db import transaction

from dashboard.demo_data.stories import STORIES, Service, Story
from integrations.causes import Cause, explain, path_template
from integrations.models import Call, CallHour, Connection, ErrorGroup, LimitReading
from integrations.models.call import Outcome
from integrations.models.router import calls_alias
from secrets_vault.ids import uuid7

BATCH = 2000


@dataclass(frozen=True)
class Caller:
    """One connection and the automation that calls through it."""

    connection: Connection
    service: Service
    token_id: UUID
    token_name: str
    client_id: UUID
    environment_id: UUID


@dataclass
class Counts:
    """What the calls add up to."""

    hours: dict[tuple[UUID, UUID, UUID, datetime], list[float]] = field(
        default_factory=lambda: defaultdict(lambda: [0.0] * 5)
    )
    groups: dict[bytes, ErrorGroup] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """How much was written."""

    calls: int
    groups: int
    readings: int


def make_calls(callers: list[Caller], dice: random.Random, *, calls: int, days: int, now: datetime) -> Found:
    """Write `calls` calls over the last `days` days, oldest first, and everything that is counted from them."""
    counts = Counts()
    rows = _rows(callers, dice, counts, calls=calls, days=days, now=now)
    with transaction.atomic(using=calls_alias()):
        while batch := list(islice(rows, BATCH)):
            Call.objects.bulk_create(batch, batch_size=BATCH)
        CallHour.objects.bulk_create(_hours(counts), batch_size=BATCH)
        ErrorGroup.objects.bulk_create(counts.groups.values(), batch_size=BATCH)
        readings = [_reading(caller, dice, now=now) for caller in callers]
        LimitReading.objects.bulk_create(readings, batch_size=BATCH)
    return Found(calls, len(counts.groups), len(readings))


def _rows(
    callers: list[Caller], dice: random.Random, counts: Counts, *, calls: int, days: int, now: datetime
) -> Iterator[Call]:
    shares = [story.share for story in STORIES]
    step = timedelta(days=days) / max(1, calls)
    for number in range(calls):
        at = now - timedelta(days=days) + step * number
        caller, story = dice.choice(callers), dice.choices(STORIES, shares)[0]
        call = _call(caller, story, dice, at=at)
        if story.is_failed:
            _explain(call, caller, story, counts)
        _count(call, caller, counts)
        yield call


def _call(caller: Caller, story: Story, dice: random.Random, *, at: datetime) -> Call:
    method, path = dice.choice(caller.service.calls)
    upstream_ms = round(story.ms * dice.uniform(0.6, 1.8), 1)
    call = Call(
        id=uuid7(int(at.timestamp() * 1000)),
        at=at,
        client_id=caller.client_id,
        environment_id=caller.environment_id,
        connection_id=caller.connection.pk,
        token_id=caller.token_id,
        token_name=caller.token_name,
        provider_key=caller.service.provider,
        method=method,
        host=caller.service.host,
        path=path.replace("{number}", str(dice.randint(1000, 99999))),
        status=story.status,
        outcome=story.outcome,
        code=story.code,
        attempts=story.attempts,
        total_ms=upstream_ms + 3,
        upstream_ms=upstream_ms if story.attempts else 0,
        request_bytes=dice.randint(0, 900),
        response_bytes=dice.randint(120, 9000),
        secret_version=1,
        caller_ip="192.0.2.10",
    )
    if story.is_failed or story.attempts > 1:
        call.timeline = _timeline(story, upstream_ms)
    return call


def _timeline(story: Story, total_ms: float) -> list[dict[str, object]]:
    each = total_ms / max(1, story.attempts)
    failed = story.status if story.is_failed else 503
    steps: list[dict[str, object]] = [
        {"at_ms": round(each * (n + 1), 1), "status": failed, "ms": round(each, 1)} for n in range(story.attempts)
    ]
    if steps and not story.is_failed:
        steps[-1]["status"] = story.status
    return steps


def _explain(call: Call, caller: Caller, story: Story, counts: Counts) -> None:
    cause = explain(caller.service.provider, story.status, story.body, story.code)
    call.cause = cause.cause
    call.request_head = f"{call.method} {call.path} HTTP/1.1\nHost: {call.host}\nAuthorization: Bearer ****"
    call.response_head = f"HTTP/1.1 {story.status}\nContent-Type: application/json" if not story.code else ""
    call.response_body = story.body
    group = _group(call, caller, cause, counts)
    group.count += 1
    group.last_seen_at, group.last_call_id = call.at, call.pk
    call.group_id = group.pk


def _group(call: Call, caller: Caller, cause: Cause, counts: Counts) -> ErrorGroup:
    template = path_template(call.path)
    text = f"demo|{call.connection_id}|{call.method}|{template}|{call.status}|{cause.code}"
    key = hashlib.sha256(text.encode()).digest()
    if key not in counts.groups:
        counts.groups[key] = ErrorGroup(
            key_hash=key,
            client_id=call.client_id,
            environment_id=call.environment_id,
            connection_id=caller.connection.pk,
            provider_key=call.provider_key,
            status=call.status,
            code=call.code or cause.code,
            title=cause.title,
            method=call.method,
            path_template=template,
            cause=cause.cause,
            remedy=cause.remedy,
            who=cause.who,
            first_seen_at=call.at,
            last_seen_at=call.at,
            last_call_id=call.pk,
        )
    return counts.groups[key]


def _count(call: Call, caller: Caller, counts: Counts) -> None:
    hour = call.at.replace(minute=0, second=0, microsecond=0)
    sums = counts.hours[(caller.connection.pk, caller.client_id, caller.token_id, hour)]
    is_failed = call.group_id is not None
    for place, value in enumerate((1, is_failed, call.outcome == Outcome.LIMITED, call.attempts > 1, call.total_ms)):
        sums[place] += value


def _hours(counts: Counts) -> Iterator[CallHour]:
    for (connection, client, token, hour), (calls, failed, limited, repeated, total_ms) in counts.hours.items():
        yield CallHour(
            connection_id=connection,
            client_id=client,
            token_id=token,
            hour=hour,
            calls=int(calls),
            failed=int(failed),
            limited=int(limited),
            repeated=int(repeated),
            total_ms=total_ms,
        )


def _reading(caller: Caller, dice: random.Random, *, now: datetime) -> LimitReading:
    service = caller.service
    return LimitReading(
        connection_id=caller.connection.pk,
        client_id=caller.client_id,
        bucket=service.bucket,
        limit=service.limit,
        remaining=dice.randint(0, service.limit),
        window_s=service.window_s,
        resets_at=now + timedelta(seconds=service.window_s),
        read_at=now,
        source=LimitReading.Source.HEADERS,
    )
