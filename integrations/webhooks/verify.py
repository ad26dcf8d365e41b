"""Tell whether a request comes from who knows the secret. Pure: no database, no network, no clock of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from integrations.webhooks.event import event_id, event_type, fitting
from integrations.webhooks.freshness import check_fresh, read_time
from integrations.webhooks.handshakes import check_not_signed_by_us, signed_handshake, unsigned_handshake
from integrations.webhooks.places import place, required, text
from integrations.webhooks.proofs import prove
from integrations.webhooks.request import WebhookRequest
from integrations.webhooks.schemes.proven import NO_KEYS, Case, KeySource, Proven
from integrations.webhooks.schemes.shape import Scheme
from integrations.webhooks.verdicts import Handshake, Refused, Verified
from secrets_vault.secret import Secret

__all__ = ["Handshake", "Refused", "Verified", "verdict_of", "verify"]


def verify(
    request: WebhookRequest,
    scheme: Scheme,
    secrets: Sequence[Secret],
    *,
    now: datetime,
    keys: KeySource = NO_KEYS,
) -> Verified | Handshake:
    """Return what the request proves. Raises Refused, and nothing else, for whatever a stranger may send.

    `secrets` are the current one and, while it rolls, the one before; `now` is aware. `keys` are the
    published keys of schemes whose `needs_published_keys` is set: fetching them is another's work.
    """
    case = Case(request, scheme, secrets, now, keys)
    check_line(request)
    if greeting := unsigned_handshake(case):
        return greeting
    _check_header_rules(case)
    check_not_signed_by_us(case)
    proven = prove(case)
    signed_at = _signed_at(case, proven)
    found_id = event_id(case) or (fitting(proven.event_id) if proven.event_id else None)
    if greeting := signed_handshake(case, proven):
        return greeting
    return Verified(
        event_id=found_id,
        is_id_signed=scheme.is_id_signed and found_id is not None,
        signed_at=signed_at,
        replay_digest=replay_digest(proven),
        event_type=event_type(case),
        secret_number=proven.secret_number,
        is_put_together=proven.is_put_together,
    )


def verdict_of(
    request: WebhookRequest,
    scheme: Scheme,
    secrets: Sequence[Secret],
    *,
    now: datetime,
    keys: KeySource = NO_KEYS,
) -> tuple[str, str, str]:
    """Return verdict (valid, invalid or handshake), reason and a sentence, to be told to a person."""
    try:
        said = verify(request, scheme, secrets, now=now, keys=keys)
    except Refused as refusal:
        return "invalid", refusal.reason, refusal.why
    if isinstance(said, Handshake):
        return "handshake", "handshake", "It is the sender's question whether the address is yours."
    return "valid", "ok", "The signature is right, and fresh where a time is signed."


def replay_digest(proven: Proven) -> bytes:
    """Return 32 bytes that a copy of the request has too: SHA-256 over what is signed.

    Not over the signature: of several that came with it, whoever caught it may send the copy with another one.
    """
    return hashlib.sha256(proven.content).digest()


def check_line(request: WebhookRequest) -> None:
    """Raise Refused where the method or the address cannot be written as bytes."""
    if not (request.method.isascii() and request.method.isprintable()):
        raise Refused("malformed", "The method is none.")
    try:
        request.url.encode()
    except UnicodeEncodeError:
        raise Refused("wrong_url", "The URL holds half a character.") from None


def _check_header_rules(case: Case) -> None:
    for rule in case.scheme.header_rules:
        value = text(case.request, place(f"header:{rule.name}"))
        if value is not None and value != rule.value:
            raise Refused("malformed", f"The header {rule.name} names another version than {rule.value}.")


def _signed_at(case: Case, proven: Proven) -> datetime | None:
    rule = case.scheme.timestamp
    if rule is None:
        return proven.signed_at
    separator = case.scheme.item_separator
    written = required(case.request, place(rule.place), ", the signed time", item_separator=separator)
    signed_at = read_time(written, rule.unit)
    check_fresh(signed_at, now=case.now, tolerance_s=rule.tolerance_s)
    return signed_at
