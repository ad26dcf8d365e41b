"""Conditions on times that were written by the wall clock, which may have been put back since.

They are shared and outlive a process, so the monotonic clock cannot give them. One that is further ahead than we
ever set it counts as over; else it would hold for as long as the clock had been wrong.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

# Less would take a lease from its holder: two callers never have quite the same time.
SKEW = timedelta(minutes=5)


def has_come(field: str, now: datetime, *, at_most: timedelta, skew: timedelta = SKEW) -> Q:
    """Return the condition that a due date has come. `at_most` is how far ahead one is ever set."""
    return Q(**{f"{field}__lte": now}) | Q(**{f"{field}__gt": now + at_most + skew})


def is_free(field: str, now: datetime, *, lease: timedelta, skew: timedelta = SKEW) -> Q:
    """Return the condition that nobody holds a lease: there is none, it has run out, or it is longer than any."""
    return Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__lt": now}) | Q(**{f"{field}__gt": now + lease + skew})
