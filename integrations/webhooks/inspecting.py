"""Why a kept request was let in or refused, shown to a person: what was signed, expected and received. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from integrations.call_log.known import ClientValues
from integrations.call_log.rows import storable
from integrations.webhooks import published
from integrations.webhooks.endpoints import known
from integrations.webhooks.explain import explain
from integrations.webhooks.keys import urls_of
from integrations.webhooks.opening import Forgotten, body_of, head_of
from integrations.webhooks.request import WebhookRequest
from integrations.webhooks.schemes.proven import NO_KEYS, KeysByURL, KeySource
from integrations.webhooks.verdicts import Explanation
from secrets_vault.errors import VaultError
from secrets_vault.masking import Masker, mask_text
from secrets_vault.models import SecretVersion

if TYPE_CHECKING:
    from datetime import datetime

    from integrations.models import WebhookEndpoint, WebhookEvent
    from integrations.webhooks.schemes.shape import Scheme

MOST_MASKED, MOST_SHOWN, NEAR_THE_CUT = 16_384, 4_096, 1_024
THE_BODY = b"{body}"


@dataclass(frozen=True, slots=True)
class Inspected:
    """An explanation by the secrets as they are now. `signed` is masked; the body stands in it as {body}."""

    explanation: Explanation
    signed: str
    signed_bytes: int

    @property
    def is_valid(self) -> bool:
        """Tell whether it would be let in now."""
        return self.explanation.verdict == "valid"


def inspect(event: WebhookEvent) -> Inspected | None:
    """Explain a kept event as of when it arrived; None where that needs a payload, scheme or secret that is not there.

    Looking changes nothing: a secret that was never used yet is left alone, since its first use is written in the book,
    and no published key is fetched.
    """
    endpoint = event.endpoint
    try:
        if _is_unused(endpoint):
            return None
        head, body, about = head_of(event), body_of(event), known(endpoint)
    except (Forgotten, VaultError):
        return None
    if about.scheme is None:
        return None
    request, at = WebhookRequest(head.method, head.url, head.headers, body), event.received_at
    found = explain(request, about.scheme, about.secrets(at), now=at, keys=_at_hand(about.scheme, request, now=at))
    return Inspected(found, _shown(found.signed_content, body, event=event), len(found.signed_content))


def _is_unused(endpoint: WebhookEndpoint) -> bool:
    stored = endpoint.secret
    if stored is None:
        return False
    in_use = [SecretVersion.State.CURRENT, *([SecretVersion.State.GRACE] if endpoint.previous_until else [])]
    return stored.versions.filter(state__in=in_use, first_used_at=None).exists()


def _at_hand(scheme: Scheme, request: WebhookRequest, *, now: datetime) -> KeySource:
    if not scheme.needs_published_keys:
        return NO_KEYS
    found = {url: published.key(url, now=now) for url in urls_of(scheme, request)}
    return KeysByURL({url: body for url, body in found.items() if body is not None})


def _shown(content: bytes, body: bytes, *, event: WebhookEvent) -> str:
    before, is_there, after = content.rpartition(body) if body else (content, b"", b"")
    content = before + THE_BODY + after if is_there else content
    masker = Masker(ClientValues().of([event.client_id])[event.client_id])
    text = storable(mask_text(content[:MOST_MASKED], known=masker))
    # A value that the cut goes through is not known to the masker any more.
    is_cut = len(content) > MOST_MASKED
    most = min(MOST_SHOWN, max(0, len(text) - NEAR_THE_CUT)) if is_cut else MOST_SHOWN
    return text if len(text) <= most else f"{text[:most]}…"
