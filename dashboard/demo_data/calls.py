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

from dashboard.demo_data.rhythm import moments, settle, shares_at
from dashboard.demo_data.stories import STORIES, USED, Service, Story
from dashboard.demo_data.usage import Use
from integrations.call_log import refused
from integrations.call_log.rows import told
from integrations.call_log.tally import CLIENT_HOUR, client_hours
from integrations.causes import Cause, explain, path_template
from integrations.limits import Reading
from integrations.models import Call, CallHour, ClientHour, Connection, ErrorGroup, LimitReading
from integrations.models.call import Outcome
from integrations.models.router import calls_alias
from secrets_vault.ids import uuid7

BATCH = 2000
CALLER_IP = "192.0.2.10"
AGENTS = ("n8n/1.71.3", "axios/1.7.9", "python-requests/2.32.3")


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
    tokens: dict[UUID, tuple[int, datetime]] = field(default_factory=dict)
    use: Use = field(default_factory=Use)


@dataclass(frozen=True)
class Found:
    """How much was written."""

    calls: int
    groups: int
    readings: int
    tokens: dict[UUID, tuple[int, datetime]]


def make_calls(callers: list[Caller], dice: random.Random, *, calls: int, days: int, now: datetime) -> Found:
    """Write `calls` calls over the last `days` days, oldest first, and everything that is counted from them."""
    counts = Counts()
    rows = _rows(callers, dice, counts, calls=calls, days=days, now=now)
    with transaction.atomic(using=calls_alias()):
        while batch := list(islice(rows, BATCH)):
            Call.objects.bulk_create(batch, batch_size=BATCH)
        CallHour.objects.bulk_create(_hours(counts), batch_size=BATCH)
        hours = [ClientHour(**dict(zip(CLIENT_HOUR, row, strict=True))) for row in client_hours(counts.hours)]
        ClientHour.objects.bulk_create(hours, batch_size=BATCH)
        counts.use.write(callers, random.Random(len(callers)), days=days, now=now)  # noqa: S311 - a story
        settle(counts.groups.values(), now=now)
        ErrorGroup.objects.bulk_create(counts.groups.values(), batch_size=BATCH)
        telling = [caller for caller in callers if caller.service.limit]
        readings = [_reading(caller, number, dice, now=now) for number, caller in enumerate(telling)]
        LimitReading.objects.bulk_create(readings, batch_size=BATCH)
    return Found(calls, len(counts.groups), len(readings), counts.tokens)


def _rows(
    callers: list[Caller], dice: random.Random, counts: Counts, *, calls: int, days: int, now: datetime
) -> Iterator[Call]:
    apart = random.Random(calls)  # noqa: S311 - a story, and the other one stays as it was
    for at in moments(calls, days=days, now=now):
        story = dice.choices(STORIES, shares_at(at, now=now))[0]
        caller = _caller_for(story, callers, dice)
        call = _call(caller, story, dice, at=at)
        if story.is_failed:
            _explain(call, caller, story, counts)
        _count(call, caller, counts)
        counts.use.add(call, caller, apart)
        yield call


def _caller_for(story: Story, callers: list[Caller], dice: random.Random) -> Caller:
    """Return who calls: anybody, or for a failure the one that it happens to."""
    if story.at is None:
        return dice.choice(callers)
    fitting = [caller for caller in callers if caller.service.provider == story.at[0]] or callers
    return fitting[STORIES.index(story) * 5 % len(fitting)]


def _call(caller: Caller, story: Story, dice: random.Random, *, at: datetime) -> Call:
    method, path = dice.choice(caller.service.calls)
    if story.at is not None:
        method, path = caller.service.calls[story.at[1] % len(caller.service.calls)]
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
        request_bytes=dice.randint(0, 900) * (method != "GET"),  # a GET has no body, but the same story follows
        response_bytes=dice.randint(120, 9000),
        secret_version=1,
        caller_ip=CALLER_IP,
        agent=AGENTS[caller.token_id.int % len(AGENTS)],
    )
    if story.outcome == Outcome.LIMITED:
        call.reading = [told(Reading("ten_seconds", 190, 0, 10, at + timedelta(seconds=4)))]
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
    group = _group(call, caller, story, cause, counts)
    group.count += 1
    group.last_seen_at, group.last_call_id = call.at, call.pk
    call.group_id = group.pk


def _group(call: Call, caller: Caller, story: Story, cause: Cause, counts: Counts) -> ErrorGroup:
    method, template = call.method, path_template(call.path)
    broken = caller.connection.status == Connection.Status.NEEDS_RECONNECTING
    if refused.is_refused(story.status, story.code, cause, is_broken=broken):
        cause, method, template = refused.folded(cause), "", ""
    text = f"demo|{call.connection_id}|{method}|{template}|{'' if not template else call.status}|{cause.code}"
    key = hashlib.sha256(text.encode()).digest()
    if key not in counts.groups:
        counts.groups[key] = ErrorGroup(
            key_hash=key,
            client_id=call.client_id,
            environment_id=call.environment_id,
            connection_id=caller.connection.pk,
            provider_key=call.provider_key,
            status=call.status,
            code=cause.code if not template else call.code or cause.code,
            title=cause.title,
            method=method,
            path_template=template,
            cause=cause.cause,
            remedy=cause.remedy,
            who=cause.who,
            state=story.state,
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
    counts.tokens[caller.token_id] = (counts.tokens.get(caller.token_id, (0, call.at))[0] + 1, call.at)


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


def _reading(caller: Caller, number: int, dice: random.Random, *, now: datetime) -> LimitReading:
    """Return a reading of a day's quota that ends some hours from now, so that it still means something then."""
    service = caller.service
    return LimitReading(
        connection_id=caller.connection.pk,
        client_id=caller.client_id,
        bucket=service.bucket,
        limit=service.limit,
        remaining=round(service.limit * (1 - USED[number % len(USED)]) * dice.uniform(0.97, 1)),
        window_s=service.window_s,
        resets_at=now + timedelta(hours=dice.uniform(6, 20)),
        read_at=now,
        source=LimitReading.Source.HEADERS,
    )
