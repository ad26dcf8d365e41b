"""Words and tones that pages share, without HTML."""

from __future__ import annotations

from datetime import datetime

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

TONE_ICONS = {"ok": "circle-check", "warn": "triangle-alert", "bad": "octagon-alert", "info": "circle-alert"}

STATUS_TONES = {
    "connected": "ok",
    "untested": "info",
    "not_connected": "info",
    "failing": "bad",
    "needs_reconnecting": "bad",
    "paused": "warn",
}

BUCKETS = {
    "burst": gettext_lazy("Burst"),
    "second": gettext_lazy("Second"),
    "minute": gettext_lazy("Minute"),
    "daily": gettext_lazy("Daily"),
    "daily_account": gettext_lazy("Daily, of the whole account"),
    "average": gettext_lazy("Average"),
    "requests": gettext_lazy("Requests"),
    "user": gettext_lazy("User"),
}

SHORT_ENVIRONMENTS = {"production": "prod", "staging": "stg", "development": "dev"}


def thousands(number: int) -> str:
    """Return a whole number with its thousands set apart as the language does it."""
    return number_format(number, force_grouping=True)


def short_environment(slug: str) -> str:
    """Return what a badge shows for an environment."""
    return SHORT_ENVIRONMENTS.get(slug, slug)


def last_provider_word(key: str) -> str:
    """Return something to make a monogram from when only the provider's key is known."""
    return key.removeprefix("custom-").replace("_", " ").replace("-", " ").title()


def bucket_words(bucket: str) -> str:
    """Return the name of a limit's bucket as a person reads it; one we have no word for as the provider calls it."""
    return str(BUCKETS.get(bucket, "")) or bucket.replace("_", " ").replace("-", " ").capitalize()


def ago_words(at: datetime, *, now: datetime) -> str:
    """Return a distance in time as words: "just now", "4 min ago", "in 3 h", "12 days ago"."""
    seconds = (now - at).total_seconds()
    size, is_past = abs(seconds), seconds > 0
    if size < 45:
        return _("just now")
    if (minutes := round(size / 60)) < 60:
        return (_("{n} min ago") if is_past else _("in {n} min")).format(n=max(1, minutes))
    if (hours := round(size / 3600)) < 48:
        return (_("{n} h ago") if is_past else _("in {n} h")).format(n=hours)
    if (days := round(size / 86400)) < 10_000:
        return (_("{n} days ago") if is_past else _("in {n} days")).format(n=days)
    return _("a long time ago") if is_past else _("in a long time")
