"""The headers of an answer that are ours: its request id, what it took, and the tightest limit that is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from integrations.gateway.trace import Trace
from integrations.limits import Reading

Headers = list[tuple[bytes, bytes]]


def own_headers(trace: Trace, *, now: datetime) -> Headers:
    """Return the headers that every answer of the gateway carries, and the tightest limit when one is known.

    X-Keylodge-Waited, where a call waited for the provider's limit, is in ms; the reset of a limit is in seconds.
    """
    headers = [
        (b"x-keylodge-request-id", str(trace.id).encode()),
        (b"x-keylodge-attempts", b"%d" % trace.attempts),
    ]
    if trace.queued:
        headers.append((b"x-keylodge-queued", trace.queued.encode("ascii")))
    if trace.paced_s >= 0.001:
        headers.append((b"x-keylodge-waited", b"%d" % round(trace.paced_s * 1000)))
    headers += trace.cors
    if trace.cache:
        headers.append((b"x-keylodge-cache", trace.cache.encode("ascii")))
    reading = tightest(trace.readings or trace.counted)
    if reading is None:
        return headers
    if reading.limit is not None:
        headers.append((b"x-keylodge-ratelimit-limit", b"%d" % reading.limit))
    if reading.remaining is not None:
        headers.append((b"x-keylodge-ratelimit-remaining", b"%d" % reading.remaining))
    if reading.resets_at is not None:
        left_s = max(0, round((reading.resets_at - now).total_seconds()))
        headers.append((b"x-keylodge-ratelimit-reset", b"%d" % left_s))
    return headers


def tightest(readings: Sequence[Reading]) -> Reading | None:
    """Return the reading with the smallest share left."""

    if len(readings) == 1:
        return readings[0]

    def share(reading: Reading) -> float:
        if reading.remaining is None:
            return 2.0
        return reading.remaining / reading.limit if reading.limit else float(reading.remaining > 0)

    return min(readings, key=share, default=None)
