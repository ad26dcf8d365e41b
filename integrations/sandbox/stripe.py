"""An API shaped like Stripe's: balance, customers, charges, form bodies, idempotency keys, its errors.

Source of the shapes: docs.stripe.com/api and /rate-limits, read 2026-11-21.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from typing import Any

from integrations.sandbox.wire import Request, Response, json_answer
from integrations.sandbox.world import World


def answer(world: World, request: Request, path: str) -> Response:
    """Answer one call as Stripe would; a POST with a known Idempotency-Key gets its first answer again."""
    if not hmac.compare_digest(_offered_key(request).encode(), world.stripe_key.encode()):
        return _with_id(error(401, "Invalid API Key provided: sk_test_****", "invalid_request_error"))
    key = request.header("Idempotency-Key")
    if request.method == "POST" and key:
        return _once(world, request, path, key)
    return _with_id(_route(world, request, path))


def _once(world: World, request: Request, path: str, key: str) -> Response:
    digest = hashlib.sha256(path.encode() + b"\0" + request.body).digest()
    with world.lock:
        known = world.remembered.get(key)
        if known is None:
            response = _route(world, request, path)
            world.remembered[key] = (digest, response.status, response.body)
            return _with_id(response)
    if known[0] != digest:
        text = "Keys for idempotent requests can only be used with the same parameters they were first used with."
        return _with_id(error(400, text, "idempotency_error"))
    again = Response(known[1], known[2], [("Content-Type", "application/json"), ("Idempotent-Replayed", "true")])
    return _with_id(again)


def _route(world: World, request: Request, path: str) -> Response:
    match (request.method, path.strip("/").split("/")):
        case ("GET", ["v1", "account"]):
            return json_answer({"id": "acct_1Sandbox", "object": "account", "country": "DE", "charges_enabled": True})
        case ("GET", ["v1", "balance"]):
            money = [{"amount": 123_45, "currency": "eur", "source_types": {"card": 123_45}}]
            return json_answer({"object": "balance", "available": money, "livemode": False, "pending": []})
        case ("GET", ["v1", "customers" | "charges" as kind]):
            rows = world.records.get(f"stripe:{kind}", [])
            return json_answer({"object": "list", "url": f"/v1/{kind}", "has_more": False, "data": rows[::-1]})
        case ("GET", ["v1", "customers" | "charges" as kind, object_id]):
            return _find(world, kind, object_id)
        case ("POST", ["v1", "customers"]):
            return _add(world, "customers", "cus", request.form)
        case ("POST", ["v1", "charges"]):
            return _charge(world, request.form)
    text = f"Unrecognized request URL ({request.method}: {path})."
    return error(404, text, "invalid_request_error")


def error(status: int, message: str, kind: str, **more: str) -> Response:
    """Return an error body as Stripe writes it."""
    return json_answer({"error": {"message": message, "type": kind, **more}}, status)


def trouble(status: int, code: str) -> Response:
    """Return a failure of Stripe's own."""
    if status == 429:
        response = error(429, "Request rate limit exceeded.", "rate_limit_error", code=code or "rate_limit")
        response.headers.append(("Stripe-Rate-Limited-Reason", "global-rate"))
    else:
        response = error(
            status, "An error occurred internally with Stripe.", "api_error", **({"code": code} if code else {})
        )
    return _with_id(response)


def _offered_key(request: Request) -> str:
    scheme, _, value = request.header("Authorization").partition(" ")
    if scheme.lower() != "basic":
        return value.strip()
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _with_id(response: Response) -> Response:
    response.headers += [("Request-Id", f"req_{secrets.token_hex(7)}"), ("Stripe-Version", "2026-10-29")]
    return response


def _find(world: World, kind: str, object_id: str) -> Response:
    found = next((row for row in world.records.get(f"stripe:{kind}", []) if row["id"] == object_id), None)
    text = f"No such {kind[:-1]}: '{object_id}'"
    return (
        json_answer(found) if found else error(404, text, "invalid_request_error", code="resource_missing", param="id")
    )


def _charge(world: World, form: dict[str, str]) -> Response:
    for name in ("amount", "currency"):
        if not form.get(name):
            text = f"Missing required param: {name}."
            return error(400, text, "invalid_request_error", code="parameter_missing", param=name)
    if not form["amount"].isdigit():
        text = f"Invalid integer: {form['amount']}"
        return error(400, text, "invalid_request_error", code="parameter_invalid_integer", param="amount")
    if form.get("source") == "tok_chargeDeclined":
        return error(402, "Your card was declined.", "card_error", code="card_declined", decline_code="generic_decline")
    return _add(world, "charges", "ch", form | {"amount": int(form["amount"]), "status": "succeeded", "paid": True})


def _add(world: World, kind: str, prefix: str, fields: dict[str, Any]) -> Response:
    row = {"id": f"{prefix}_{secrets.token_hex(9)}", "object": kind[:-1], "created": int(time.time())}
    row |= fields | {"livemode": False}
    with world.lock:
        world.records.setdefault(f"stripe:{kind}", []).append(row)
    return json_answer(row)
