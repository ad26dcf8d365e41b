"""An explanation as a person gets to see it: the string to sign is masked, and the body in it left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from integrations.call_log.rows import storable
from secrets_vault.masking import Masker, mask_text

if TYPE_CHECKING:
    from datetime import datetime

    from integrations.webhooks.verdicts import Explanation

MOST_MASKED, MOST_SHOWN, NEAR_THE_CUT = 16_384, 4_096, 1_024
THE_BODY = b"{body}"


@dataclass(frozen=True, slots=True)
class Shown:
    """How a verification went. `signed` is the string to sign, masked; where the body stands in it, {body} does."""

    explanation: Explanation
    signed: str
    signed_bytes: int
    judged_at: datetime

    @property
    def is_valid(self) -> bool:
        """Tell whether the request would be let in."""
        return self.explanation.verdict == "valid"


def shown(explanation: Explanation, body: bytes, *, known: Masker, at: datetime) -> Shown:
    """Return an explanation of the request with this body, judged as of `at`, to be shown."""
    content = explanation.signed_content
    return Shown(explanation, _signed(content, body, known=known), len(content), at)


def _signed(content: bytes, body: bytes, *, known: Masker) -> str:
    before, is_there, after = content.rpartition(body) if body else (content, b"", b"")
    content = before + THE_BODY + after if is_there else content
    text = storable(mask_text(content[:MOST_MASKED], known=known))
    # A value that the cut goes through is not known to the masker any more.
    is_cut = len(content) > MOST_MASKED
    most = min(MOST_SHOWN, max(0, len(text) - NEAR_THE_CUT)) if is_cut else MOST_SHOWN
    return text if len(text) <= most else f"{text[:most]}…"
