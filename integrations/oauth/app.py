"""The OAuth app: the agency's (or a client's) registration at a provider, and what happens when it is wrong."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from integrations import alerts
from integrations.models import Connection, OAuthApp
from integrations.oauth.errors import CannotStart
from integrations.oauth.keeping import app_policy
from integrations.oauth.key_names import check_names
from integrations.oauth.private_keys import read_app_key, tidy
from integrations.providers.parts import TOKEN_KINDS
from integrations.providers.registry import get_provider
from integrations.status import Status, record, swap
from secrets_vault import audit, generation, vault
from secrets_vault.actor import Actor
from secrets_vault.models import Client, StoredSecret
from secrets_vault.secret import Secret

APP_BROKEN = "oauth_app_broken"
MAY_BE_EMPTY = ["secret", "required_scopes", "optional_scopes"]


def make_app(
    name: str,
    provider_key: str,
    *,
    client_id: str,
    client_secret: Secret | None,
    actor: Actor,
    private_key: Secret | None = None,
    made_on: date | None = None,
    for_client: Client | None = None,
    required_scopes: list[str] | None = None,
    optional_scopes: list[str] | None = None,
) -> OAuthApp:
    """Register what the provider gave us. The secret half goes into the agency's (or the client's) keyring.

    With `private_key` the app signs instead of showing a client secret (RFC 7523 section 2.2). `made_on` is when the
    provider made either, None for "not known".
    """
    with transaction.atomic():
        app = OAuthApp(
            name=name,
            provider_key=provider_key,
            for_client=for_client,
            client_id=client_id.strip(),
            required_scopes=required_scopes or [],
            optional_scopes=optional_scopes or [],
        )
        if fields := _proof(client_secret, private_key):
            app.secret = _store_secret(app, fields, actor=actor, made_on=made_on)
        app.full_clean(exclude=MAY_BE_EMPTY)
        app.save()
        _record("oauth_app.made", app, actor=actor)
    return app


def _proof(client_secret: Secret | None, private_key: Secret | None) -> dict[str, Secret]:
    """Return what the app proves itself with. Raises BadPrivateKey for a key that cannot sign."""
    if private_key is not None:
        text = tidy(private_key.expose())
        check_names(text, read_app_key(private_key), now=timezone.now())
        return {"private_key": Secret(tidy(private_key.expose()))}
    return {"client_secret": client_secret} if client_secret is not None else {}


def _store_secret(app: OAuthApp, fields: dict[str, Secret], *, actor: Actor, made_on: date | None) -> StoredSecret:
    return vault.store(
        actor=actor,
        client=app.for_client,
        environment=None,
        kind="oauth_app",
        label=app.name,
        fields=fields,
        provider_key=app.provider_key,
        made_on=made_on,
        policy=app_policy(get_provider(app.provider_key)),
    )


def usable_apps(provider_key: str, client: Client) -> list[OAuthApp]:
    """Return the apps that a connection of this client can use: its own first, then the agency's."""
    rows = OAuthApp.objects.filter(Q(for_client=client) | Q(for_client=None), provider_key=provider_key)
    return list(rows.order_by(F("for_client").asc(nulls_last=True), "name"))


def choose_app(connection: Connection, app: OAuthApp, *, actor: Actor) -> None:
    """Give a connection that has no app one of those it can use. Raises CannotStart, ConnectionChanged."""
    if connection.oauth_app_id is not None or app not in usable_apps(connection.provider_key, connection.client):
        raise CannotStart("no_oauth_app")
    with transaction.atomic():
        swap(connection, oauth_app=app)
        record(connection, "connection.app_chosen", actor=actor, app=app.name)


def change_app(
    app: OAuthApp,
    *,
    name: str,
    client_id: str,
    required_scopes: list[str],
    optional_scopes: list[str],
    actor: Actor,
    now: datetime,
) -> None:
    """Correct a registration, and let its connections try again. Provider and client stay as they are."""
    with transaction.atomic():
        app.name, app.client_id = name, client_id.strip()
        app.required_scopes, app.optional_scopes = required_scopes, optional_scopes
        app.full_clean(exclude=MAY_BE_EMPTY)
        app.save(update_fields=["name", "client_id", "required_scopes", "optional_scopes"])
        _record("oauth_app.changed", app, actor=actor)
        generation.bump()
        mend(app, actor=actor, now=now)


def replace_client_secret(
    app: OAuthApp,
    client_secret: Secret | None,
    *,
    actor: Actor,
    now: datetime,
    made_on: date | None = None,
    private_key: Secret | None = None,
) -> None:
    """Store a new client secret, or a new private key, and let the app's connections try again."""
    fields = _proof(client_secret, private_key)
    if app.secret is None:
        app.secret = _store_secret(app, fields, actor=actor, made_on=made_on)
        app.save(update_fields=["secret"])
    else:
        vault.replace(app.secret, fields, actor=actor, made_on=made_on)
    mend(app, actor=actor, now=now)


def mark_broken(app_id: UUID | None, code: str, *, actor: Actor, now: datetime) -> bool:
    """Say once that the provider refuses the app itself; all its connections say so. True for whoever was first."""
    with transaction.atomic():
        if OAuthApp.objects.filter(pk=app_id, is_broken=False).update(is_broken=True, broken_code=code) != 1:
            return False
        app = OAuthApp.objects.select_related("for_client").get(pk=app_id)
        same = Connection.objects.filter(oauth_app=app, status__in=[Status.CONNECTED, Status.UNTESTED])
        same.update(status=Status.FAILING, status_code=APP_BROKEN, status_since=now, version=F("version") + 1)
        _record("oauth_app.broken", app, actor=actor, code=code)
        alerts.oauth_app(app, "oauth_app_broken", now=now)
        generation.bump()
    return True


def proven(app: OAuthApp | None, *, actor: Actor, now: datetime) -> None:
    """Note that the provider accepts the app again, and say so once: a correction alone proves nothing.

    After a correction `broken_code` stays, until a token request of the app has been answered.
    """
    if app is None or not app.broken_code:
        return
    with transaction.atomic():
        if OAuthApp.objects.filter(pk=app.pk).exclude(broken_code="").update(is_broken=False, broken_code="") != 1:
            return
        _record("oauth_app.works", app, actor=actor)
        alerts.oauth_app(app, "oauth_app_works", now=now)
    app.is_broken, app.broken_code = False, ""


def mend(app: OAuthApp, *, actor: Actor, now: datetime) -> None:
    """Let the app's connections try again after a change, at once. Whether it helped, `proven` says."""
    with transaction.atomic():
        if OAuthApp.objects.filter(pk=app.pk, is_broken=True).update(is_broken=False) != 1:
            return
        same = Connection.objects.filter(oauth_app=app, kind__in=TOKEN_KINDS).exclude(secret=None)
        same.exclude(status=Status.NEEDS_RECONNECTING).update(refresh_due_at=now, refresh_failures=0)
        same.filter(status=Status.FAILING, status_code=APP_BROKEN).update(
            status=Status.CONNECTED, status_code="", status_since=now, version=F("version") + 1
        )
        _record("oauth_app.mended", app, actor=actor)
        generation.bump()
    app.is_broken = False


def _record(action: str, app: OAuthApp, *, actor: Actor, code: str = "") -> None:
    details = {"provider": app.provider_key} | ({"code": code} if code else {})
    audit.record(action, actor=actor, client=app.for_client, subject=app, label=app.name, details=details)
