"""Words and tones that pages share, without HTML."""

from __future__ import annotations

from datetime import datetime

TONE_ICONS = {"ok": "circle-check", "warn": "triangle-alert", "bad": "octagon-alert", "info": "circle-alert"}

STATUS_TONES = {
    "connected": "ok",
    "untested": "info",
    "not_connected": "info",
    "failing": "bad",
    "needs_reconnecting": "bad",
    "paused": "warn",
}

SHORT_ENVIRONMENTS = {"production": "prod", "staging": "stg", "development": "dev"}


def short_environment(slug: str) -> str:
    """Return what a badge shows for an environment."""
    return SHORT_ENVIRONMENTS.get(slug, slug)


def last_provider_word(key: str) -> str:
    """Return something to make a monogram from when only the provider's key is known."""
    return key.removeprefix("custom-").replace("_", " ").replace("-", " ").title()


def ago_words(at: datetime, *, now: datetime) -> str:
    """Return a distance in time as words: "just now", "4 min ago", "in 3 h", "12 days ago"."""
    seconds = (now - at).total_seconds()
    size = abs(seconds)
    if size < 45:
        return "just now"
    words = _size_words(size)
    return f"{words} ago" if seconds > 0 else f"in {words}"


def _size_words(size_s: float) -> str:
    for unit_s, word, limit in ((60, "min", 60), (3600, "h", 48), (86400, "days", 10_000)):
        count = round(size_s / unit_s)
        if count < limit:
            return f"{max(1, count)} {word}"
    return "a long time"
