"""One quota as one answer describes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """One quota of a connection at one moment. What the provider did not say is None."""

    bucket: str
    limit: int | None = None
    remaining: int | None = None
    window_s: int | None = None
    resets_at: datetime | None = None
    source: str = "headers"
