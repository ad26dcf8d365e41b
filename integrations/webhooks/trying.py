"""Try a scheme with a captured request: the same verdict as the inlet's, and all that led to it. Nothing is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from integrations.webhooks.explain import explain
from integrations.webhooks.freshness import read_time
from integrations.webhooks.places import place, text
from integrations.webhooks.showing import Shown, shown
from integrations.webhooks.verdicts import Refused
from secrets_vault.masking import Masker

if TYPE_CHECKING:
    from integrations.webhooks.request import WebhookRequest
    from integrations.webhooks.schemes.shape import Scheme
    from secrets_vault.secret import Secret


def try_scheme(
    request: WebhookRequest, scheme: Scheme, secrets: Sequence[Secret], *, now: datetime, as_then: bool
) -> Shown:
    """Return the verdict on a captured request; `as_then` judges it as of the time that it names."""
    at = (_said_time(request, scheme) if as_then else None) or now
    found = explain(request, scheme, secrets, now=at)
    return shown(found, request.body, known=Masker(), at=at)


def _said_time(request: WebhookRequest, scheme: Scheme) -> datetime | None:
    if scheme.timestamp is None:
        return None
    try:
        said = text(request, place(scheme.timestamp.place), item_separator=scheme.item_separator)
        return read_time(said, scheme.timestamp.unit) if said else None
    except Refused:
        return None
