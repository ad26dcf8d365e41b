"""Applies what a file asks for in one transaction, and says what changed. Nothing is called."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from config.provision.connecting import apply_connection
from config.provision.gateway_token import TokenSpec
from config.provision.reading import ClientSpec, read
from config.provision.receiving import apply_endpoint
from config.provision.reporting import apply_reporter
from config.provision.run import Run
from config.provision.telling import apply_route
from config.provision.trusting import apply_issuers
from integrations import tokens
from integrations.alerts.routes.sealing import open_signing
from integrations.links import make_link
from integrations.models import AlertRoute, ApiToken, ClientLink, Connection, GatewayToken, WebhookEndpoint
from integrations.webhooks.making import address_of
from secrets_vault import audit, generation
from secrets_vault.models import Client, Environment

LINK_DAYS = 7


@dataclass
class Applied:
    """What one client's part of the file became."""

    client: Client
    connections: list[Connection] = field(default_factory=list)
    connect_urls: dict[str, str] = field(default_factory=dict)
    tokens: list[GatewayToken] = field(default_factory=list)
    token_values: dict[str, str] = field(default_factory=dict)
    endpoints: list[WebhookEndpoint] = field(default_factory=list)
    reporters: list[tuple[ApiToken, str]] = field(default_factory=list)
    routes: list[tuple[AlertRoute, str]] = field(default_factory=list)


def provision(file: Path, *, now: datetime, environ: dict[str, str] | None = None) -> dict[str, Any]:
    """Apply a file and return the answer of the command. Raises BadFile, and then nothing was written."""
    document, specs = read(file, environ=environ)
    with transaction.atomic():
        run = Run(document=document, now=now)
        applied = [_apply_client(run, spec) for spec in specs]
        document.finish()
    clients = {one.client.slug: _answer(one) for one in applied if one is not None}
    return {"clients": clients, "changed": run.changed}


def _apply_client(run: Run, spec: ClientSpec) -> Applied | None:
    client = _client(run, spec)
    if client is None:
        return None
    _add_environments(run, client, spec)
    applied = Applied(client)
    for one in spec.connections:
        connection = apply_connection(run, client, one)
        if connection is not None and not run.document.is_refused:
            applied.connections.append(connection)
            _offer_link(run, connection, applied)
    for wanted in spec.tokens:
        _apply_token(run, wanted, applied)
    for described in spec.endpoints:
        endpoint = apply_endpoint(run, client, described)
        if endpoint is not None:
            applied.endpoints.append(endpoint)
    _apply_reporters(run, spec, applied)
    _apply_routes(run, spec, applied)
    return applied


def _apply_reporters(run: Run, spec: ClientSpec, applied: Applied) -> None:
    """Make or change the tokens that report errors; the text of a new one is in the answer, this once."""
    for wanted in spec.reporters:
        found = apply_reporter(run, applied.client, wanted)
        if found is not None:
            token, secret = found
            applied.reporters.append((token, secret.expose() if secret else ""))


def _apply_routes(run: Run, spec: ClientSpec, applied: Applied) -> None:
    """Make or change where alerts go; the signing secret of a new signed route is in the answer, this once."""
    for wanted in spec.routes:
        found = apply_route(run, applied.client, wanted)
        if found is not None:
            route, is_new = found
            shown = open_signing(route).expose() if is_new and route.signing_sealed else ""
            applied.routes.append((route, shown))


def _client(run: Run, spec: ClientSpec) -> Client | None:
    client = Client.objects.filter(slug=spec.slug).first()
    if client is None:
        if spec.name is None:
            run.document.refuse((*spec.path, "name"), "is missing")
            return None
        client = Client.objects.create(slug=spec.slug, name=spec.name)
        audit.record("client.created", actor=run.actor, client=client, subject=client)
        run.note(spec.slug)
    elif spec.name is not None and client.name != spec.name:
        client.name = spec.name
        client.save(update_fields=["name"])
        audit.record("client.changed", actor=run.actor, client=client, subject=client, details={"changed": ["name"]})
        run.note(spec.slug, "name")
    return client


def _add_environments(run: Run, client: Client, spec: ClientSpec) -> None:
    known = set(client.environments.values_list("slug", flat=True))
    wanted = spec.environments or (() if known else ("production",))
    for slug in wanted:
        if slug in known:
            continue
        position = client.environments.count()
        made = Environment.objects.create(
            client=client, slug=slug, is_production=slug == "production", position=position
        )
        audit.record("environment.created", actor=run.actor, client=client, subject=made, label=slug)
        run.note(client.slug, "environments", slug)


def _offer_link(run: Run, connection: Connection, applied: Applied) -> None:
    """Make a connect link where a consent is wanted and no link for it is open."""
    if connection.kind != Connection.Kind.OAUTH2 or connection.status != Connection.Status.NOT_CONNECTED:
        return
    open_links = ClientLink.objects.filter(connection=connection, used_at=None, revoked_at=None, expires_at__gt=run.now)
    if open_links.exists():
        return
    _, url = make_link(connection, actor=run.actor, days=LINK_DAYS, now=run.now)
    applied.connect_urls[connection.slug] = url
    run.note(applied.client.slug, "connections", connection.slug, "connect_url")


def _apply_token(run: Run, spec: TokenSpec, applied: Applied) -> None:
    connections = _token_connections(run, spec, applied.client)
    if connections is None:
        return
    token = GatewayToken.objects.filter(client=applied.client, name=spec.name).first()
    try:
        if token is None:
            token, secret = tokens.make(applied.client, spec.name, connections, actor=run.actor, **spec.limits)
            applied.token_values[spec.name] = secret.expose()
            run.note(applied.client.slug, "gateway_tokens", spec.name)
        else:
            _change_token(run, token, spec, connections)
    except tokens.BadTokenLimits as error:
        run.document.refuse(spec.path, str(error))
        return
    applied.tokens.append(token)
    apply_issuers(run, token, spec.issuers)


def _token_connections(run: Run, spec: TokenSpec, client: Client) -> list[Connection] | None:
    found = {one.slug: one for one in Connection.objects.filter(client=client, slug__in=spec.connections)}
    for slug in spec.connections:
        if slug not in found:
            run.document.refuse((*spec.path, "connections"), f"{client.slug} has no connection {slug}")
    return [found[slug] for slug in spec.connections] if len(found) == len(spec.connections) else None


def _change_token(run: Run, token: GatewayToken, spec: TokenSpec, connections: list[Connection]) -> None:
    limits = {name: value for name, value in spec.limits.items() if getattr(token, name) != value}
    if limits:
        tokens.change(token, actor=run.actor, **limits)
    wanted = {one.pk for one in connections}
    is_widened = wanted != set(token.connections.values_list("pk", flat=True))
    if is_widened:
        token.connections.set(connections)
        details = {"changed": ["connections"], "connections": sorted(spec.connections)}
        audit.record(
            "token.changed", actor=run.actor, client=token.client, subject=token, label=token.name, details=details
        )
        generation.bump()
    for name in [*limits, *(["connections"] if is_widened else [])]:
        run.note(token.client.slug, "gateway_tokens", token.name, name)


def _answer(applied: Applied) -> dict[str, Any]:
    connections: dict[str, Any] = {}
    for one in applied.connections:
        said = {"gateway_url": f"{settings.KEYLODGE_PUBLIC_URL}/gateway/{one.slug}", "status": one.status}
        if one.slug in applied.connect_urls:
            said["connect_url"] = applied.connect_urls[one.slug]
        connections[one.slug] = said
    made = applied.token_values
    told = {
        one.name: {"prefix": one.prefix} | ({"token": made[one.name]} if one.name in made else {})
        for one in applied.tokens
    }
    return {
        "id": str(applied.client.pk),
        "environments": list(applied.client.environments.values_list("slug", flat=True)),
        "connections": connections,
        "gateway_tokens": told,
        "webhook_endpoints": {one.slug: {"url": address_of(one)} for one in applied.endpoints},
        "api_tokens": {
            one.name: {"prefix": one.prefix} | ({"token": text} if text else {}) for one, text in applied.reporters
        },
        "alert_routes": {
            one.name: {"channel": one.channel, "address": one.address_masked}
            | ({"signing_secret": text} if text else {})
            for one, text in applied.routes
        },
    }
