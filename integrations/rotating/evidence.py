"""The evidence of one rotation, as plain data: ids, names, times, statuses and fingerprints, never a value."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from integrations.models import SecretRotation
from integrations.rotating.watching import watch
from secrets_vault import certificates
from secrets_vault.models import AuditEvent, SecretField, SecretVersion

TYPE = "keylodge/rotation-evidence/1"


def evidence_of(rotation: SecretRotation) -> dict[str, Any]:
    """Return everything that is known of a rotation, in the order in which it happened."""
    stored, watched = rotation.secret, watch(rotation)
    return {
        "rotation": str(rotation.pk),
        "client": stored.client.name if stored.client else "",
        "environment": stored.environment.slug if stored.environment else "",
        "secret": stored.label,
        "secret_id": str(stored.pk),
        "provider": stored.provider_key,
        "step": rotation.step,
        "driver": rotation.driver,
        "reason": rotation.reason,
        "started": _by(rotation.started_at, rotation.started_by),
        "old": _version(rotation.old_version, at_provider=rotation.old_at_provider),
        "new": _version(rotation.new_version, at_provider=rotation.new_at_provider),
        "tried": _call(rotation.probed_at, rotation.probe_outcome, rotation.probe_status),
        "switched_at": _time(rotation.switched_at),
        "calls_with_the_new_one": watched.calls,
        "failed_with_the_new_one": watched.failed,
        "fell_back": rotation.fall_backs,
        "revoked": _by(rotation.revoked_at, rotation.revoked_by),
        "proof": _call(rotation.proved_at, rotation.proof, rotation.proof_status),
        "ended_at": _time(rotation.ended_at),
        "events": [_event(event) for event in events_of(rotation)],
    }


def signed_evidence_of(rotation: SecretRotation) -> dict[str, Any]:
    """Return the evidence as a file for somebody else: with what it is, the key that signed it, and the signature."""
    found = {"type": TYPE, "key": certificates.key_named()} | evidence_of(rotation)
    return {"evidence": found, "signature": certificates.sign(found)}


def events_of(rotation: SecretRotation) -> list[AuditEvent]:
    """Return what the book says of it, oldest first."""
    about = AuditEvent.objects.filter(object_id=str(rotation.secret_id), action__startswith="rotation.")
    return list(about.filter(details__rotation=str(rotation.pk)).order_by("seq")[:500])


def _version(version: SecretVersion | None, *, at_provider: str) -> dict[str, Any] | None:
    if version is None:
        return None
    prints = SecretField.objects.filter(version=version, fingerprint__isnull=False)
    return {
        "version": version.number,
        "state": version.state,
        "made_on": version.made_on.isoformat() if version.made_on else None,
        "id_at_provider": at_provider,
        "fingerprints": {row.name: bytes(row.fingerprint or b"").hex() for row in prints},
    }


def _by(at: datetime | None, who: str) -> dict[str, str | None]:
    return {"at": _time(at), "by": who}


def _call(at: datetime | None, outcome: str, status: int | None) -> dict[str, Any]:
    return {"at": _time(at), "outcome": outcome, "status": status}


def _event(event: AuditEvent) -> dict[str, Any]:
    details = {name: value for name, value in event.details.items() if name != "rotation"}
    return {
        "at": _time(event.at),
        "action": event.action,
        "by": event.actor_label,
        "details": details,
        "seq": event.seq,
        "hash": bytes(event.hash).hex(),
    }


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
