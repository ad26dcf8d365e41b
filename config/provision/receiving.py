"""A webhook endpoint of the file: made or changed, with its secret and what it hands on to."""

from __future__ import annotations

from datetime import timedelta

from config.provision.endpoint import EndpointSpec
from config.provision.run import Run
from integrations.models import WebhookEndpoint, WebhookTarget
from integrations.webhooks import making, sealing
from integrations.webhooks.making import CannotMakeEndpoint
from integrations.webhooks.targets import FRESH
from secrets_vault import audit, vault
from secrets_vault.errors import Unreadable, VaultError
from secrets_vault.models import Client, Environment, SecretVersion, StoredSecret
from secrets_vault.secret import Secret

REASON = "provisioned from a file"


def apply_endpoint(run: Run, client: Client, spec: EndpointSpec) -> WebhookEndpoint | None:
    """Make or change one endpoint; None when something in it was refused."""
    existing = WebhookEndpoint.objects.select_related("client", "environment", "secret__current")
    endpoint = existing.filter(slug=spec.slug).first()
    if endpoint is not None and endpoint.client_id != client.pk:
        run.document.refuse((*spec.path, "slug"), f"{spec.slug} is taken in this installation")
        return None
    if spec.made_on is not None and spec.made_on > run.now.date() + timedelta(days=1):  # a day: the sun rises elsewhere
        run.document.refuse((*spec.path, "made_on"), "lies in the future")
    environment = _environment(run, client, spec, endpoint)
    if environment is None:
        return None
    try:
        endpoint = _made(run, client, environment, spec) if endpoint is None else _changed(run, endpoint, spec)
        _apply_secret(run, endpoint, spec)
        _apply_targets(run, endpoint, spec)
    except CannotMakeEndpoint as refused:
        run.document.refuse((*spec.path, *refused.field.split(".")), str(refused))
        return None
    except VaultError as refused:
        run.document.refuse((*spec.path, "secret"), str(refused))
        return None
    return endpoint


def _environment(run: Run, client: Client, spec: EndpointSpec, existing: WebhookEndpoint | None) -> Environment | None:
    if spec.environment is None:
        return existing.environment if existing else client.environments.first()
    found: Environment | None = client.environments.filter(slug=spec.environment).first()
    if found is None:
        run.document.refuse((*spec.path, "environment"), f"{client.slug} has no environment {spec.environment}")
    elif existing is not None and existing.environment_id != found.pk:
        run.document.refuse((*spec.path, "environment"), f"{spec.slug} exists in {existing.environment.slug}")
        return None
    return found


def _made(run: Run, client: Client, environment: Environment, spec: EndpointSpec) -> WebhookEndpoint:
    scheme = making.check_scheme(spec.scheme, spec.custom)
    if spec.secret is None and scheme is not None and not scheme.may_begin_without_secret:
        run.document.refuse((*spec.path, "secret"), "is missing")
    about = {"slug": spec.slug, "scheme_key": spec.scheme, "custom": spec.custom, **spec.columns}
    made = making.create_endpoint(client, environment, actor=run.actor, now=run.now, **about)
    run.note(client.slug, "webhook_endpoints", spec.slug)
    return made


def _changed(run: Run, endpoint: WebhookEndpoint, spec: EndpointSpec) -> WebhookEndpoint:
    columns = {"scheme_key": spec.scheme, "custom": spec.custom, **spec.columns}
    if not endpoint.is_verified_required:  # a file names a scheme, and a scheme verifies
        columns["is_verified_required"] = True
    names = making.change_endpoint(endpoint, actor=run.actor, **columns)
    for name in names:
        run.note(*_at(endpoint, {"scheme_key": "scheme"}.get(name, name)))
    return endpoint


def _apply_secret(run: Run, endpoint: WebhookEndpoint, spec: EndpointSpec) -> None:
    is_first = endpoint.secret is None
    if spec.secret is not None and _set(run, endpoint, spec, spec.secret):
        if not is_first:
            run.note(*_at(endpoint, "secret"))
        return
    if endpoint.secret is not None:
        _describe(run, endpoint, endpoint.secret, spec)


def _set(run: Run, endpoint: WebhookEndpoint, spec: EndpointSpec, secret: Secret) -> bool:
    return making.set_secret(
        endpoint,
        secret,
        actor=run.actor,
        made_on=spec.made_on,
        rotate_after_days=spec.rotate_after_days,
        reason=REASON,
    )


def _describe(run: Run, endpoint: WebhookEndpoint, stored: StoredSecret, spec: EndpointSpec) -> None:
    """Bring what is known of an unchanged secret up to what the file says."""
    if spec.rotate_after_days is not None and stored.rotate_after_days != spec.rotate_after_days:
        vault.describe(stored, actor=run.actor, rotate_after_days=spec.rotate_after_days)
        run.note(*_at(endpoint, "secret", "rotate_after_days"))
    if spec.made_on is not None and stored.current is not None and stored.current.made_on != spec.made_on:
        SecretVersion.objects.filter(pk=stored.current_id).update(made_on=spec.made_on)
        details = {"changed": ["made_on"]}
        audit.record("secret.changed", actor=run.actor, client=stored.client_id, subject=stored, details=details)
        run.note(*_at(endpoint, "secret", "made_on"))


def _apply_targets(run: Run, endpoint: WebhookEndpoint, spec: EndpointSpec) -> None:
    """Make the targets those of the list. Where one address takes another's place, what waits goes to the new one."""
    if spec.forward_to is None:
        return
    known = [(target, _url(target, endpoint)) for target in endpoint.targets.select_related("signing_secret")]
    gone = [target for target, url in known if url not in spec.forward_to]
    new = [url for url in spec.forward_to if url not in [known_url for _, known_url in known]]
    moved = min(len(gone), len(new))
    for target, url in zip(gone[:moved], new[:moved], strict=True):
        target.endpoint = endpoint
        making.move_target(target, url, actor=run.actor)
        WebhookTarget.objects.filter(pk=target.pk).update(**FRESH)
    for url in new[moved:]:
        making.add_target(endpoint, url, actor=run.actor, now=run.now)
    for target in gone[moved:]:
        target.endpoint = endpoint
        making.remove_target(target, actor=run.actor)
    if gone or new:
        run.note(*_at(endpoint, "forward_to"))


def _url(target: WebhookTarget, endpoint: WebhookEndpoint) -> Secret | None:
    try:
        return sealing.open_url(target, client=endpoint.client)
    except Unreadable:
        return None


def _at(endpoint: WebhookEndpoint, *rest: str) -> tuple[str, ...]:
    return (endpoint.client.slug, "webhook_endpoints", endpoint.slug, *rest)
