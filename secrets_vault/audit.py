"""The book of openings: one hash chain, written in the same transaction as the change it tells of.

    h_n = SHA-256("audit/1" ‖ 0 ‖ h_{n-1} ‖ canonical JSON of event n)      h_0 names the installation
    mac_n = HMAC-SHA-256(audit subkey, h_n)

The MAC is there because anyone with the database could recompute a plain chain. The head row has a
MAC of its own kind over number and hash, so that cutting the end off shows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from hmac import compare_digest
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from secrets_vault import keys
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.errors import AuditUnavailable
from secrets_vault.models import AuditEvent, AuditHead, AuditPerson, Client

DOMAIN = b"audit/1\0"
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_VALUE_TYPES = (str, int, bool, type(None))


@dataclass(frozen=True)
class FirstBad:
    """The first event that is not as it was written."""

    seq: int
    why: str


@dataclass(frozen=True)
class Verification:
    """What `verify()` found: `head` is the last hash in hex."""

    ok: bool
    events: int
    head: str
    first_bad: FirstBad | None = None


def record(
    action: str,
    *,
    actor: Actor,
    client: Client | UUID | None = None,
    subject: object | None = None,
    label: str = "",
    details: Mapping[str, Any] | None = None,
    ciphertext_hash: str = "",
    now: datetime | None = None,
) -> AuditEvent:
    """Add one event to the book, in the caller's transaction.

    `subject` is the model row acted on; `label` its name, when `str(subject)` is not. `details` holds ids,
    names, counts and codes only. Raises AuditUnavailable outside a transaction or when it cannot be written.
    """
    if not connection.in_atomic_block:
        raise AuditUnavailable("An event is written only in the transaction of the change that it tells of.")
    try:
        head = AuditHead.objects.select_for_update().get()
        event = AuditEvent(
            seq=head.seq + 1,
            at=now or timezone.now(),
            action=action,
            details=_clean_details(details or {}),
            ciphertext_hash=ciphertext_hash,
            **_about(subject, client=client, label=label),
            **_by(actor),
        )
        _append(event, head=head, vault=keys.unlock())
    except (DatabaseError, AuditHead.DoesNotExist) as error:
        raise AuditUnavailable("The audit trail could not be written, so nothing was done.") from error
    return event


def begin(vault: keys.Unlocked) -> None:
    """Write the first event of a new installation. Only `keys.initialise()` calls this."""
    start = sha256(DOMAIN + vault.installation_id.bytes).digest()
    head = AuditHead(seq=0, hash=start, mac=b"")
    event = AuditEvent(
        seq=1, at=timezone.now(), action="vault.made", details={"wrapping_key": vault.fingerprint}, **_by(SYSTEM)
    )
    _append(event, head=head, vault=vault)


def person_ref(value: str) -> str:
    """Return what the book writes for a person's address or e-mail, keeping the value where it can be erased."""
    if not value:
        return ""
    value = clean(value, 300)
    ref = keys.unlock().mac("audit person", value.encode())[:16].hex()
    AuditPerson.objects.get_or_create(ref=ref, defaults={"value": value})
    return ref


def clean(text: str, most_chars: int) -> str:
    """Return text as one line: control and direction characters are escaped, so that it forges no other line."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)[:most_chars]


def verify() -> Verification:
    """Read the whole book and name the first event that was edited, removed, moved or cut off.

    Others may write meanwhile: what they add is read too, until the end is where the head says.
    """
    vault = keys.unlock()
    previous = sha256(DOMAIN + vault.installation_id.bytes).digest()
    seq = 0
    while True:
        rows = AuditEvent.objects.filter(seq__gt=seq).order_by("seq")
        for event in rows.iterator(chunk_size=2000):
            why = _fault(event, previous=previous, expected_seq=seq + 1, vault=vault)
            if why:
                return Verification(False, seq, previous.hex(), FirstBad(min(event.seq, seq + 1), why))
            seq, previous = event.seq, bytes(event.hash)
        head = AuditHead.objects.first()
        if head is None or head.seq <= seq or not AuditEvent.objects.filter(seq__gt=seq).exists():
            break
    why = _fault_of_end(head, seq, previous, vault=vault)
    return Verification(not why, seq, previous.hex(), FirstBad(seq + 1, why) if why else None)


def _append(event: AuditEvent, *, head: AuditHead, vault: keys.Unlocked) -> None:
    event.hash = _hash(bytes(head.hash), event)
    event.mac = vault.mac("audit", event.hash)
    event.save(force_insert=True)
    head.seq, head.hash = event.seq, event.hash
    head.mac = _head_mac(event.seq, event.hash, vault=vault)
    head.save(force_insert=event.seq == 1)


def _head_mac(seq: int, hash_: bytes, *, vault: keys.Unlocked) -> bytes:
    return vault.mac("audit head", seq.to_bytes(8) + hash_)


def _hash(previous: bytes, event: AuditEvent) -> bytes:
    return sha256(DOMAIN + previous + canonical(event)).digest()


def canonical(event: AuditEvent) -> bytes:
    """Return an event as JSON that is the same in every process and database: sorted, ASCII, no spaces."""
    written = {
        "seq": event.seq,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "action": event.action,
        "actor_kind": event.actor_kind,
        "actor_id": event.actor_id,
        "actor_label": event.actor_label,
        "person_ref": event.person_ref,
        "client_id": str(event.client_id) if event.client_id else None,
        "object_kind": event.object_kind,
        "object_id": event.object_id,
        "object_label": event.object_label,
        "details": event.details,
        "ciphertext_hash": event.ciphertext_hash,
    }
    return json.dumps(written, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def _about(subject: Any, *, client: Client | UUID | None, label: str) -> dict[str, Any]:
    name = label or (str(subject) if subject is not None else "")
    return {
        "client_id": client.pk if isinstance(client, Client) else client,
        "object_kind": subject._meta.model_name if subject is not None else "",
        "object_id": str(subject.pk)[:64] if subject is not None else "",
        "object_label": clean(name, 160),
    }


def _by(actor: Actor) -> dict[str, str]:
    return {
        "actor_kind": actor.kind,
        "actor_id": clean(actor.id, 64),
        "actor_label": clean(actor.label, 160),
        "person_ref": person_ref(actor.ip),
    }


def _clean_details(details: Any) -> Any:
    """Return details with every text on one line. Raises TypeError for what JSON would not give back alike."""
    if isinstance(details, Mapping):
        return {clean(str(name), 100): _clean_details(value) for name, value in details.items()}
    if isinstance(details, list | tuple):
        return [_clean_details(value) for value in details]
    if isinstance(details, UUID):
        return str(details)
    if not isinstance(details, _VALUE_TYPES):
        raise TypeError(f"an event's details hold text, whole numbers and lists, not {type(details).__name__}")
    return clean(details, 500) if isinstance(details, str) else details


def _fault(event: AuditEvent, *, previous: bytes, expected_seq: int, vault: keys.Unlocked) -> str:
    """Return what is wrong with an event that should follow `previous`, or nothing."""
    if event.seq != expected_seq:
        return f"event {expected_seq} is missing"
    expected = _hash(previous, event)
    if not compare_digest(expected, bytes(event.hash)):
        return "it is not as it was written, or does not follow the event before it"
    if not compare_digest(vault.mac("audit", expected), bytes(event.mac)):
        return "it was written by somebody without the root key"
    return ""


def _fault_of_end(head: AuditHead | None, seq: int, last: bytes, *, vault: keys.Unlocked) -> str:
    if head is None:
        return "the end of the book is missing"
    if not compare_digest(_head_mac(head.seq, bytes(head.hash), vault=vault), bytes(head.mac)):
        return "the end of the book was changed by somebody without the root key"
    if head.seq != seq or not compare_digest(bytes(head.hash), last):
        return f"the book ends at event {seq} and should end at {head.seq}"
    return ""


def is_writable() -> bool:
    """Tell whether an event could be written now, without writing one. For `doctor`."""
    try:
        with transaction.atomic():
            return AuditHead.objects.select_for_update().exists()
    except DatabaseError:
        return False
