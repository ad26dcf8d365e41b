"""How often somebody may try to sign in, counted in the database so that every process shares it.

allauth's own limits count in a cache by read-modify-write, which lost most of the
counts when measured with several processes. Here each try is one conditional update.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from secrets_vault import vault
from secrets_vault.models import LoginAttempt

WINDOW = timedelta(minutes=15)
# A window that began later than this was opened by a clock that has since been put back: it locks nobody out.
SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class Budget:
    """At most `tries` within the window for what `key` names."""

    key: str
    tries: int


def budgets(*, account: str, ip: str, is_known_device: bool) -> list[Budget]:
    """Return the counters that one try is taken from.

    A browser that has signed in before counts on its own, so a stranger who burns the
    account's tries delays strangers and never locks out its owner (ASVS 6.3.1).
    """
    who = f"known:{account}:{ip}" if is_known_device else f"account:{account}"
    return [Budget(who, 10), Budget(f"ip:{ip}", 30)]


def take(budget: Budget, *, now: datetime) -> bool:
    """Count one try before the password is looked at; False when the window is used up."""
    key = vault.keyed_hash("login", budget.key.encode())
    is_open = Q(window_started_at__gt=now - WINDOW, window_started_at__lte=now + SKEW)
    open_window = LoginAttempt.objects.filter(is_open, key_hash=key)
    if open_window.filter(count__lt=budget.tries).update(count=F("count") + 1):
        return True
    over = LoginAttempt.objects.filter(~is_open, key_hash=key)
    if over.update(window_started_at=now, count=1):
        return True
    try:
        with transaction.atomic():
            LoginAttempt.objects.create(key_hash=key, window_started_at=now, count=1)
    except IntegrityError:  # the row is there: used up, or another process was first
        return bool(open_window.filter(count__lt=budget.tries).update(count=F("count") + 1))
    return True


def give_back(budget: Budget) -> None:
    """Return one try after a success, without wiping what failed before it."""
    key = vault.keyed_hash("login", budget.key.encode())
    LoginAttempt.objects.filter(key_hash=key, count__gt=0).update(count=F("count") - 1)


def use_once(what: str, *, now: datetime) -> bool:
    """Spend a one-time code: True for the first caller only, however many come at once.

    It is remembered for the whole window, which is longer than any code of an app is right. After
    that the same six digits may come again by chance.
    """
    key = vault.keyed_hash("once", what.encode())
    if LoginAttempt.objects.filter(key_hash=key, window_started_at__lte=now - WINDOW).update(window_started_at=now):
        return True
    try:
        with transaction.atomic():
            LoginAttempt.objects.create(key_hash=key, window_started_at=now, count=1)
    except IntegrityError:
        return False
    return True


def forget_old(*, now: datetime) -> int:
    """Delete counters whose window closed a day ago; return how many."""
    deleted, _ = LoginAttempt.objects.filter(window_started_at__lt=now - timedelta(days=1)).delete()
    return deleted
