"""What one message says, whichever way it goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from integrations.models import AlertDelivery


@dataclass(frozen=True, slots=True)
class Note:
    """One alert as its channels write it. `id` stays the same however often it is sent."""

    id: UUID
    kind: str
    severity: str
    subject: str
    text: str
    url: str
    client: str
    at: datetime
    facts: dict[str, Any]

    @classmethod
    def of(cls, delivery: AlertDelivery) -> Note:
        """Return what a delivery says. Its own link goes where the channel has a place for one."""
        text = delivery.body.replace(delivery.url, "") if delivery.url else delivery.body
        return cls(
            id=delivery.pk,
            kind=delivery.kind,
            severity=delivery.severity,
            subject=delivery.subject,
            text="\n".join(line.rstrip() for line in text.strip().splitlines()),
            url=delivery.url,
            client=delivery.client.slug if delivery.client else "",
            at=delivery.created_at,
            facts=delivery.facts,
        )
