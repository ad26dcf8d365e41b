"""How a request and an address become ciphertext: under the client's keyring, each bound to its own row."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import UUID

from secrets_vault import vault
from secrets_vault.masking import mask_url
from secrets_vault.models import Client
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from integrations.models import WebhookEvent, WebhookTarget
    from integrations.webhooks.request import WebhookRequest

HEAD = "webhookevent.head_sealed"
BODY = "webhookevent.body_sealed"
URL = "webhooktarget.url_sealed"
LONGEST_MASKED = 300


@dataclass(frozen=True, slots=True)
class Head:
    """What came before the body: header names in lower case, values as raw bytes, `url` with the query it came with."""

    method: str
    url: str
    headers: tuple[tuple[str, bytes], ...]


def seal_head(request: WebhookRequest, *, event_id: UUID, client: Client) -> bytes:
    """Return the blob of a request's method, address and headers."""
    headers = [[name, value.decode("latin-1")] for name, value in request.headers]
    text = json.dumps({"method": request.method, "url": request.url, "headers": headers}, separators=(",", ":"))
    return vault.seal_text(text, field=HEAD, row_id=event_id, client=client)


def seal_body(body: bytes, *, event_id: UUID, client: Client) -> bytes:
    """Return the blob of a body."""
    return vault.seal_text(body, field=BODY, row_id=event_id, client=client)


def open_head(event: WebhookEvent) -> Head:
    """Return what `seal_head` sealed; raises Unreadable."""
    opened = vault.open_text(event.head_sealed or b"", field=HEAD, row_id=event.pk, client=Client(pk=event.client_id))
    read = json.loads(opened.expose_bytes())
    headers = tuple((name, value.encode("latin-1")) for name, value in read["headers"])
    return Head(read["method"], read["url"], headers)


def open_body(event: WebhookEvent) -> bytes:
    """Return what `seal_body` sealed; raises Unreadable."""
    opened = vault.open_text(event.body_sealed or b"", field=BODY, row_id=event.pk, client=Client(pk=event.client_id))
    return opened.expose_bytes()


def seal_url(target: WebhookTarget, url: Secret, *, client: Client) -> None:
    """Put an address into a target, sealed and masked. The caller saves it."""
    target.url_sealed = vault.seal_text(url, field=URL, row_id=target.pk, client=client)
    target.url_masked = masked_address(url.expose())[:LONGEST_MASKED]


def masked_address(url: str) -> str:
    """Return an address as a list may show it: the host. The whole path and query may be what opens the door."""
    parts = urlsplit(url)
    if not (parts.path.strip("/") or parts.query):
        return str(mask_url(url))
    folder = next((known for known in ("webhook", "webhook-test") if parts.path.startswith(f"/{known}/")), "")
    return f"{parts.scheme}://{parts.netloc}/{folder and folder + '/'}****"


def open_url(target: WebhookTarget, *, client: Client) -> Secret:
    """Return the address of a target; raises Unreadable."""
    return vault.open_text(target.url_sealed, field=URL, row_id=target.pk, client=client)
