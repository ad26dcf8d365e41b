"""Whether a signed time is near enough to now, in both directions."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from integrations.webhooks.verdicts import Refused

UNITS = ("s", "ms", "iso")
DEFAULT_TOLERANCE_S = 300  # where a signed time exists and the vendor names no window
WHOLE = re.compile(r"[0-9]{1,15}")
# fromisoformat also takes weeks, ordinals and commas, which no vendor writes.
ISO = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:?\d\d)", re.ASCII)


def read_time(written: str, unit: str) -> datetime:
    """Return the time. Raises Refused when it is not written in this unit."""
    try:
        if unit == "iso":
            if not ISO.fullmatch(written):
                raise ValueError(written)
            return datetime.fromisoformat(written.upper()).astimezone(UTC)
        if not WHOLE.fullmatch(written):
            raise ValueError(written)
        return datetime.fromtimestamp(int(written) / (1000 if unit == "ms" else 1), UTC)
    except (ValueError, OverflowError, OSError):
        raise Refused("malformed", f"The signed time is not written as {_WORDS[unit]}.") from None


def check_fresh(signed_at: datetime, *, now: datetime, tolerance_s: int) -> None:
    """Raise Refused when the signed time is further than the tolerance from now, behind or ahead.

    Several vendors' own libraries accept the far future; a request signed for it could be replayed until then.
    """
    apart = now - signed_at
    if apart > timedelta(seconds=tolerance_s):
        raise Refused("stale", f"It was signed {_ago(apart)} ago; {tolerance_s} seconds are allowed.")
    if -apart > timedelta(seconds=tolerance_s):
        raise Refused("future", f"It is signed for {_ago(-apart)} from now; {tolerance_s} seconds are allowed.")


def _ago(apart: timedelta) -> str:
    return f"{apart.days} days" if apart.days > 1 else f"{int(apart.total_seconds())} seconds"


_WORDS = {
    "s": "whole seconds since 1970",
    "ms": "whole milliseconds since 1970",
    "iso": "an ISO 8601 time with its zone",
}
