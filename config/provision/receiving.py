"""A webhook endpoint of the file: made or changed, with its secret and what it hands on to."""

from __future__ import annotations

from config.provision.alike import REASON, check_age, environment_of, is_of_another_client, keep_age, keep_rotation
from config.provision.endpoint import EndpointSpec
from config.provision.run import Run
from integrations.models import WebhookEndpoint, WebhookTarget
from integrations.webhooks import making, sealing
from integrations.webhooks.making import CannotMakeEndpoint
from integrations.webhooks.targets import FRESH
from secrets_vault.errors import Unreadable, VaultError
from secrets_vault.models import Client, Environment
from secrets_vault.secret import Secret


def apply_endpoint(run: Run, client: Client, spec: EndpointSpec) -> WebhookEndpoint | None:
    """Make or change one endpoint; None when something in it was refused."""
    existing = WebhookEndpoint.objects.select_related("client", "environment", "secret__current")
    endpoint = existing.filter(slug=spec.slug).first()
    if is_of_another_client(run, client, spec, endpoint):
        return None
    check_age(run, spec)
    environment = environment_of(run, client, spec, endpoint)
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
    is_new = spec.secret is not None and making.set_secret(
        endpoint,
        spec.secret,
        actor=run.actor,
        made_on=spec.made_on,
        rotate_after_days=spec.rotate_after_days,
        reason=REASON,
    )
    if endpoint.secret is None:
        return
    path = _at(endpoint, "secret")
    keep_rotation(run, endpoint.secret, spec, path)
    if not is_new:
        keep_age(run, endpoint.secret, spec, path)
    elif not is_first:
        run.note(*path)


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
