"""A connection of the file: its provider, its credential or OAuth app, what it may be sent to."""

from __future__ import annotations

from config.provision.alike import REASON, check_age, environment_of, is_of_another_client, keep_age, keep_rotation
from config.provision.fields import are_its_fields
from config.provision.granting import apply_grant
from config.provision.reading import CUSTOM, AppSpec, ConnectionSpec
from config.provision.run import Run
from integrations.connections.making import is_of_the_sandbox
from integrations.models import Connection, OAuthApp
from integrations.oauth.app import mend
from integrations.oauth.keeping import app_policy
from integrations.providers.described import describe
from integrations.providers.loading import CUSTOM_PREFIX
from integrations.providers.parts import TOKEN_KINDS
from integrations.providers.reading import BadFacts
from integrations.providers.registry import ProviderNotFound, get_provider
from integrations.providers.shape import BadVariable, KindNotOffered, Provider
from integrations.providers.versions import pinned
from integrations.status import swap
from secrets_vault import audit, vault
from secrets_vault.errors import Unreadable, VaultError
from secrets_vault.models import Client, Environment, StoredSecret
from secrets_vault.secret import Secret
from secrets_vault.vault import Policy

Status = Connection.Status


def apply_connection(run: Run, client: Client, spec: ConnectionSpec) -> Connection | None:
    """Make or change one connection; None when something in it was refused."""
    existing = (
        Connection.objects.select_related("secret__current", "oauth_app__secret", "grant_secret__current")
        .filter(slug=spec.slug)
        .first()
    )
    if is_of_another_client(run, client, spec, existing):
        return None
    check_age(run, spec)
    provider = _provider(run, client, spec)
    environment = environment_of(run, client, spec, existing)
    if provider is None or environment is None or not _is_same_kind(run, spec, provider, existing):
        return None
    rendered = _rendered(run, spec, provider, existing)
    if rendered is None:
        return None
    connection = existing or _make(run, client, spec, provider_key=provider.key, environment=environment)
    _set_variables(run, connection, spec)
    if spec.kind in TOKEN_KINDS:
        if spec.kind not in Connection.KEEPER_KINDS or spec.app is not None:
            _apply_app(run, connection, spec, rendered)
        apply_grant(run, connection, spec)
    else:
        _apply_credential(run, connection, spec, rendered)
    return connection


def _provider(run: Run, client: Client, spec: ConnectionSpec) -> Provider | None:
    try:
        provider = _custom(run, client, spec) if spec.provider == CUSTOM else get_provider(spec.provider)
        provider.injection_for(spec.kind)
    except ProviderNotFound:
        run.document.refuse((*spec.path, "provider"), f"there is no provider {spec.provider}")
    except BadFacts as error:
        run.document.refuse((*spec.path, "custom", error.field), error.reason)
    except KindNotOffered as error:
        run.document.refuse((*spec.path, "kind"), str(error))
    else:
        return provider
    return None


def _custom(run: Run, client: Client, spec: ConnectionSpec) -> Provider:
    """Keep the described provider as a row of its own, one for each connection."""
    row, is_changed = describe(
        spec.custom or {},
        actor=run.actor,
        key=f"{CUSTOM_PREFIX}{spec.slug}",
        name=spec.slug,
        client=client,
        today=run.now.date(),
    )
    if is_changed and Connection.objects.filter(slug=spec.slug).exists():
        run.note(client.slug, "connections", spec.slug, "custom")
    return Provider.from_facts(row.facts, where="custom")


def _is_same_kind(run: Run, spec: ConnectionSpec, provider: Provider, existing: Connection | None) -> bool:
    """Refuse a file that would turn a connection into another one under the same slug."""
    if existing is None:
        return True
    if existing.provider_key != provider.key:
        run.document.refuse((*spec.path, "provider"), f"{spec.slug} exists with provider {existing.provider_key}")
        return False
    if existing.kind != spec.kind:
        run.document.refuse((*spec.path, "kind"), f"{spec.slug} exists with kind {existing.kind}")
        return False
    return True


def _rendered(run: Run, spec: ConnectionSpec, provider: Provider, existing: Connection | None) -> Provider | None:
    known = existing.variables if existing else {}
    provider = provider.of_kind(spec.kind)
    listed = {variable.name for variable in provider.variables}
    for name in (spec.variables or {}).keys() - listed:
        run.document.refuse((*spec.path, "variables", name), f"{provider.name} has no such variable")
    try:
        return provider.render({**known, **(spec.variables or {})})
    except BadVariable as error:
        run.document.refuse((*spec.path, "variables"), str(error))
        return None


def _make(run: Run, client: Client, spec: ConnectionSpec, *, provider_key: str, environment: Environment) -> Connection:
    made = Connection.objects.create(
        slug=spec.slug,
        client=client,
        environment=environment,
        provider_key=provider_key,
        kind=spec.kind,
        variables=pinned(get_provider(provider_key)),
        status_since=run.now,
        is_sandbox=client.is_sandbox or is_of_the_sandbox(provider_key),
    )
    details = {"provider": provider_key, "kind": spec.kind}
    audit.record("connection.created", actor=run.actor, client=client, subject=made, label=made.slug, details=details)
    run.note(client.slug, "connections", spec.slug)
    return made


def _set_variables(run: Run, connection: Connection, spec: ConnectionSpec) -> None:
    wanted = {**connection.variables, **(spec.variables or {})}
    if wanted != connection.variables:
        swap(connection, variables=wanted)
        run.note(connection.client.slug, "connections", spec.slug, "variables")


def _apply_credential(run: Run, connection: Connection, spec: ConnectionSpec, provider: Provider) -> None:
    policy = Policy(hosts=provider.allowed_hosts, slots=provider.injection_for(spec.kind).slots)
    if not are_its_fields(run, spec, provider):
        return
    if connection.secret is None:
        if not spec.fields:
            run.document.refuse((*spec.path, "secret"), "is missing")
            return
        stored = _store(run, connection, spec, policy, kind=spec.kind, fields=spec.fields, label=spec.slug)
        swap(connection, secret=stored, status=Status.UNTESTED, status_since=run.now)
        return
    if _renew(run, connection.secret, spec, fields=spec.fields, policy=policy, path=_at(connection, "secret")):
        _untested(run, connection)


def _apply_app(run: Run, connection: Connection, spec: ConnectionSpec, provider: Provider) -> None:
    """Give the connection its OAuth app, and keep what the provider gave us for it."""
    wanted = spec.app
    if wanted is None:
        if connection.oauth_app is None:
            run.document.refuse((*spec.path, "oauth_app"), "is missing; or name an agency app with app")
        return
    app = (
        _named_app(run, connection, spec, wanted) if wanted.name else _own_app(run, connection, spec, wanted, provider)
    )
    if app is None:
        return
    asked = [*wanted.scopes, *wanted.optional_scopes] if wanted.name else []
    if connection.oauth_app_id != app.pk or (asked and connection.requested_scopes != asked):
        is_new = connection.oauth_app_id is None
        swap(connection, oauth_app=app, requested_scopes=asked or connection.requested_scopes)
        if not is_new:
            run.note(*_at(connection, "oauth_app"))


def _named_app(run: Run, connection: Connection, spec: ConnectionSpec, wanted: AppSpec) -> OAuthApp | None:
    app: OAuthApp | None = OAuthApp.objects.filter(name=wanted.name).first()
    if app is None or app.for_client_id not in (None, connection.client_id):
        run.document.refuse((*spec.path, "app"), f"there is no OAuth app named {wanted.name}")
        return None
    if app.provider_key != connection.provider_key:
        run.document.refuse((*spec.path, "app"), f"{wanted.name} is an app of {app.provider_key}")
        return None
    return app


def _own_app(
    run: Run, connection: Connection, spec: ConnectionSpec, wanted: AppSpec, provider: Provider
) -> OAuthApp | None:
    """Make or change the app that this connection alone uses: it belongs to the client."""
    about = {
        "client_id": wanted.client_id,
        "required_scopes": list(wanted.scopes),
        "optional_scopes": list(wanted.optional_scopes),
    }
    app = OAuthApp.objects.select_related("secret__current").filter(name=spec.slug).first()
    if app is None:
        app = OAuthApp.objects.create(
            name=spec.slug, provider_key=connection.provider_key, for_client=connection.client, **about
        )
        audit.record("oauth_app.made", actor=run.actor, client=connection.client, subject=app, label=app.name)
    elif app.for_client_id != connection.client_id or app.provider_key != connection.provider_key:
        run.document.refuse((*spec.path, "oauth_app"), f"an OAuth app of another kind is already named {spec.slug}")
        return None
    elif changed := [name for name, value in about.items() if getattr(app, name) != value]:
        OAuthApp.objects.filter(pk=app.pk).update(**{name: about[name] for name in changed})
        app.refresh_from_db()
        mend(app, actor=run.actor, now=run.now)
        run.note(*_at(connection, "oauth_app"))
    _apply_app_secret(run, connection, spec, app, wanted, provider)
    return app


def _apply_app_secret(
    run: Run, connection: Connection, spec: ConnectionSpec, app: OAuthApp, wanted: AppSpec, provider: Provider
) -> None:
    fields = {"client_secret": wanted.client_secret} if wanted.client_secret else {}
    if app.secret is not None:
        path = _at(connection, "oauth_app", "client_secret")
        if _renew(run, app.secret, spec, fields=fields, policy=app_policy(provider), path=path):
            mend(app, actor=run.actor, now=run.now)
    elif fields:
        policy = app_policy(provider)
        app.secret = _store(run, connection, spec, policy, kind="oauth_app", fields=fields, label=app.name)
        app.save(update_fields=["secret"])


def _store(
    run: Run,
    connection: Connection,
    spec: ConnectionSpec,
    policy: Policy,
    *,
    kind: str,
    fields: dict[str, Secret],
    label: str,
) -> StoredSecret:
    is_app = kind == StoredSecret.Kind.OAUTH_APP
    return vault.store(
        actor=run.actor,
        client=connection.client,
        environment=None if is_app else connection.environment,
        kind=kind,
        label=label,
        fields=fields,
        provider_key=connection.provider_key,
        made_on=spec.made_on,
        policy=policy,
        rotate_after_days=spec.rotate_after_days,
        reason=REASON,
    )


def _renew(
    run: Run,
    stored: StoredSecret,
    spec: ConnectionSpec,
    *,
    fields: dict[str, Secret],
    policy: Policy,
    path: tuple[str, ...],
) -> bool:
    """Bring a stored secret up to what the file says; True when its value is a new one."""
    if stored.policy != policy.as_json():
        vault.bind_policy(stored, policy, actor=run.actor)
    keep_rotation(run, stored, spec, path)
    is_new = bool(fields) and not _holds(stored, fields)
    if is_new:
        try:
            vault.replace(stored, fields, actor=run.actor, made_on=spec.made_on, reason=REASON)
        except VaultError as error:
            run.document.refuse((*spec.path, "secret"), str(error))
        run.note(*path)
    else:
        keep_age(run, stored, spec, path)
    return is_new


def _holds(stored: StoredSecret, fields: dict[str, Secret]) -> bool:
    try:
        return vault.holds(stored, fields)
    except Unreadable:
        return False


def _untested(run: Run, connection: Connection) -> None:
    """A new value has not been tried yet. A paused connection stays paused."""
    if connection.status == Status.PAUSED:
        swap(connection, status_before_pause=Status.UNTESTED)
    else:
        swap(connection, status=Status.UNTESTED, status_code="", status_since=run.now)


def _at(connection: Connection, *rest: str) -> tuple[str, ...]:
    return (connection.client.slug, "connections", connection.slug, *rest)
