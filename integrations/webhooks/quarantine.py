"""Refused requests, kept sealed for a while: a wrong secret on our side must lose no event.

Once the secret is mended they are verified again, each as of the moment it arrived, and those that pass are released:
an event like any other, delivered from now on. What still proves nothing stays; only a person can let it in by hand
(`releasing.py`).

Kept are at most so many, so much and so long for each endpoint. Where there is no room, the oldest of the network
that sent most goes first: a stranger's noise pushes out itself before it pushes out the vendor's.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, Sum

from integrations.models import WebhookEndpoint, WebhookEvent
from integrations.webhooks import inserting, sealing, storing
from integrations.webhooks.checking import NotLetIn, judge
from integrations.webhooks.endpoints import Known
from integrations.webhooks.endpoints import known as known_of
from integrations.webhooks.keys import published_keys
from integrations.webhooks.request import WebhookRequest
from integrations.webhooks.verdicts import Handshake, Refused, Verified
from secrets_vault import audit
from secrets_vault.ids import uuid7

if TYPE_CHECKING:
    from secrets_vault.actor import Actor

QUARANTINED, RELEASED = WebhookEvent.Verdict.QUARANTINED, WebhookEvent.Verdict.RELEASED
MOST = 1_000
MOST_BYTES = 100 * 1024 * 1024
KEPT = timedelta(days=14)
LONGEST_WHY = 500
AT_ONCE = 50
SLACK = 20  # a twentieth


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of verifying again. A duplicate is the copy of an event that is here already; it is taken away."""

    released: int = 0
    duplicates: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused request on its way into quarantine."""

    endpoint: WebhookEndpoint
    request: WebhookRequest = field(repr=False)
    reason: str
    why: str
    at: datetime
    remote_ip: str = ""
    id: UUID = field(default_factory=uuid7)


def keep(
    endpoint: WebhookEndpoint,
    request: WebhookRequest,
    refused: Refused | NotLetIn,
    *,
    now: datetime,
    remote_ip: str = "",
) -> UUID:
    """Keep a refused request, sealed, with the reason in a sentence; return its id. Raises DatabaseError."""
    return write([Refusal(endpoint, request, refused.reason, refused.why, now, remote_ip)])[0]


def write(refusals: Sequence[Refusal]) -> list[UUID]:
    """Keep several in one transaction, and make room for them."""
    with transaction.atomic(savepoint=False):
        inserting.insert([row_of(refusal) for refusal in refusals])
        for endpoint in {refusal.endpoint.pk: refusal.endpoint for refusal in refusals}.values():
            _make_room(endpoint)
    return [refusal.id for refusal in refusals]


def row_of(refusal: Refusal) -> WebhookEvent:
    """Return the sealed row of a refused request, not saved yet. It has no key: a refused request takes none."""
    return WebhookEvent(
        **storing.sealed(refusal.id, refusal.endpoint, refusal.request),
        received_at=refusal.at,
        remote_ip=refusal.remote_ip,
        verdict=QUARANTINED,
        reason=refusal.reason,
        why=refusal.why[:LONGEST_WHY],
    )


def in_quarantine(endpoint: WebhookEndpoint) -> storing.Events:
    """Return what an endpoint keeps in quarantine, the newest first."""
    return WebhookEvent.objects.filter(endpoint=endpoint, verdict=QUARANTINED).order_by("-received_at", "-id")


def verify_again(
    endpoint: WebhookEndpoint, *, actor: Actor, now: datetime, ids: Sequence[UUID] | None = None
) -> Outcome:
    """Verify what is in quarantine, or the given ones, by the endpoint as it is now; release what passes.

    An endpoint that is disabled releases too. Raises DatabaseError or VaultError.
    """
    known = known_of(WebhookEndpoint.objects.select_related("client", "secret__current").get(pk=endpoint.pk))
    kept = in_quarantine(endpoint) if ids is None else in_quarantine(endpoint).filter(pk__in=ids)
    waiting = list(kept.order_by("received_at", "id").values_list("pk", flat=True))
    counts: Counter[str] = Counter()
    for at in range(0, len(waiting), AT_ONCE):
        judged = [_judge(known, pk) for pk in waiting[at : at + AT_ONCE]]  # keys may be fetched: not in a transaction
        with transaction.atomic():
            counts.update(_settle(one, known, now=now) for one in judged if one is not None)
    outcome = Outcome(counts["released"], counts["duplicates"], counts["refused"])
    _tell("webhook.verified_again", endpoint, actor=actor, counts=counts)
    return outcome


def discard(endpoint: WebhookEndpoint, *, actor: Actor, ids: Sequence[UUID] | None = None) -> int:
    """Delete what is in quarantine, or the given ones, for good; return how many."""
    kept = in_quarantine(endpoint) if ids is None else in_quarantine(endpoint).filter(pk__in=ids)
    with transaction.atomic():
        count = kept.delete()[0]
        _tell("webhook.discarded", endpoint, actor=actor, counts=Counter(discarded=count))
    return count


@dataclass(frozen=True, slots=True)
class _Judged:
    event: WebhookEvent
    request: WebhookRequest = field(repr=False)
    verdict: Verified | NotLetIn


def _judge(known: Known, pk: UUID) -> _Judged | None:
    """Judge a kept request as of when it arrived; return None where somebody was faster.

    A handshake is not answered afterwards, so it proves nothing now.
    """
    event = WebhookEvent.objects.filter(pk=pk, verdict=QUARANTINED).first()
    if event is None:
        return None
    head = sealing.open_head(event)
    request = WebhookRequest(head.method, head.url, head.headers, sealing.open_body(event))
    found = published_keys(known.scheme, request, now=event.received_at)
    verdict = judge(known, request, remote_ip=event.remote_ip, now=event.received_at, keys=found)
    if isinstance(verdict, Handshake):
        verdict = NotLetIn("handshake", "This was a handshake. Let the vendor ask again while you pair.")
    return _Judged(event, request, verdict)


def _settle(judged: _Judged, known: Known, *, now: datetime) -> str:
    event, verdict = judged.event, judged.verdict
    mine = WebhookEvent.objects.filter(pk=event.pk, verdict=QUARANTINED)
    if isinstance(verdict, NotLetIn):
        mine.update(reason=verdict.reason, why=verdict.why[:LONGEST_WHY])
        return "refused"
    is_repeating = known.scheme is not None and known.scheme.repeats_identically
    found = storing.proven_columns(verdict, is_repeating=is_repeating)
    try:
        with transaction.atomic():
            if not mine.update(**found, verdict=RELEASED, released_at=now):
                return "gone"
            storing.deliver([(event, judged.request)], now=now)
    except IntegrityError:  # its key is taken: the vendor sent it again meanwhile
        for name, value in found.items():
            setattr(event, name, value)
        storing.count_duplicates([event])
        mine.delete()
        return "duplicates"
    return "released"


def _tell(action: str, endpoint: WebhookEndpoint, *, actor: Actor, counts: Counter[str]) -> None:
    if not counts.total():
        return
    with transaction.atomic():
        audit.record(action, actor=actor, client=endpoint.client_id, subject=endpoint, details=dict(counts))


def forget_old(*, now: datetime) -> int:
    """Delete what has been kept long enough; return how many."""
    old = WebhookEvent.objects.filter(verdict=QUARANTINED, received_at__lt=now - KEPT)
    return old.delete()[0]


def _make_room(endpoint: WebhookEndpoint) -> None:
    """Take away what is too much, and a little more: in a flood not every request is to look through them all."""
    kept = in_quarantine(endpoint)
    held = kept.order_by().aggregate(count=Count("pk"), size=Sum("body_bytes"))
    if held["count"] > MOST or (held["size"] or 0) > MOST_BYTES:
        WebhookEvent.objects.filter(pk__in=_too_much(kept, MOST - MOST // SLACK, MOST_BYTES)).delete()


def _too_much(kept: storing.Events, most: int, most_bytes: int) -> list[UUID]:
    """Return what must go: from the network that sent most, its oldest first."""
    by_network: dict[str, deque[tuple[UUID, int]]] = {}
    count = size = 0
    for pk, address, length in kept.order_by("received_at", "id").values_list("pk", "remote_ip", "body_bytes"):
        by_network.setdefault(network_of(address), deque()).append((pk, length))
        count, size = count + 1, size + length
    sizes = {name: sum(length for _, length in rows) for name, rows in by_network.items()}
    gone: list[UUID] = []
    while count > most or size > most_bytes:
        is_by_count = count > most
        loudest = max(by_network, key=lambda name: len(by_network[name]) if is_by_count else sizes[name])
        pk, length = by_network[loudest].popleft()
        gone.append(pk)
        count, size, sizes[loudest] = count - 1, size - length, sizes[loudest] - length
    return gone


def network_of(address: str) -> str:
    """Return whose address it is: of IPv6, one who has any has at least 2**64 of them."""
    try:
        found = ip_address(address)
    except ValueError:
        return ""
    return str(ip_network((int(found) >> 64 << 64, 64))) if found.version == 6 else address
