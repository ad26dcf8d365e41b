"""Two clients with one of everything each, and everybody who may stand before a door."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db import connections
from django.test import Client as Browser
from django.utils import timezone

from integrations import tokens
from integrations.api import tokens as api_tokens
from integrations.models import (
    AlertEpisode,
    Call,
    ClientLink,
    Connection,
    CustomProvider,
    ErrorGroup,
    Handover,
    HeldRun,
    LimitReading,
    LinkItem,
    LinkTemplate,
    Message,
    ModelPrice,
    OAuthApp,
    OAuthFlow,
    Offboarding,
    WebhookReplay,
)
from integrations.providers.custom import custom_from
from integrations.rotating import guided
from integrations.trusted_issuers import Terms, trust
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import Client, User
from secrets_vault.secret import Secret
from tests.factories import (
    make_client,
    make_held_call,
    make_membership,
    make_user,
    make_webhook_delivery,
    make_webhook_endpoint,
    make_webhook_event,
    make_webhook_target,
)
from tests.integrations.alerts.routes.places import make_route
from tests.proving import prove

ABSENT = uuid4()
ABSENT_VALUES = {
    "slug": "no-such-thing",
    "pk": ABSENT,
    "connection_id": ABSENT,
    "flow_id": "absent",
    "number": 1,
    "token": "absent",
    "rest": "absent",
    "language": "en",
    "key": "absent",
    "uidb36": "1",
}
# Whose rows a page touches by being looked at: the browser's own session, renewed by use.
TOUCHED_BY_LOOKING = ("secrets_vault_session", "secrets_vault_loginattempt")


@dataclass
class Things:
    """One of everything that belongs to one client."""

    client: Client
    of: dict[str, Any] = field(default_factory=dict)

    def values(self, kind: str) -> dict[str, Any]:
        """Return what stands for the object of this kind in an address."""
        found = self.of[kind]
        pk = found if isinstance(found, (UUID, int, str)) else found.pk
        named = {
            "slug": getattr(found, "slug", "") or _slug_of_its_owner(found),
            "pk": pk,
            "connection_id": pk,
            "flow_id": str(pk),
        }
        return ABSENT_VALUES | named | {"number": 1}


def _slug_of_its_owner(found: Any) -> str:
    """Return the slug of the connection or endpoint that a thing belongs to."""
    owner = getattr(found, "connection", None) or getattr(found, "endpoint", None)
    return getattr(owner, "slug", "")


@dataclass
class World:
    """Acme is everybody's business; nobody here has anything to do with Beta but the owner."""

    acme: Things
    beta: Things
    people: dict[str, User]

    def browser_of(self, who: str) -> Browser:
        """Return a browser in which this person has just signed in."""
        browser = Browser(SERVER_NAME="localhost", raise_request_exception=False)
        if who != "anonymous":
            browser.force_login(self.people[who])
            prove(browser)
        return browser


def make_world() -> World:
    """Return the two clients and the cast of the matrix."""
    acme, beta = make_client("acme", name="Acme"), make_client("beta", name="Beta")
    people = {"owner": make_user("Olive", is_owner=True), "manager": make_user("Ada"), "viewer": make_user("Ben")}
    people |= {"stranger": make_user("Cora"), "invited": make_user("Ivy"), "suspended": make_user("Sue")}
    for person in people.values():
        EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    for who, role, state in (
        ("manager", "manager", "active"),
        ("viewer", "viewer", "active"),
        ("invited", "manager", "invited"),
        ("suspended", "manager", "suspended"),
    ):
        make_membership(people[who], acme, role, state)
    return World(things_of(acme, people["manager"]), things_of(beta, people["owner"]), people)


def things_of(client: Client, user: User) -> Things:
    """Make one of everything for a client. What is personal belongs to `user`."""
    environment, now = client.environments.first(), timezone.now()
    about = {"actor": SYSTEM, "client": client, "environment": environment}
    key = vault.store(
        kind="api_key", label=f"{client.slug} key", fields={"api_key": Secret(os.urandom(20).hex())}, **about
    )
    used = vault.store(
        kind="api_key",
        label=f"{client.slug} used",
        fields={"api_key": Secret(os.urandom(20).hex())},
        policy=vault.Policy(("127.0.0.1:9",), ("header:authorization",)),
        **about,
    )
    provider = f"custom-{client.slug}"
    facts = custom_from(
        {"base_url": "http://127.0.0.1:9/api"}, key=provider, name=client.name, today=date(2026, 11, 22)
    )
    described = CustomProvider.objects.create(key=provider, name=client.name, facts=facts, client=client)
    app = OAuthApp.objects.create(name=f"{client.slug} app", provider_key="hubspot", for_client=client, client_id="id")
    connection = Connection.objects.create(
        slug=f"{client.slug}-api",
        client=client,
        environment=environment,
        provider_key=provider,
        kind="api_key",
        secret=used,
        status=Connection.Status.CONNECTED,
    )
    token, _text = tokens.make(client, "n8n", [connection], actor=SYSTEM)
    message = Message.objects.create(
        dedupe_key=client.slug,
        kind="rotation_due",
        user=user,
        to=user.email,
        client=client,
        due_at=now,
        subject="Hello",
    )
    link = ClientLink.objects.create(
        kind="connect",
        token_hash=os.urandom(32),
        client=client,
        connection=connection,
        expires_at=now + timedelta(days=1),
    )
    asked = ClientLink.objects.create(
        kind="request", token_hash=os.urandom(32), client=client, expires_at=now + timedelta(days=1)
    )
    item = LinkItem.objects.create(link=asked, connection=connection, takes="credential")
    consent = Connection.objects.create(
        slug=f"{client.slug}-hubspot",
        client=client,
        environment=environment,
        provider_key="hubspot",
        kind="oauth2",
        oauth_app=app,
    )
    flow = _flow(connection, user)
    factor = Authenticator.objects.create(user=user, type=Authenticator.Type.WEBAUTHN, data={"name": "Laptop"})
    call, group = _failed_call(client, connection, now=now)
    endpoint = make_webhook_endpoint(client, f"{client.slug}-stripe")
    target = make_webhook_target(endpoint)
    event = make_webhook_event(endpoint, b'{"type": "invoice.paid"}', secret_number=0)
    make_webhook_delivery(event, target)  # it waits, so the first who may remove the target leaves it to the second
    LimitReading.objects.create(
        connection_id=connection.pk,
        client_id=client.pk,
        bucket="day",
        limit=100,
        remaining=5,
        read_at=now,
        source="headers",
    )
    return Things(
        client,
        {
            "client": client,
            "secret": key,
            "rotation": guided.start(used, actor=SYSTEM, now=now),
            "connection": connection,
            "token": token,
            "api_token": api_tokens.make(client, "n8n errors", actor=SYSTEM, now=now)[0],
            "issuer": trust(
                token,
                Terms("https://ci.example", "us", ["RS256"], {"sub": client.slug}, "https://ci.example/keys"),
                actor=SYSTEM,
            ),
            "app": app,
            "message": message,
            "link": link,
            "request_item": item,
            "link_template": LinkTemplate.objects.create(name=f"{client.slug} pack"),
            "provider": described,
            "price": ModelPrice.objects.create(provider_key="openai", model=f"{client.slug}-model", input_nano=1),
            "consent": consent,
            "flow": bytes(flow.state_hash).hex(),
            "factor": factor,
            "call": call,
            "group": group,
            "environment": environment,
            "endpoint": endpoint,
            "webhook_target": target,
            "handover": Handover.objects.create(
                token_hash=os.urandom(32),
                client=client,
                label="Key",
                tries_left=5,
                created_at=now,
                expires_at=now + timedelta(days=1),
            ),
            "offboarding": Offboarding.objects.create(
                client=client, stage="done", begun_at=now, certificate=_certificate(client), signature="c2lnbmVk"
            ),
            "replay": WebhookReplay.objects.create(endpoint=endpoint, made_at=now),
            "event": event,
            "alert_route": make_route("signed", url="http://127.0.0.1:9/in", client=client, name=f"{client.slug} n8n"),
            "trouble": AlertEpisode.objects.create(
                kind="failing", about=f"connection:{connection.pk}", client=client, connection=connection, opened_at=now
            ),
            "held_call": make_held_call(connection, token),
            "held_run": HeldRun.objects.create(made_by=user, made_at=now),
        },
    )


def _certificate(client: Client) -> dict[str, Any]:
    return {
        "agency": "Olive",
        "client": {"name": client.name, "slug": client.slug},
        "ended": [],
        "handed_over": [],
        "destroyed": {"at": None, "by": "Olive", "key_terms": []},
        "backups": {"newest_before": None},
        "key": {"id": "0", "algorithm": "Ed25519", "public": ""},
    }


def _flow(connection: Connection, user: User) -> OAuthFlow:
    return OAuthFlow.objects.create(
        state_hash=os.urandom(32),
        connection=connection,
        user=user,
        browser_hash=os.urandom(32),
        provider_key=connection.provider_key,
        redirect_uri="http://localhost/oauth/callback",
        sealed_verifier=b"",
        connection_version=connection.version,
        created_at=timezone.now(),
        expires_at=timezone.now() + timedelta(minutes=9),
    )


def _failed_call(client: Client, connection: Connection, *, now: Any) -> tuple[Call, ErrorGroup]:
    about = {"client_id": client.pk, "connection_id": connection.pk, "provider_key": connection.provider_key}
    call = Call(
        at=now, method="GET", path="/things", status=500, outcome="upstream_error", code="upstream_500", **about
    )
    group = ErrorGroup.objects.create(
        key_hash=os.urandom(32),
        status=500,
        code="upstream_500",
        title="It broke",
        method="GET",
        path_template="/things",
        cause="It broke there.",
        remedy="Wait.",
        who="provider",
        count=1,
        first_seen_at=now,
        last_seen_at=now,
        last_call_id=call.pk,
        **about,
    )
    call.group_id = group.pk
    call.save(force_insert=True)
    return call, group


def everything_stored() -> dict[str, str]:
    """Return a digest of each table's rows, but for what looking touches."""
    found = {}
    for alias in connections:
        with connections[alias].cursor() as cursor:
            for table in connections[alias].introspection.table_names(cursor):
                if table in TOUCHED_BY_LOOKING or table.startswith("sqlite_"):
                    continue
                cursor.execute(f'SELECT * FROM "{table}"')  # the name is the database's own
                rows = sorted(
                    repr([bytes(v) if isinstance(v, memoryview) else v for v in row]) for row in cursor.fetchall()
                )
                digest = hashlib.sha256("\n".join(rows).encode()).hexdigest()
                found[f"{alias}.{table}"] = f"{len(rows)} rows, {digest[:16]}"
    return found


def changed(before: dict[str, str]) -> list[str]:
    """Return the tables that are not as they were."""
    after = everything_stored()
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
