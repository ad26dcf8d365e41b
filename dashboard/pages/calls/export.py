"""All the calls that a list shows as a file: streamed, masked as they are kept, with the filter in its head."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.http import StreamingHttpResponse
from django.utils import timezone

from dashboard.csv import csv_response
from dashboard.render import PageRequest, actor_of
from integrations.call_log.search import Criteria, find
from integrations.export import Names, call_row
from integrations.spreadsheet import json_lines
from secrets_vault import audit

if TYPE_CHECKING:
    from dashboard.pages.calls.filters import Known
    from integrations.models import Call
    from secrets_vault.access import VisibleQuerySet

FORMATS = ("csv", "jsonl")
AT_ONCE = 1_000
MOST_EXPORTED = 100_000
CSV_HEADER = (
    "request id", "at", "client", "connection", "environment", "provider", "token", "caller", "method", "path",
    "status", "outcome", "code", "attempts", "milliseconds", "jwt issuer", "jwt subject", "program", "cause",
    "seen by",
)  # fmt: skip
NOT_A_FILTER = ("live", "after", "before", "format")


def export(
    request: PageRequest, rows: VisibleQuerySet, wanted: Criteria, *, known: Known, chosen: Mapping[str, Any]
) -> StreamingHttpResponse:
    """Return the calls as a download, the newest hundred thousand at most, and say so in the book."""
    kind = request.GET["format"]
    head = head_of(request, chosen)
    with transaction.atomic():
        label = f"Calls as {'CSV' if kind == 'csv' else 'JSON lines'}"
        # Names only: what was typed to search for may be anything, a secret too, and the book is for ever.
        audit.record(
            "export.made", actor=actor_of(request), label=label, details={"filtered_by": sorted(head["filter"])}
        )
    calls = every(rows, wanted)
    if kind == "csv":
        return csv_response("calls", CSV_HEADER, (_cells(call, known) for call in calls), preface=_preface(head))
    response = StreamingHttpResponse(_json(calls, head, known), content_type="application/jsonl; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="calls.jsonl"'
    response.headers["Cache-Control"] = "no-store, private"
    return response


def head_of(request: PageRequest, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the file says of itself: when it was made, and what was asked for, as it was asked."""
    asked = {name: request.GET[name] for name in chosen if name not in NOT_A_FILTER and name in request.GET}
    made_at = timezone.localtime()
    return {"made_at": made_at.isoformat(timespec="seconds"), "zone": str(made_at.tzinfo), "filter": asked}


def every(rows: VisibleQuerySet, wanted: Criteria) -> Iterator[Call]:
    """Yield the calls page by page, newest first: memory stays flat, and no read lasts long."""
    left, after = MOST_EXPORTED, None
    while left > 0:
        found = find(rows, wanted, after=after, size=min(AT_ONCE, left))
        yield from found.rows
        left, after = left - len(found.rows), found.older
        if after is None:
            return


def _preface(head: Mapping[str, Any]) -> str:
    asked = ", ".join(f"{name}={value}" for name, value in head["filter"].items()) or "outcome=failed"
    return f"# Calls, made at {head['made_at']}; filter: {asked}; at most {MOST_EXPORTED} calls, newest first"


def _cells(call: Call, known: Known) -> tuple[object, ...]:
    slug, environment = known.place_of(call.connection_id)
    return (
        call.pk, timezone.localtime(call.at).isoformat(), known.clients.get(call.client_id, ""), slug, environment,
        call.provider_key, call.token_name, call.caller_ip, call.method, call.path, call.status,
        call.get_outcome_display(), call.code, call.attempts, call.total_ms, call.jwt_issuer, call.jwt_subject,
        call.agent, call.cause, call.get_source_display(),
    )  # fmt: skip


def _json(calls: Iterator[Call], head: Mapping[str, Any], known: Known) -> Iterator[str]:
    """Yield the rows as the command `export calls` writes them, after a line that says what they are."""
    slugs = {pk: row[0] for pk, row in known.connections.items()}
    environments = {row[5]: row[3] for row in known.connections.values()}
    names = Names(clients=dict(known.clients), environments=environments, connections=slugs)
    yield json.dumps({"export": head}, ensure_ascii=False) + "\n"
    yield from json_lines(call_row(call, names) for call in calls)
