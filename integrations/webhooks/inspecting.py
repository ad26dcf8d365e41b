"""Why a kept request was let in or refused, shown to a person: what was signed, expected and received. Reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.call_log.known import ClientValues
from integrations.webhooks import published
from integrations.webhooks.endpoints import known
from integrations.webhooks.explain import explain
from integrations.webhooks.keys import urls_of
from integrations.webhooks.opening import Forgotten, body_of, head_of
from integrations.webhooks.request import WebhookRequest
from integrations.webhooks.schemes.proven import NO_KEYS, KeysByURL, KeySource
from integrations.webhooks.showing import Shown, shown
from secrets_vault.errors import VaultError
from secrets_vault.masking import Masker
from secrets_vault.models import SecretVersion

if TYPE_CHECKING:
    from datetime import datetime

    from integrations.models import WebhookEndpoint, WebhookEvent
    from integrations.webhooks.schemes.shape import Scheme


def inspect(event: WebhookEvent) -> Shown | None:
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
    return shown(found, body, known=Masker(ClientValues().of([event.client_id])[event.client_id]), at=at)


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
