"""Ten thousand rows for each list of the agency, put beside what `benchmarks.pages` has filled in already."""

from __future__ import annotations

from datetime import timedelta

PAGES = (
    "/rotations/", "/rotations/?from=9900", "/rotations/?state=overdue", "/messages/", "/audit/", "/audit/?q=Key+77",
    "/errors/", "/vault/", "/vault/?q=Many+77",
)  # fmt: skip


def fill(count: int) -> None:
    """Write that many secrets, messages to each person, events of the audit trail and error groups."""
    _secrets(count)
    _messages(count)
    _events(count)
    _groups(count)


def _secrets(count: int) -> None:
    from django.utils import timezone

    from secrets_vault.models import Environment, SecretVersion, StoredSecret

    today = timezone.localdate()
    environments = list(Environment.objects.select_related("client"))
    secrets = [
        StoredSecret(
            client=env.client, environment=env, kind="api_key", label=f"Many {i}",
            provider_key=("stripe", "hubspot", "openai")[i % 3],
        )
        for i in range(count) for env in (environments[i % len(environments)],)
    ]  # fmt: skip
    StoredSecret.objects.bulk_create(secrets, batch_size=1000)
    versions = [
        SecretVersion(secret=stored, number=1, state="current", made_on=today - timedelta(days=i % 200))
        for i, stored in enumerate(secrets)
    ]
    SecretVersion.objects.bulk_create(versions, batch_size=1000)
    for stored, version in zip(secrets, versions, strict=True):
        stored.current = version
    StoredSecret.objects.bulk_update(secrets, ["current"], batch_size=200)


def _messages(count: int) -> None:
    from django.utils import timezone

    from integrations.models import Message
    from secrets_vault.models import Client, User

    now, clients = timezone.now(), list(Client.objects.all())
    Message.objects.bulk_create(
        (
            Message(
                dedupe_key=f"bench-{user.pk}-{i}", kind="failing", user=user, to=user.email, due_at=now, state="kept",
                client=clients[i % len(clients)], subject=f"Calls fail {i}", body="Nobody opens this.\n" * 40,
            )
            for user in User.objects.all() for i in range(count)
        ),
        batch_size=1000,
    )  # fmt: skip


def _events(count: int) -> None:
    from django.db import transaction

    from secrets_vault import audit
    from secrets_vault.actor import Actor
    from secrets_vault.models import StoredSecret, User

    actor = Actor.of(User.objects.get(is_owner=True), ip="192.0.2.1")
    with transaction.atomic():
        for stored in StoredSecret.objects.order_by("-pk")[:count].select_related("client"):
            audit.record("secret.revealed", actor=actor, client=stored.client, subject=stored, details={"number": 1})


def _groups(count: int) -> None:
    from django.utils import timezone

    from integrations.models import Connection, ErrorGroup
    from secrets_vault.ids import uuid7

    now, connections = timezone.now(), list(Connection.objects.all())
    ErrorGroup.objects.bulk_create(
        (
            ErrorGroup(
                key_hash=i.to_bytes(32), client_id=row.client_id, connection_id=row.pk, provider_key=row.provider_key,
                environment_id=row.environment_id, status=404, code="not_found", title="Not found", method="GET",
                path_template=f"/crm/{i}/*", cause="", remedy="", who="you", count=1 + i % 9, last_call_id=uuid7(),
                first_seen_at=now - timedelta(days=20), last_seen_at=now - timedelta(minutes=i),
            )
            for i in range(count) for row in (connections[i % len(connections)],)
        ),
        batch_size=1000,
    )  # fmt: skip
