"""The story of one rotation: start, store, try, switch, watch, revoke, prove. Each step is one commit.

A step writes what it did on the row in the transaction of the act itself, so a process that dies leaves a row that
says where it stands, and the next person goes on from there. The old one works until somebody revokes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from integrations import outbound
from integrations.connections.credential import check_values
from integrations.connections.probing import ProbeResult
from integrations.models import SecretRotation
from integrations.oauth.held import read
from integrations.oauth.keeping import provider_of
from integrations.oauth.session import Send
from integrations.providers.injection import OWN_FIELDS
from integrations.rotating.errors import NotRotated, OvertakenBySomebody, RotationError, WrongStep
from integrations.rotating.trying import NO_PROBE, REFUSED, WORKS, try_version
from integrations.status import ConnectionChanged, Status, set_status
from secrets_vault import audit, vault
from secrets_vault.actor import Actor
from secrets_vault.models import SecretVersion, StoredSecret
from secrets_vault.secret import Secret

Step = SecretRotation.Step
Kind = StoredSecret.Kind
ROTATED = (Kind.API_KEY, Kind.BEARER, Kind.BASIC, Kind.OAUTH_APP)
BY_HAND = "by_hand"  # the proof where no call can give one: a person's word


def can_rotate(stored: StoredSecret) -> bool:
    """Tell whether a guided rotation is for a secret like this."""
    return stored.kind in ROTATED and stored.current_id is not None and stored.deleted_at is None


def under_way(stored: StoredSecret) -> SecretRotation | None:
    """Return the rotation of a secret that is under way."""
    found: SecretRotation | None = SecretRotation.objects.filter(secret=stored, ended_at=None).first()
    return found


def start(stored: StoredSecret, *, actor: Actor, now: datetime, driver: str = "", reason: str = "") -> SecretRotation:
    """Begin, or return the one that is under way. Raises NotRotated."""
    if not can_rotate(stored):
        raise NotRotated(_("{label} is not rotated step by step.").format(label=stored.label))
    try:
        with transaction.atomic():
            rotation: SecretRotation = SecretRotation.objects.create(
                client=stored.client,
                secret=stored,
                connection=stored.connections.filter(kind__in=OWN_FIELDS).order_by("slug").first(),
                old_version=stored.current,
                started_at=now,
                started_by=actor.label[:160],
                driver=driver,
                reason=reason[:200],
                due_at=now if driver else None,
            )
            tell("rotation.started", rotation, actor=actor, driver=driver, reason=reason)
    except IntegrityError:
        found = under_way(stored)
        if found is None:
            raise
        return found
    return rotation


def keep_new(
    rotation: SecretRotation,
    fields: Mapping[str, Secret],
    *,
    actor: Actor,
    now: datetime,
    made_on: date | None = None,
    expires_at: datetime | None = None,
    new_at_provider: str = "",
) -> SecretVersion:
    """Store the new value beside the old one. The gateway goes on with the old. Raises BadValue, WrongStep."""
    connection = rotation.connection
    if connection is not None:
        check_values(provider_of(connection), connection.kind, fields)
    with transaction.atomic():
        row = _locked(rotation, Step.STORE)
        if vault.holds(row.secret, fields):
            raise RotationError(_("This is the value that is in use already. Make a new one at the provider first."))
        about: dict[str, Any] = {"made_on": made_on, "expires_at": expires_at, "reason": _("rotation")}
        version = vault.replace(row.secret, fields, actor=actor, pending=True, **about)
        _write(row, step=Step.PROBE, new_version=version, stored_at=now, new_at_provider=new_at_provider)
        tell("rotation.stored", row, actor=actor, version=version.number)
    _show(rotation, row)
    return version


def try_new(rotation: SecretRotation, *, actor: Actor, now: datetime, send: Send = outbound.send) -> ProbeResult:
    """Call the provider with the new value; the switch is open once that works, or where there is no such call."""
    version = new_of(rotation)
    result = try_version(rotation.connection, version, send=send)
    with transaction.atomic():
        row = _locked(rotation, Step.PROBE, Step.SWITCH)
        if result.outcome == WORKS:
            vault.mark_verified(version, actor=actor, now=now)
        is_open = result.outcome in (WORKS, NO_PROBE)
        tried = {"probed_at": now, "probe_outcome": result.outcome, "probe_status": result.status or None}
        _write(row, step=Step.SWITCH if is_open else Step.PROBE, **tried)
        tell("rotation.tried", row, actor=actor, outcome=result.outcome, status=result.status or None)
    _show(rotation, row)
    return result


def switch(rotation: SecretRotation, *, actor: Actor, now: datetime) -> None:
    """Let the gateway use the new one from the next call on. The old one stays in grace, to fall back to."""
    version = new_of(rotation)
    with transaction.atomic():
        row = _locked(rotation, Step.SWITCH)
        secret = StoredSecret.objects.select_for_update().get(pk=row.secret_id)
        if secret.current_id != row.old_version_id:
            raise OvertakenBySomebody
        vault.promote(version, actor=actor)
        _write(row, step=Step.WATCH, switched_at=now)
        tell("rotation.switched", row, actor=actor, version=version.number)
    _show(rotation, row)
    if row.connection is not None and row.probe_outcome == WORKS:
        with suppress(ConnectionChanged):  # it says something newer of itself by now
            set_status(read(row.connection.pk), Status.CONNECTED, actor=actor, now=now)


def say_revoked(rotation: SecretRotation, *, actor: Actor, now: datetime) -> None:
    """Note that the old one was revoked at the provider. From here on no call falls back to it."""
    with transaction.atomic():
        row = _locked(rotation, Step.WATCH, Step.PROVE)
        _write(row, step=Step.PROVE, revoked_at=row.revoked_at or now, revoked_by=row.revoked_by or actor.label[:160])
        tell("rotation.revoked", row, actor=actor)
    _show(rotation, row)


def prove(rotation: SecretRotation, *, actor: Actor, now: datetime, send: Send = outbound.send) -> ProbeResult:
    """Call the provider with the old one, which must be refused, beside the new one, which must work.

    Without the second call a refusal could have any other reason. Where there is no call to prove it with, the
    word of the person who revoked it stands in the evidence as what it is.
    """
    old = old_of(rotation)
    works = try_version(rotation.connection, new_of(rotation), send=send)
    result = works
    if works.outcome == WORKS:
        result = try_version(rotation.connection, old, send=send)
    proof = BY_HAND if works.outcome == NO_PROBE else result.outcome if works.outcome == WORKS else "new_fails"
    with transaction.atomic():
        row = _locked(rotation, Step.PROVE)
        _write(row, proved_at=now, proof=proof, proof_status=result.status or None)
        tell("rotation.proved", row, actor=actor, outcome=proof, status=result.status or None)
        if proof in (REFUSED, BY_HAND):
            vault.retire(old, actor=actor)
            _end(row, Step.DONE, "rotation.done", actor=actor, now=now)
    _show(rotation, row)
    return result


def give_up(rotation: SecretRotation, *, actor: Actor, now: datetime) -> None:
    """End it before the switch. The old one was in use all the time and stays."""
    with transaction.atomic():
        row = _locked(rotation, Step.STORE, Step.PROBE, Step.SWITCH)
        if row.new_version is not None and row.new_version_id != row.secret.current_id:
            vault.retire(row.new_version, actor=actor)
        _end(row, Step.GIVEN_UP, "rotation.given_up", actor=actor, now=now)
    _show(rotation, row)


def undo(rotation: SecretRotation, *, actor: Actor, now: datetime) -> None:
    """Put the old value back into use after the switch, as a new version. Only while it is known to live."""
    with transaction.atomic():
        row = _locked(rotation, Step.WATCH, Step.PROVE)
        if row.step == Step.PROVE and row.proof != WORKS:
            raise WrongStep  # for all we know the old one is dead
        new, old = new_of(row), old_of(row)
        secret = StoredSecret.objects.select_for_update().get(pk=row.secret_id)
        if secret.current_id != new.pk:
            raise OvertakenBySomebody
        vault.restore(secret, old.number, actor=actor, reason=_("rotation undone"))
        vault.retire(new, actor=actor)
        _end(row, Step.UNDONE, "rotation.undone", actor=actor, now=now)
    _show(rotation, row)


def _locked(rotation: SecretRotation, *steps: str) -> SecretRotation:
    """Return the row, locked and at one of these steps. Raises WrongStep."""
    rows = SecretRotation.objects.select_for_update(of=("self",)).select_related("secret", "old_version", "new_version")
    row: SecretRotation | None = rows.filter(pk=rotation.pk, step__in=steps, ended_at=None).first()
    if row is None:
        raise WrongStep
    return row


def _write(row: SecretRotation, **changes: Any) -> None:
    changes = {"error_code": "", "error_at": None, "tries": 0} | changes
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(update_fields=list(changes))


def _end(row: SecretRotation, step: str, action: str, *, actor: Actor, now: datetime) -> None:
    _write(row, step=step, ended_at=now, due_at=None)
    tell(action, row, actor=actor)


def new_of(rotation: SecretRotation) -> SecretVersion:
    """Return the new version. Raises WrongStep."""
    if rotation.new_version is None:
        raise WrongStep
    return rotation.new_version


def old_of(rotation: SecretRotation) -> SecretVersion:
    """Return the version that is to die. Raises WrongStep."""
    if rotation.old_version is None:
        raise WrongStep
    return rotation.old_version


def _show(rotation: SecretRotation, row: SecretRotation) -> None:
    """Bring the caller's copy up to date with the row that was written."""
    for field in SecretRotation._meta.concrete_fields:
        setattr(rotation, field.attname, getattr(row, field.attname))


def tell(action: str, rotation: SecretRotation, *, actor: Actor, **details: Any) -> None:
    """Write one step into the book, under the secret it is about."""
    kept = {name: value for name, value in details.items() if value not in ("", None)}
    audit.record(
        action,
        actor=actor,
        client=rotation.client_id,
        subject=rotation.secret,
        details={"rotation": str(rotation.pk), **kept},
    )
