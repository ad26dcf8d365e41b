"""The control URL: make trouble, change how consents go, list what arrived."""

from __future__ import annotations

import os
import signal
from dataclasses import asdict, fields
from typing import Any

from integrations.sandbox import webhooks
from integrations.sandbox.machine import service_account
from integrations.sandbox.signing import webhook_secret
from integrations.sandbox.wire import Request, Response, json_answer
from integrations.sandbox.world import Trouble, Ways, World

PROVIDERS = ("hubspot", "openai", "stripe")
TROUBLE_KEYS = {f.name: f.type for f in fields(Trouble)}
WAYS_KEYS = {f.name for f in fields(Ways)}
RECEIVERS = ("oauth", "workflow")
OTHER_KEYS = {"provider", "revoke", "clear", "webhook", "send_webhook", "stop"}
NUMBERS = {"status", "retry_after_s", "delay_s", "times", "token_ttl_s", "grace_s"}
SWITCHES = {"reset_mid_body", "rotate", "iss", "revoke", "clear", "stop"}
LISTS = {"required_scopes", "optional_scopes"}


def answer(world: World, request: Request, path: str) -> Response:
    """Answer under the control URL; `path` is what follows it."""
    match (request.method, path.strip("/")):
        case ("POST", ""):
            return _change(world, request)
        case ("GET", ""):
            return json_answer(state(world))
        case ("DELETE", ""):
            clear(world)
            return json_answer(state(world))
        case ("GET", "requests"):
            return json_answer({"requests": list(world.arrived)})
        case ("DELETE", "requests"):
            world.arrived.clear()
            return json_answer({"requests": []})
        case ("GET", "keys"):
            return json_answer(keys(world))
        case ("GET", "service_account"):
            return json_answer(service_account(world))
    return json_answer({"error": "No such control. POST or GET here, or GET requests, keys or service_account."}, 404)


def keys(world: World) -> dict[str, str]:
    """Return what an automation needs to use the sandbox."""
    return {
        "client_id": world.client_id,
        "client_secret": world.client_secret,
        "openai_api_key": world.openai_key,
        "stripe_api_key": world.stripe_key,
        "stripe_webhook_secret": webhook_secret(world, "stripe"),
    }


def state(world: World) -> dict[str, Any]:
    """Return the troubles that are on, and how consents go."""
    troubles = {provider: asdict(trouble) for provider, trouble in world.troubles.items()}
    return {"troubles": troubles, "ways": asdict(world.ways)}


def clear(world: World) -> None:
    """All well again. Consents that were withdrawn stay withdrawn, as at a real provider."""
    with world.lock:
        world.troubles.clear()
        world.ways = Ways()


def _change(world: World, request: Request) -> Response:
    try:
        asked = request.json()
        _check(asked)
        hook = asked.get("webhook") or asked.get("send_webhook")
        sent = webhooks.send(world, hook) if isinstance(hook, dict) else None
    except ValueError as error:
        return json_answer({"error": str(error)}, 400)
    with world.lock:
        _apply(world, asked)
    return json_answer(state(world) | ({"sent": sent} if sent else {}))


def _apply(world: World, asked: dict[str, Any]) -> None:
    if asked.get("clear") or not asked:
        clear(world)
    for name in WAYS_KEYS & asked.keys():
        setattr(world.ways, name, asked[name])
    if asked.get("revoke"):
        world.withdraw()
    if asked.get("stop"):  # whoever knows this URL ends this process, and no other by mistake
        os.kill(os.getpid(), signal.SIGTERM)
    trouble = {name: asked[name] for name in TROUBLE_KEYS if name in asked}
    if trouble:
        named = asked.get("provider")
        for provider in [named] if named else PROVIDERS:
            world.troubles[provider] = Trouble(**trouble)


def _check(asked: dict[str, Any]) -> None:
    """Raise ValueError, naming the key, for anything that would not do what it says."""
    if unknown := asked.keys() - TROUBLE_KEYS.keys() - WAYS_KEYS - OTHER_KEYS:
        raise ValueError(f"Unknown: {', '.join(sorted(unknown))}.")
    if asked.get("provider") not in (None, *PROVIDERS, *RECEIVERS):
        raise ValueError(f"provider must be one of {', '.join((*PROVIDERS, *RECEIVERS))}.")
    for name, value in asked.items():
        if not _is_fit(name, value):
            raise ValueError(f"{name} has a value of the wrong kind.")
    status = asked.get("status")
    if status is not None and not 400 <= status <= 599:
        raise ValueError("status must be between 400 and 599.")


def _is_fit(name: str, value: object) -> bool:
    if name in NUMBERS:
        return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    if name in SWITCHES:
        return isinstance(value, bool)
    if name in LISTS:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if name == "account":
        return isinstance(value, str) and (not value or (value.isascii() and value.isdigit() and len(value) < 12))
    return isinstance(value, dict if name in ("webhook", "send_webhook") else str)
