"""Try a scheme with a captured request: the same verdict as the inlet's, and all that led to it. Nothing is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from integrations.webhooks.explain import explain
from integrations.webhooks.freshness import read_time
from integrations.webhooks.places import place, text
from integrations.webhooks.verdicts import Explanation, Refused
from secrets_vault.masking import Masker, mask_text

if TYPE_CHECKING:
    from integrations.webhooks.request import WebhookRequest
    from integrations.webhooks.schemes.shape import Scheme
    from secrets_vault.secret import Secret

MOST_SHOWN = 4_096
THE_BODY = b"{body}"


@dataclass(frozen=True, slots=True)
class Tried:
    """How it went. `signed` is the string to sign, masked; where the whole body stands in it, {body} does."""

    explanation: Explanation
    signed: str
    signed_bytes: int
    judged_at: datetime

    @property
    def is_valid(self) -> bool:
        """Tell whether the request would be let in."""
        return self.explanation.verdict == "valid"


def try_scheme(
    request: WebhookRequest, scheme: Scheme, secrets: Sequence[Secret], *, now: datetime, as_then: bool
) -> Tried:
    """Return the verdict on a captured request; `as_then` judges it as of the time that it names."""
    at = (_said_time(request, scheme) if as_then else None) or now
    found = explain(request, scheme, secrets, now=at)
    return Tried(found, _shown(found.signed_content, request.body), len(found.signed_content), at)


def _said_time(request: WebhookRequest, scheme: Scheme) -> datetime | None:
    if scheme.timestamp is None:
        return None
    try:
        said = text(request, place(scheme.timestamp.place), item_separator=scheme.item_separator)
        return read_time(said, scheme.timestamp.unit) if said else None
    except Refused:
        return None


def _shown(content: bytes, body: bytes) -> str:
    before, is_there, after = content.rpartition(body) if body else (content, b"", b"")
    shown = str(mask_text((before + THE_BODY + after if is_there else content)[: 4 * MOST_SHOWN], known=Masker()))
    return shown if len(shown) <= MOST_SHOWN else f"{shown[:MOST_SHOWN]}…"
