"""One quota as one answer describes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """One quota of a connection at one moment. What the provider did not say is None.

    `unit` is what it counts: calls, or something of which a call takes more or less than one (tokens, points).
    `family` is set where the provider names the bucket itself: of one family, a call counts in one bucket only.
    """

    bucket: str
    limit: int | None = None
    remaining: int | None = None
    window_s: int | None = None
    resets_at: datetime | None = None
    source: str = "headers"
    unit: str = "calls"
    family: str = ""
