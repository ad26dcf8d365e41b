"""A rotation that a driver does: by a button, or when it is due and somebody has switched that on for this secret.

Every call to the vendor is noted before it is made, so that a killed process leaves a row from which the next one
goes on: a key that was made and never came home is found there and removed. Whatever fails, the old key works on
until the new one is in use; where a vendor ends the old one in the same call, the page says so before.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from integrations import alerts, outbound
from integrations.errors import IntegrationError
from integrations.models import Connection, SecretRotation
from integrations.oauth.keeping import bound_host, provider_of
from integrations.oauth.session import Send
from integrations.providers.injection import OWN_FIELDS
from integrations.rotating import guided
from integrations.rotating.drivers import DRIVERS
from integrations.rotating.drivers.vendor import DriverFailed, Vendor
from integrations.rotating.errors import NotRotated
from integrations.rotating.trying import REFUSED, WORKS, try_version
from integrations.rotating.watching import watch
from secrets_vault import vault
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.errors import VaultError
from secrets_vault.models import SecretVersion, StoredSecret
from secrets_vault.vault import Policy

Step = SecretRotation.Step
WATCHED_FOR = timedelta(minutes=15)
CLAIMED_FOR = timedelta(minutes=10)
AGAIN = timedelta(minutes=2)
MOST_TRIES = 5
PASSING = frozenset({"unreachable", "busy", "unclear", "refused_yet", "still_works"})


def driver_of(stored: StoredSecret) -> str:
    """Return the name of the driver that can rotate this secret, empty where there is none."""
    connection = _connection_of(stored)
    if connection is None or not guided.can_rotate(stored):
        return ""
    try:
        name = provider_of(connection).rotation.driver
    except IntegrationError:
        return ""
    return name if name in DRIVERS else ""


def ends_old_at_once(driver: str) -> bool:
    """Tell whether the vendor ends the old key in the call that makes the new one."""
    return driver in DRIVERS and bool(DRIVERS[driver].ENDS_OLD_AT_ONCE)


def begin(stored: StoredSecret, *, actor: Actor, now: datetime, reason: str = "") -> SecretRotation:
    """Begin a rotation that the driver does, and let the secret be sent where the vendor manages keys.

    Raises NotRotated. `advance()` does the steps.
    """
    connection, name = _connection_of(stored), driver_of(stored)
    if connection is None or not name:
        raise NotRotated(_("No API of the provider rotates {label}.").format(label=stored.label))
    with transaction.atomic():
        rotation = guided.start(stored, actor=actor, now=now, driver=name, reason=reason)
        _let_it_go_there(connection, stored, DRIVERS[name], actor=actor)
    return rotation


def _connection_of(stored: StoredSecret) -> Connection | None:
    found: Connection | None = stored.connections.filter(kind__in=OWN_FIELDS).order_by("slug").first()
    return found


def _let_it_go_there(connection: Connection, stored: StoredSecret, driver: ModuleType, *, actor: Actor) -> None:
    provider = provider_of(connection)
    injection = getattr(driver, "INJECTION", provider.injection_for(connection.kind))
    host = bound_host(provider.rotation.api_url or provider.base_url)
    had = stored.policy or {"hosts": [], "slots": []}
    wanted = Policy(hosts=(*had["hosts"], host), slots=(*had["slots"], *injection.slots))
    if wanted.as_json() != stored.policy:
        vault.bind_policy(stored, wanted, actor=actor)


def advance(rotation: SecretRotation, *, now: datetime, actor: Actor = SYSTEM, send: Send = outbound.send) -> None:
    """Do what can be done now, step by step. Never raises: what failed stands on the row, with when it goes on."""
    if not rotation.driver or not _claim(rotation, now=now):
        return
    at, tries = rotation.step, rotation.tries
    try:
        while (step := STEPS.get(rotation.step)) is not None:
            tries = tries if rotation.step == at else 0
            wait_until = step(rotation, now=now, actor=actor, send=send)
            rotation = _read(rotation)
            if wait_until is not None:
                SecretRotation.objects.filter(pk=rotation.pk, ended_at=None).update(due_at=wait_until)
                return
    except (IntegrationError, VaultError) as failed:
        _failed(rotation, failed.code, tries=tries, now=now)


def _claim(rotation: SecretRotation, *, now: datetime) -> bool:
    """Take the rotation for ten minutes: one process at a time asks a vendor for keys."""
    mine = SecretRotation.objects.filter(pk=rotation.pk, ended_at=None, due_at__lte=now)
    return bool(mine.update(due_at=now + CLAIMED_FOR))


def _read(rotation: SecretRotation) -> SecretRotation:
    rows = SecretRotation.objects.select_related("secret", "connection", "old_version", "new_version", "client")
    found: SecretRotation = rows.get(pk=rotation.pk)
    return found


def vendor_of(rotation: SecretRotation, version: SecretVersion, *, send: Send) -> Vendor:
    """Return the vendor as one version of the secret sees it. Raises VaultError, DriverFailed."""
    connection, driver = rotation.connection, DRIVERS[rotation.driver]
    if connection is None:
        raise DriverFailed("no_connection")
    provider = provider_of(connection)
    return Vendor(
        provider=provider,
        kind=connection.kind,
        stored=rotation.secret,
        fields=vault.use(rotation.secret, actor=SYSTEM, purpose="rotation", version=version),
        mark=f"keylodge-{rotation.pk.hex[-12:]}",
        injection=getattr(driver, "INJECTION", provider.injection_for(connection.kind)),
        send=send,
    )


def _make(rotation: SecretRotation, *, now: datetime, actor: Actor, send: Send) -> None:
    """Make the new key at the vendor and store it, once: what an attempt before may have made is removed first."""
    driver, old = DRIVERS[rotation.driver], guided.old_of(rotation)
    vendor = vendor_of(rotation, old, send=send)
    try:
        old_id = driver.old_at_provider(vendor)
    except DriverFailed as failed:
        lost = rotation.making_at is not None and driver.ENDS_OLD_AT_ONCE and failed.code == "not_allowed"
        raise DriverFailed("answer_lost") if lost else failed from None
    if rotation.making_at is not None:
        driver.remove_orphans(vendor, keep=frozenset({old_id}))
    elif hasattr(driver, "check_room"):
        driver.check_room(vendor)
    SecretRotation.objects.filter(pk=rotation.pk).update(making_at=now, old_at_provider=old_id)
    made = driver.make(vendor)
    about: dict[str, Any] = {"made_on": now.date(), "expires_at": made.expires_at}
    guided.keep_new(rotation, made.fields, actor=actor, now=now, new_at_provider=made.at_provider, **about)
    if driver.ENDS_OLD_AT_ONCE:  # the old one is dead already: the gateway must not wait for a test
        SecretRotation.objects.filter(pk=rotation.pk, step=Step.PROBE).update(step=Step.SWITCH)


def _try(rotation: SecretRotation, *, now: datetime, actor: Actor, send: Send) -> None:
    """Try the new key. AWS needs some seconds until it knows one, so a refusal is asked again for a while."""
    result = guided.try_new(rotation, actor=actor, now=now, send=send)
    if result.outcome != WORKS:
        raise DriverFailed("refused_yet" if result.outcome == REFUSED else result.outcome)


def _switch(rotation: SecretRotation, *, now: datetime, actor: Actor, send: Send) -> datetime | None:
    guided.switch(rotation, actor=actor, now=now)
    return None if DRIVERS[rotation.driver].ENDS_OLD_AT_ONCE else now + WATCHED_FOR


def _watched(rotation: SecretRotation, *, now: datetime, actor: Actor, send: Send) -> datetime | None:
    """After a quarter of an hour without a refusal, end the fall-back: the old one is revoked next."""
    if DRIVERS[rotation.driver].ENDS_OLD_AT_ONCE or rotation.switched_at is None:
        guided.say_revoked(rotation, actor=actor, now=now)
        return None
    if now < rotation.switched_at + WATCHED_FOR:
        return rotation.switched_at + WATCHED_FOR
    if rotation.fall_backs or watch(rotation).refused:
        raise DriverFailed("new_one_refused")
    guided.say_revoked(rotation, actor=actor, now=now)
    return None


def _revoke(rotation: SecretRotation, *, now: datetime, actor: Actor, send: Send) -> None:
    """Revoke the old key at the vendor, unless it is dead already, and prove it."""
    old, new = guided.old_of(rotation), guided.new_of(rotation)
    if try_version(rotation.connection, old, send=send).outcome != REFUSED:
        DRIVERS[rotation.driver].revoke(vendor_of(rotation, new, send=send), rotation.old_at_provider)
    guided.prove(rotation, actor=actor, now=now, send=send)
    if rotation.step != Step.DONE:
        raise DriverFailed("still_works" if rotation.proof == WORKS else rotation.proof)


STEPS: dict[str, Callable[..., datetime | None]] = {
    Step.STORE: _make,
    Step.PROBE: _try,
    Step.SWITCH: _switch,
    Step.WATCH: _watched,
    Step.PROVE: _revoke,
}


def _failed(rotation: SecretRotation, code: str, *, tries: int, now: datetime) -> None:
    """Note why it stands still. What may pass is tried five times; then, or for anything else, people are told."""
    row, tries = _read(rotation), tries + 1
    goes_on = code in PASSING and tries < MOST_TRIES
    noted: dict[str, Any] = {"error_code": code[:60], "error_at": now, "tries": tries}
    noted["due_at"] = now + AGAIN * 2**tries if goes_on else None
    if code == "in_the_way":
        noted["making_at"] = None  # the vendor refused to make one, so there is none of ours
    with transaction.atomic():
        SecretRotation.objects.filter(pk=row.pk, ended_at=None).update(**noted)
        if not goes_on:
            _tell_that_it_stopped(row, now=now)


def _tell_that_it_stopped(rotation: SecretRotation, *, now: datetime) -> None:
    client = rotation.client
    url = alerts.page_url(f"/rotations/{rotation.pk}/")
    context: dict[str, object] = {"secret": rotation.secret, "client": client, "url": url}
    if client is not None:
        alerts.announce(client, "rotation_stopped", context, key=f"{rotation.pk}:{now.isoformat()}", now=now)


def again(rotation: SecretRotation, *, now: datetime) -> None:
    """Let a rotation that stands still go on now."""
    changed = {"due_at": now, "tries": 0, "error_code": "", "error_at": None}
    SecretRotation.objects.filter(pk=rotation.pk, ended_at=None).exclude(driver="").update(**changed)
