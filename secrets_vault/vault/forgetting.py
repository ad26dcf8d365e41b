"""Forgetting what machines renewed long ago. What a person stored is never forgotten by itself."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Count, Q

from secrets_vault import audit
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.models import SecretVersion, StoredSecret

KEPT = 5
AT_ONCE = 40
"""An access token of 30 minutes leaves 48 versions a day: one event and one delete for each day's heap."""


def forget_renewed(*, actor: Actor = SYSTEM, kept: int = KEPT, at_once: int = AT_ONCE) -> int:
    """Delete the retired versions of OAuth tokens but the newest few; return how many went.

    A refresh has replaced them at the provider, so they open nothing; their history stays in the book.
    """
    retired = Count("versions", filter=Q(versions__state=SecretVersion.State.RETIRED))
    heaps = StoredSecret.objects.filter(kind=StoredSecret.Kind.OAUTH_TOKENS).annotate(heap=retired)
    return sum(_forget(stored, kept=kept, actor=actor) for stored in heaps.filter(heap__gte=kept + at_once))


def _forget(stored: StoredSecret, *, kept: int, actor: Actor) -> int:
    old = stored.versions.filter(state=SecretVersion.State.RETIRED).order_by("-number")
    with transaction.atomic():
        numbers = list(old.values_list("number", flat=True)[kept:])
        stored.versions.filter(number__in=numbers, state=SecretVersion.State.RETIRED).delete()
        details = {"versions": len(numbers), "newest": numbers[0]}
        audit.record("secret.forgotten", actor=actor, client=stored.client_id, subject=stored, details=details)
    return len(numbers)
