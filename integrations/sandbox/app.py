"""The sandbox's front door: which provider a path belongs to, and the trouble on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from html import escape
from types import ModuleType

from integrations.sandbox import consent, control, hubspot, openai, stripe
from integrations.sandbox.oauth import HubSpotServer, metadata
from integrations.sandbox.wire import Request, Response, json_answer, page_answer
from integrations.sandbox.world import Trouble, World

APIS: dict[str, ModuleType] = {"hubspot": hubspot, "openai": openai, "stripe": stripe}
BARE_PREFIXES = {"/crm/": "hubspot", "/account-info/": "hubspot"}
TOKEN_PATHS = ("/oauth/2026-03/token", "/oauth/v3/token", "/oauth/v1/token", "/oauth/token")
ALIASES = {"/oauth/revoke": "/oauth/token/revoke", "/oauth/introspect": "/oauth/token/introspect"}


def make_app(world: World, wait: Callable[[float], object] = time.sleep) -> Callable[[Request], Response]:
    """Return the function that answers every request."""
    server = HubSpotServer(world)

    def app(request: Request) -> Response:
        path = request.path
        if path == world.control_path or path.startswith(world.control_path + "/"):
            return control.answer(world, request, path.removeprefix(world.control_path))
        provider, rest = _provider_of(path)
        entry = world.note(request, provider)
        response = _answer(world, server, request, provider, rest, wait)
        entry.update(status=response.status, answered_at=time.time())
        return response

    return app


def _answer(
    world: World,
    server: HubSpotServer,
    request: Request,
    provider: str,
    path: str,
    wait: Callable[[float], object],
) -> Response:
    trouble = world.next_trouble(provider)
    if trouble and trouble.delay_s:
        wait(trouble.delay_s)
    if trouble and trouble.status:
        return _failed(provider, trouble)
    if provider in APIS:
        response: Response = APIS[provider].answer(world, request, path)
    elif provider == "oauth":
        response = _oauth(world, server, request, path)
    elif provider == "workflow":  # it plays the automation that webhooks are handed on to
        response = json_answer({"received": True})
    else:
        response = _other(world, request, path)
    response.is_cut_off = bool(trouble and trouble.reset_mid_body)
    return response


def _failed(provider: str, trouble: Trouble) -> Response:
    status = int(trouble.status or 500)
    if provider in APIS:
        response: Response = APIS[provider].trouble(status, trouble.code)
    else:
        response = json_answer({"error": trouble.code or "temporarily_unavailable"}, status)
    if trouble.retry_after_s is not None:
        response.headers.append(("Retry-After", f"{trouble.retry_after_s:g}"))
    response.is_cut_off = trouble.reset_mid_body
    return response


def _provider_of(path: str) -> tuple[str, str]:
    """Return the provider that a path belongs to, and the path at that provider."""
    for name in APIS:
        if path.startswith(f"/{name}/"):
            return name, path.removeprefix(f"/{name}")
    for prefix, name in BARE_PREFIXES.items():
        if path.startswith(prefix):
            return name, path
    if path.startswith("/oauth/"):
        return "oauth", ALIASES.get(path, path)
    if path.startswith("/workflow/"):
        return "workflow", path
    return "", path


def _oauth(world: World, server: HubSpotServer, request: Request, path: str) -> Response:
    if path == "/oauth/authorize" and request.method in ("GET", "POST"):
        return (consent.show if request.method == "GET" else consent.decide)(server, request)
    if request.method != "POST":
        return json_answer({"error": "invalid_request", "error_description": "Use POST."}, 405)
    with world.lock:
        if path in TOKEN_PATHS:
            response: Response = server.create_token_response(request)
        elif path.endswith("/token/revoke"):
            response = server.create_endpoint_response("revocation", request)
        elif path.endswith("/token/introspect"):
            response = server.create_endpoint_response("introspection", request)
        else:
            response = json_answer({"error": "not_found"}, 404)
    return response


def _other(world: World, request: Request, path: str) -> Response:
    match path:
        case "/":
            return page_answer(consent.page("What is here", _index(world)))
        case "/sandbox.css":
            return Response(200, consent.STYLE.encode(), [("Content-Type", "text/css; charset=utf-8")])
        case "/.well-known/oauth-authorization-server":
            return json_answer(metadata(world))
    return json_answer({"error": "not_found"}, 404)


def _index(world: World) -> str:
    about = metadata(world)
    rows = [f"{world.url}/{name}" for name in APIS]
    rows += [str(about[f"{kind}_endpoint"]) for kind in ("authorization", "token", "revocation", "introspection")]
    return "<ul>" + "".join(f"<li><code>{escape(row)}</code></li>" for row in rows) + "</ul>"
