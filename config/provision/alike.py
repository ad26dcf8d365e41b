"""What connections and webhook endpoints have alike in a file: environment, age, and how often to rotate."""

from __future__ import annotations

from datetime import timedelta

from config.provision.endpoint import EndpointSpec
from config.provision.reading import ConnectionSpec
from config.provision.run import Run
from integrations.models import Connection, WebhookEndpoint
from secrets_vault import audit, vault
from secrets_vault.models import Client, Environment, SecretVersion, StoredSecret

REASON = "provisioned from a file"
Spec = ConnectionSpec | EndpointSpec


def is_of_another_client(run: Run, client: Client, spec: Spec, existing: Connection | WebhookEndpoint | None) -> bool:
    """Refuse a slug that another client has."""
    if existing is None or existing.client_id == client.pk:
        return False
    run.document.refuse((*spec.path, "slug"), f"{spec.slug} is taken in this installation")
    return True


def check_age(run: Run, spec: Spec) -> None:
    """Refuse a date of making that is still to come."""
    if spec.made_on is not None and spec.made_on > run.now.date() + timedelta(days=1):  # a day: the sun rises elsewhere
        run.document.refuse((*spec.path, "made_on"), "lies in the future")


def environment_of(
    run: Run, client: Client, spec: Spec, existing: Connection | WebhookEndpoint | None
) -> Environment | None:
    """Return where it belongs, None when that was refused: what exists stays in its environment."""
    if spec.environment is None:
        return existing.environment if existing else client.environments.first()
    found: Environment | None = client.environments.filter(slug=spec.environment).first()
    if found is None:
        run.document.refuse((*spec.path, "environment"), f"{client.slug} has no environment {spec.environment}")
    elif existing is not None and existing.environment_id != found.pk:
        run.document.refuse((*spec.path, "environment"), f"{spec.slug} exists in {existing.environment.slug}")
        return None
    return found


def keep_rotation(run: Run, stored: StoredSecret, spec: Spec, path: tuple[str, ...]) -> None:
    """Rotate a stored secret as often as the file says."""
    if spec.rotate_after_days is not None and stored.rotate_after_days != spec.rotate_after_days:
        vault.describe(stored, actor=run.actor, rotate_after_days=spec.rotate_after_days)
        run.note(*path, "rotate_after_days")


def keep_age(run: Run, stored: StoredSecret, spec: Spec, path: tuple[str, ...]) -> None:
    """Note when the value of a stored secret was made, if the file knows."""
    if spec.made_on is not None and stored.current is not None and stored.current.made_on != spec.made_on:
        SecretVersion.objects.filter(pk=stored.current_id).update(made_on=spec.made_on)
        details = {"changed": ["made_on"]}
        audit.record("secret.changed", actor=run.actor, client=stored.client_id, subject=stored, details=details)
        run.note(*path, "made_on")
