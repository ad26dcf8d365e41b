"""What an event holds: the original for the forwarder, the masked form for a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from integrations.call_log.known import ClientValues
from integrations.call_log.rows import storable
from integrations.errors import IntegrationError
from integrations.models import WebhookEvent
from integrations.webhooks import sealing
from integrations.webhooks.sealing import Head
from secrets_vault.masking import Masker, mask_head, mask_text, mask_url

if TYPE_CHECKING:
    from secrets_vault.models import User


class Forgotten(IntegrationError):
    """The payload of this event was kept as long as it was to be kept, and is gone."""

    code = "payload_forgotten"


@dataclass(frozen=True, slots=True)
class ReadEvent:
    """An event as a person may see it: every text went through the masker."""

    method: str
    url: str
    head: str
    body: str


def head_of(event: WebhookEvent) -> Head:
    """Return method, address and headers as they came; raises Forgotten or Unreadable. For machines only."""
    if event.head_sealed is None:
        raise Forgotten
    return sealing.open_head(event)


def body_of(event: WebhookEvent) -> bytes:
    """Return the body as it came, byte for byte; raises Forgotten or Unreadable. For machines only."""
    if event.body_sealed is None:
        raise Forgotten
    return sealing.open_body(event)


def read_event(event: WebhookEvent, *, user: User) -> ReadEvent:
    """Return an event for a person to look at, masked, its body cut to 64 KB.

    Raises WebhookEvent.DoesNotExist for a stranger; Forgotten; Unreadable.
    """
    if not WebhookEvent.objects.visible_to(user).filter(pk=event.pk).exists():
        raise WebhookEvent.DoesNotExist
    masker = Masker(ClientValues().of([event.client_id])[event.client_id])
    head = head_of(event)
    return ReadEvent(
        method=head.method,
        url=storable(mask_url(head.url, masker)),
        head=storable(mask_head([(name.encode("latin-1"), value) for name, value in head.headers], masker)),
        body=_masked_body(body_of(event), head, masker),
    )


def _masked_body(body: bytes, head: Head, masker: Masker) -> str:
    said = {name: value.decode("latin-1") for name, value in head.headers}
    media, encoding = said.get("content-type"), said.get("content-encoding")
    return storable(mask_text(body, media=media, known=masker, encoding=encoding)) if body else ""
