"""The verdict on one request: its scheme, its secrets, and then its address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from integrations.caller_networks import is_among
from integrations.webhooks.endpoints import NO_VERIFICATION, Known
from integrations.webhooks.schemes.proven import NO_KEYS, KeySource
from integrations.webhooks.verdicts import Handshake, Refused, Verified
from integrations.webhooks.verify import verify

if TYPE_CHECKING:
    from integrations.webhooks.request import WebhookRequest


@dataclass(frozen=True, slots=True)
class NotLetIn:
    """A request that is kept in quarantine: why, as a word and a sentence."""

    reason: str
    why: str


def judge(
    known: Known, request: WebhookRequest, *, remote_ip: str, now: datetime, keys: KeySource = NO_KEYS
) -> Verified | Handshake | NotLetIn:
    """Return what a request proves. An address list narrows: it is asked after the signature, never instead of it."""
    try:
        verdict = _verified(known, request, now=now, keys=keys)
    except Refused as refused:
        return NotLetIn(refused.reason, refused.why)
    if known.networks is not None and not is_among(remote_ip, known.networks):
        return NotLetIn("address", f"The address {remote_ip or '(unknown)'} is not among those this endpoint allows.")
    return verdict


def _verified(known: Known, request: WebhookRequest, *, now: datetime, keys: KeySource) -> Verified | Handshake:
    if known.endpoint.scheme_key == NO_VERIFICATION:
        return _unverified(known)
    if known.scheme is None:
        raise Refused("unknown_scheme", "The scheme of this endpoint is not known here.")
    verdict = verify(request, known.scheme, known.secrets(now), now=now, keys=keys)
    if isinstance(verdict, Verified) and verdict.is_put_together:
        raise Refused("doubled", "It holds several events, each rightly signed, that anybody may have put together.")
    return verdict


def _unverified(known: Known) -> Verified:
    """Let a request in that proves nothing, where somebody has chosen exactly that. Two equal ones are two events."""
    if known.endpoint.is_verified_required:
        raise Refused("no_secret", "This endpoint verifies nothing, and nobody has allowed that.")
    return Verified(None, False, None, b"", None, 0)
