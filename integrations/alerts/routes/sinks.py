"""Errors as rows of a table: Google Sheets and Airtable, written through one of Keylodge's own connections.

The credential goes the way of a probe's: its policy is asked, a token that is about to end is renewed first. A row
holds what the errors page shows, which was masked before it was stored. Each row carries the id of its message.
Airtable is asked to merge by it, so a repeat changes nothing; Sheets cannot, so after a crash a row may stand twice,
with the same id.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.utils.translation import gettext_lazy

from integrations import outbound
from integrations.alerts.routes.answers import Result
from integrations.alerts.routes.note import Note
from integrations.errors import IntegrationError
from integrations.injecting import Prepared, prepared
from integrations.limits.units import retry_after_s
from integrations.models import AlertRoute, Connection
from integrations.oauth.held import read
from integrations.oauth.keeping import bound_host, provider_of
from integrations.oauth.refresh import access_token
from integrations.probe_call import opened
from integrations.providers.parts import TOKEN_KINDS
from secrets_vault import vault
from secrets_vault.actor import Actor
from secrets_vault.errors import VaultError

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    from integrations.providers.shape import Provider
    from secrets_vault.secret import Secret

Send = Callable[..., outbound.Answer]
Place = dict[str, str]
SINK = Actor(kind="system", label="Alert sink")
COLUMNS = ("Time", "Client", "Connection", "Error", "Status", "Cause", "Remedy", "Count", "Link", "Id")
DEADLINE_S = 10.0
MOST_BYTES = 64 * 1024
LONGEST_CELL = 4_000


@dataclass(frozen=True)
class Sink:
    """How rows are written at one provider. `needs` are the parts of its place, with their words and a pattern."""

    provider_key: str
    write: Callable[[Place, list[Any]], tuple[str, str, dict[str, Any]]]
    needs: dict[str, tuple[StrOrPromise, str, StrOrPromise]]


def _sheet_row(place: Place, cells: list[Any]) -> tuple[str, str, dict[str, Any]]:
    """developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets.values/append, read 2026-11-22.

    RAW: a cell that begins with "=" stays text, so nothing that an upstream says is ever computed.
    """
    where = quote(f"'{place['sheet']}'!A1", safe="")
    query = "valueInputOption=RAW&insertDataOption=INSERT_ROWS"
    path = f"/v4/spreadsheets/{quote(place['spreadsheet'], safe='')}/values/{where}:append?{query}"
    return "POST", path, {"values": [cells]}


def _airtable_row(place: Place, cells: list[Any]) -> tuple[str, str, dict[str, Any]]:
    """airtable.com/developers/web/api/update-multiple-records, "Performing upserts", read 2026-11-22."""
    fields = dict(zip(COLUMNS, cells, strict=True))
    body = {"performUpsert": {"fieldsToMergeOn": ["Id"]}, "typecast": True, "records": [{"fields": fields}]}
    return "PATCH", f"/v0/{quote(place['base'], safe='')}/{quote(place['table'], safe='')}", body


SINKS: dict[str, Sink] = {
    "sheets": Sink(
        "google_sheets",
        _sheet_row,
        {
            "spreadsheet": (
                gettext_lazy("Spreadsheet"),
                r"[A-Za-z0-9_-]{20,100}",
                gettext_lazy("Its address, or the long part between /d/ and /edit."),
            ),
            "sheet": (gettext_lazy("Sheet"), r"[^'\\/?*\[\]:]{1,100}", gettext_lazy("The name on its tab.")),
        },
    ),
    "airtable": Sink(
        "airtable",
        _airtable_row,
        {
            "base": (gettext_lazy("Base"), r"app[A-Za-z0-9]{14}", gettext_lazy("Its address, or its id: app….")),
            "table": (gettext_lazy("Table"), r"[^/\\]{1,100}", gettext_lazy("Its name or its id: tbl….")),
        },
    ),
}
_SHEET_URL = re.compile(r"docs\.google\.com/spreadsheets/(?:u/\d+/)?d/([A-Za-z0-9_-]+)")
_BASE_URL = re.compile(r"airtable\.com/(app[A-Za-z0-9]{14})")


def is_sink(route: AlertRoute) -> bool:
    """Tell whether a route writes rows of errors."""
    return route.channel in SINKS


def clean_place(channel: str, part: str, typed: str) -> str | None:
    """Return a part of a place as it is stored, from what a person pasted; None where it cannot be one."""
    found = (
        (_SHEET_URL if part == "spreadsheet" else _BASE_URL).search(typed) if part in ("spreadsheet", "base") else None
    )
    text = found[1] if found else typed.strip()
    return text if re.fullmatch(SINKS[channel].needs[part][1], text) else None


def job_of(route: AlertRoute, note: Note, *, now: datetime, send: Send = outbound.send) -> Callable[[], Result]:
    """Return what writes a row when it is called, from any thread: it uses neither database nor vault."""
    try:
        call, hosts = _call(route, note, now=now, send=send)
    except (VaultError, IntegrationError, Connection.DoesNotExist):
        return lambda: Result(code="connection_not_ready")
    return lambda: _written(call, hosts, now=now, send=send)


def _call(route: AlertRoute, note: Note, *, now: datetime, send: Send) -> tuple[Prepared, tuple[str, ...]]:
    row = read(route.connection_id)  # type: ignore[arg-type]  # without one it is DoesNotExist
    provider = provider_of(row)
    method, path, body = SINKS[route.channel].write(route.place, row_of(note))
    ready = opened(provider.injection_for(row.kind), row.kind, _fields(row, provider, route, now=now, send=send))
    call = prepared(
        ready,
        method,
        provider.base_url.rstrip("/") + path,
        base_url=provider.base_url,
        headers={"Accept": "application/json", "User-Agent": "Keylodge", **provider.static_headers},
        now=now,
        body=json.dumps(body, ensure_ascii=False).encode(),
    )
    return call, provider.allowed_hosts


def _fields(row: Connection, provider: Provider, route: AlertRoute, *, now: datetime, send: Send) -> dict[str, Secret]:
    """Return the credential, after asking its policy whether it may go there. A refused token is renewed."""
    if row.secret is None:
        raise Connection.DoesNotExist
    for slot in provider.injection_for(row.kind).slots:
        vault.check_policy(row.secret, host=bound_host(provider.base_url), slot=slot)
    if row.kind in TOKEN_KINDS:
        refused = row.secret.current_id if route.last_error == "401" else None
        return {"access_token": access_token(row, now=now, refused=refused, send=send)}
    return vault.use(row.secret, actor=SINK, purpose="error sink")


def row_of(note: Note) -> list[Any]:
    """Return the cells of a row, in the order of COLUMNS."""
    facts = note.facts
    cells = [
        note.at.strftime("%Y-%m-%d %H:%M:%S UTC"),
        note.client,
        facts.get("connection", ""),
        facts.get("title", note.subject),
        str(facts.get("status") or ""),
        facts.get("cause", note.text),
        facts.get("remedy", ""),
        facts.get("count", 0),
        note.url,
        str(note.id),
    ]
    return [each[:LONGEST_CELL] if isinstance(each, str) else each for each in cells]


def _written(call: Prepared, hosts: tuple[str, ...], *, now: datetime, send: Send) -> Result:
    about: dict[str, Any] = {"headers": call.headers, "body": call.body, "allowed_hosts": hosts}
    try:
        answer = send(call.method, call.url, deadline_s=DEADLINE_S, max_bytes=MOST_BYTES, **about)
    except outbound.OutboundError as failed:
        return Result(code=failed.code)
    if 200 <= answer.status < 300:
        return Result(answer.status)
    asked = answer.header("retry-after")
    wait_s = retry_after_s(asked, now=now) if asked else None
    return Result(answer.status, _CODES.get(answer.status, ""), wait_s)


# A 401 keeps its number: the next try renews the token before it goes.
_CODES = {
    400: "place_refuses",
    403: "connection_refused",
    404: "place_not_found",
    422: "place_refuses",
}
