"""What the certificate of an off-boarding says. Everything in it was done or looked at; what was not is said, too."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from integrations.handover.state import state_of
from integrations.models import Handover, Offboarding
from secrets_vault import certificates, keys, shredding
from secrets_vault.models import AuditEvent, Client, KeyTerm, User

TYPE = "keylodge/offboarding-certificate/1"
MOST_LINKS = 500
BACKUPS = (
    "Destroying the keys reaches this installation only. A backup made before the time of destruction holds the same "
    "keys, wrapped by the installation's wrapping key, beside the values they open. It stays readable for whoever has "
    "that backup and that wrapping key, until the backup is deleted."
)


def statement_of(offboarding: Offboarding, *, now: datetime) -> dict[str, Any]:
    """Return the statement to sign."""
    client, event = offboarding.client, shredding.event_of(offboarding.client)
    kept = offboarding.certificate or {}
    return {
        "type": TYPE,
        "installation": str(keys.unlock().installation_id),
        "agency": agency_name(),
        "client": {"id": str(client.pk), "name": client.name, "slug": client.slug},
        "begun": {"at": _time(offboarding.begun_at), "by": offboarding.begun_by_name},
        "ended": [_item(item) for item in offboarding.items.all()],
        "handed_over": kept.get("handed_over", []),
        "exported_at": _time(offboarding.exported_at),
        "destroyed": {
            "at": _time(offboarding.shredded_at),
            "asked_at": _time(offboarding.shred_asked_at),
            "by": offboarding.shred_by_name,
            "how": "The client's AES-256 keyring terms were overwritten and its rows deleted; verified afterwards.",
            "key_terms": sorted(str(pk) for pk in KeyTerm.objects.filter(client=client).values_list("pk", flat=True)),
            "verified_at": _time(now),
        },
        "backups": {"newest_before": _newest_backup(offboarding), "note": BACKUPS},
        "audit": {"seq": event.seq, "hash": bytes(event.hash).hex()} if event is not None else None,
        "signed_at": _time(now),
        "key": certificates.key_named(),
    }


def agency_name() -> str:
    """Return who certifies: the owner's name."""
    owner = User.objects.filter(is_owner=True, is_active=True).order_by("pk").first()
    return owner.name if owner is not None else "Keylodge"


def handed_over(client: Client) -> list[dict[str, Any]]:
    """Return what was handed out by one-time links and what became of each, before their rows go."""
    now = timezone.now()
    rows = Handover.objects.filter(client=client).defer("sealed")[:MOST_LINKS]
    return [{"what": row.label, "state": state_of(row, now=now), "read_at": _time(row.read_at)} for row in rows]


def _item(item: Any) -> dict[str, Any]:
    return {
        "kind": item.kind,
        "what": item.label,
        "provider": item.provider,
        "outcome": item.outcome,
        "code": item.code,
        "at": _time(item.at),
        "fingerprints": item.fingerprints,
    }


def _newest_backup(offboarding: Offboarding) -> str | None:
    made = AuditEvent.objects.filter(action="backup.made", at__lte=offboarding.shredded_at)
    newest = made.values_list("at", flat=True).first()
    return _time(newest)


def _time(at: datetime | None) -> str | None:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at is not None else None
