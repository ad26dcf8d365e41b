"""Makes rows for tests. Plain functions: each returns one saved object with sensible defaults."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from django.utils import timezone

from integrations.gateway.held import sealing as held_sealing
from integrations.gateway.held.sealing import Request
from integrations.models import (
    Connection,
    GatewayToken,
    HeldCall,
    HeldLane,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    WebhookTarget,
)
from integrations.webhooks import sealing, storing
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.ids import uuid7
from secrets_vault.models import Client, Environment, Membership, User
from secrets_vault.secret import Secret


def make_user(name: str = "Ada", **fields: Any) -> User:
    """Return a user named `name`, an owner unless said otherwise."""
    fields.setdefault("email", f"{name.lower()}@example.com")
    return User.objects.create_user(fields.pop("email"), fields.pop("password", None), name=name, **fields)


def make_client(
    slug: str = "acme", *, environments: tuple[str, ...] = ("production", "staging"), **fields: Any
) -> Client:
    """Return a client with its environments; the first is production."""
    client = Client.objects.create(slug=slug, name=fields.pop("name", slug.title()), **fields)
    for position, env in enumerate(environments):
        Environment.objects.create(client=client, slug=env, is_production=env == "production", position=position)
    return client


def make_membership(user: User, client: Client, role: str = "manager", state: str = "active") -> Membership:
    """Return what `user` may do for `client`."""
    return Membership.objects.create(user=user, client=client, role=role, state=state)


def make_webhook_endpoint(
    client: Client, slug: str = "acme-stripe", *, secret: str = "whsec_test", **fields: Any
) -> Any:
    """Return an endpoint in the client's first environment, with its secret in the vault unless that is empty."""
    environment = fields.pop("environment", None) or client.environments.first()
    stored = fields.pop("stored", None)
    if stored is None and secret:
        about: dict[str, Any] = {"actor": SYSTEM, "client": client, "environment": environment, "label": slug}
        stored = vault.store(**about, kind="webhook_secret", fields={"secret": Secret(secret)})
    fields.setdefault("scheme_key", "stripe")
    return WebhookEndpoint.objects.create(client=client, environment=environment, slug=slug, secret=stored, **fields)


def make_webhook_target(endpoint: Any, url: str = "http://127.0.0.1:9/webhook/1", **fields: Any) -> Any:
    """Return a target whose address is sealed."""
    target = WebhookTarget(endpoint=endpoint, **fields)
    sealing.seal_url(target, Secret(url), client=endpoint.client)
    target.save()
    return target


def make_webhook_event(
    endpoint: Any, body: bytes = b"{}", *, headers: tuple[tuple[str, bytes], ...] = (), **fields: Any
) -> Any:
    """Return an event of an endpoint, its head and body sealed. No delivery is made."""
    url = f"http://localhost/hooks/{endpoint.slug}"
    request: Any = SimpleNamespace(method="POST", url=url, headers=headers, body=body)
    fields.setdefault("received_at", timezone.now())
    event_id = fields.pop("id", None) or uuid7()
    return WebhookEvent.objects.create(**storing.sealed(event_id, endpoint, request), **fields)


def make_webhook_delivery(event: Any, target: Any, **fields: Any) -> Any:
    """Return an event's delivery to a target, due at once."""
    fields.setdefault("created_at", event.received_at)
    fields.setdefault("next_at", event.received_at)
    return WebhookDelivery.objects.create(event=event, target=target, endpoint=event.endpoint, **fields)


def make_held_call(connection: Connection, token: GatewayToken, **columns: Any) -> HeldCall:
    """Return a call that waits, sealed as the gateway seals it."""
    request = columns.pop("request", None) or Request(
        "PUT", b"/things/7", b"", [(b"content-type", b"application/json")], b'{"n": 1}', has_body=True
    )
    HeldLane.objects.get_or_create(connection=connection)
    row_id = columns.pop("id", None) or uuid7()
    about = {
        "client_id": connection.client_id,
        "environment_id": connection.environment_id,
        "connection": connection,
        "token": token,
        "token_name": token.name,
        "held_at": timezone.now(),
        "method": request.method,
        "host": "api.example",
        "path": request.rest.decode(),
        "body_bytes": len(request.body),
        "size": len(request.body) + 64,
        "state": HeldCall.State.WAITING,
        "code": "upstream_away",
        "status": 503,
        "timeline": [{"at": timezone.now().isoformat(), "what": "held", "code": "upstream_away", "status": 503}],
    }
    blobs = held_sealing.seal_request(request, row_id=row_id, client_id=connection.client_id)
    made: HeldCall = HeldCall.objects.create(id=row_id, **(about | blobs | columns))
    return made
