"""An API shaped like HubSpot's: accounts, contacts, deals, its errors and its rate-limit headers.

Source of the shapes: HubSpot's OpenAPI files and usage guidelines, read 2026-11-21.
"""

from __future__ import annotations

import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from integrations.sandbox.wire import Request, Response, json_answer
from integrations.sandbox.world import PORTALS, Grant, World

PER_TEN_SECONDS = 190
PER_DAY = 650_000
NEEDED_SCOPE = {
    ("contacts", "GET"): "crm.objects.contacts.read",
    ("contacts", "POST"): "crm.objects.contacts.write",
    ("companies", "GET"): "crm.objects.companies.read",
    ("deals", "GET"): "crm.objects.deals.read",
}
PEOPLE = [("Maria", "Johnson"), ("Brian", "Halligan"), ("Aiko", "Tanaka")]


def answer(world: World, request: Request, path: str) -> Response:
    """Answer one call as HubSpot would."""
    grant = world.find_grant(request.header("Authorization").removeprefix("Bearer ").strip(), "access")
    if grant is None:
        return error(401, "INVALID_AUTHENTICATION", "Authentication credentials not found or not valid.")
    if not world.is_live(grant, time.time()):
        return error(401, "EXPIRED_AUTHENTICATION", "The OAuth token used to make this call expired or was revoked.")
    left = world.take_rolling(f"hubspot:{grant.account}", limit=PER_TEN_SECONDS, window_s=10, now=time.time())
    response = trouble(429, "") if left is None else _route(world, request, path, grant)
    response.headers += limit_headers(world, grant, left=left or 0)
    return response


def _route(world: World, request: Request, path: str, grant: Grant) -> Response:
    parts = path.strip("/").split("/")
    if parts[:1] == ["account-info"] and parts[2:] == ["details"] and request.method == "GET":
        return json_answer(details(grant))
    if parts[:1] != ["crm"] or parts[2:3] != ["objects"] or len(parts) < 4:
        return error(404, "OBJECT_NOT_FOUND", "No such endpoint in the sandbox.")
    kind, rest = parts[3], parts[4:]
    verb = "GET" if rest[:1] == ["search"] else request.method
    needed = NEEDED_SCOPE.get((kind, verb))
    if needed is None:
        return error(404, "OBJECT_NOT_FOUND", f"The sandbox has no {request.method} for {kind}.")
    if needed not in grant.scopes:
        return missing_scope(needed)
    return objects(world, request, grant, kind, rest)


def objects(world: World, request: Request, grant: Grant, kind: str, rest: list[str]) -> Response:
    """List, search, read or add the objects of one kind in one account."""
    rows = _rows(world, grant.account, kind)
    if rest[:1] == ["search"] and request.method == "POST":
        return _search(request, rows)
    if request.method == "POST":
        return _add(request, rows)
    if rest:
        found = next((row for row in rows if row["id"] == rest[0]), None)
        return json_answer(found) if found else error(404, "OBJECT_NOT_FOUND", "resource not found")
    limit = _number(request.query.get("limit", ["10"])[0])
    if limit is None or not 1 <= limit <= 100:
        return error(400, "VALIDATION_ERROR", "limit must be between 1 and 100")
    return json_answer({"results": rows[:limit]})


def details(grant: Grant) -> dict[str, Any]:
    """Return the account behind a token."""
    return {
        "portalId": int(grant.account),
        "accountType": "SANDBOX",
        "timeZone": "Europe/Berlin",
        "companyCurrency": "EUR",
        "additionalCurrencies": [],
        "utcOffset": "+01:00",
        "utcOffsetMilliseconds": 3_600_000,
        "uiDomain": "app.hubspot.com",
        "dataHostingLocation": "na1",
        "sandboxName": PORTALS.get(grant.account, "Another account (sandbox)"),
    }


def limit_headers(world: World, grant: Grant, *, left: int) -> list[tuple[str, str]]:
    """Return HubSpot's limit headers, counted per account; its ten seconds roll."""
    today, _ = world.used_in_window(f"hubspot-day:{grant.account}", 86_400, time.time())
    values = {
        "X-HubSpot-RateLimit-Max": PER_TEN_SECONDS,
        "X-HubSpot-RateLimit-Remaining": left,
        "X-HubSpot-RateLimit-Interval-Milliseconds": 10_000,
        "X-HubSpot-RateLimit-Daily": PER_DAY,
        "X-HubSpot-RateLimit-Daily-Remaining": max(0, PER_DAY - today),
        "X-HubSpot-Correlation-Id": str(uuid.uuid4()),
    }
    return [(name, str(value)) for name, value in values.items()]


def error(status: int, category: str, message: str, **more: Any) -> Response:
    """Return an error body as HubSpot writes it."""
    body = {"status": "error", "message": message, "correlationId": str(uuid.uuid4()), "category": category}
    return json_answer(body | more, status)


def missing_scope(scope: str) -> Response:
    """Return HubSpot's answer to a token without the right."""
    text = "This app hasn't been granted all required scopes to make this call."
    why = {
        "message": "One or more of the following scopes are required.",
        "context": {"requiredGranularScopes": [scope]},
    }
    return error(403, "MISSING_SCOPES", text, context={"missingScopes": [scope]}, errors=[why])


def trouble(status: int, code: str) -> Response:
    """Return a failure of HubSpot's own."""
    if status == 429:
        policy = {"errorType": "RATE_LIMIT", "policyName": code or "TEN_SECONDLY_ROLLING"}
        return error(429, "RATE_LIMITS", "You have reached your ten_secondly_rolling limit.", **policy)
    return error(status, code or "INTERNAL_ERROR", "There was a problem with the request.")


def _rows(world: World, account: str, kind: str) -> list[dict[str, Any]]:
    with world.lock:
        key = f"hubspot:{account}:{kind}"
        if key not in world.records:
            world.records[key] = [_row(str(index), _sample(kind, index)) for index in range(1, len(PEOPLE) + 1)]
        return world.records[key]


def _sample(kind: str, index: int) -> dict[str, Any]:
    first, last = PEOPLE[index - 1]
    if kind == "contacts":
        return {"firstname": first, "lastname": last, "email": f"{first.lower()}@sandbox.example"}
    return {"name" if kind == "companies" else "dealname": f"{last} {kind[:-1]}"}


def _row(object_id: str, properties: dict[str, Any]) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"id": object_id, "properties": properties, "createdAt": now, "updatedAt": now, "archived": False}


def _add(request: Request, rows: list[dict[str, Any]]) -> Response:
    try:
        properties = request.json().get("properties")
    except (ValueError, json.JSONDecodeError):
        return error(400, "VALIDATION_ERROR", "Invalid input JSON")
    if not isinstance(properties, dict):
        return error(400, "VALIDATION_ERROR", "properties is required")
    email = properties.get("email")
    if email and any(row["properties"].get("email") == email for row in rows):
        return error(409, "CONFLICT", "Contact already exists.")
    rows.append(_row(str(len(rows) + 1), properties))
    return json_answer(rows[-1], 201)


def _search(request: Request, rows: list[dict[str, Any]]) -> Response:
    try:
        wanted = str(request.json().get("query", "")).lower()
    except (ValueError, json.JSONDecodeError):
        return error(400, "VALIDATION_ERROR", "Invalid input JSON")
    found = [row for row in rows if wanted in " ".join(map(str, row["properties"].values())).lower()]
    return json_answer({"total": len(found), "results": found})


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
