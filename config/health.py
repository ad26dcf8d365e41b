"""`/readyz`: whether this installation can do its work, and by code what it lacks."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connections
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from secrets_vault import keys
from secrets_vault.commands import tables_of
from secrets_vault.errors import VaultError


def database_answers() -> bool:
    """Tell whether every database answers a query."""
    for alias in settings.DATABASES:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT 1")
    return True


def tables_are_current() -> bool:
    """Tell whether every migration has run, and none of a newer version."""
    tables = (tables_of(alias) for alias in settings.DATABASES)
    return not any(found.waiting or found.newer for found in tables)


def keys_open() -> bool:
    """Tell whether the wrapping key opens this installation's root key."""
    keys.unlock()
    return True


CHECKS: dict[str, Callable[[], bool]] = {
    "database": database_answers,
    "migrations": tables_are_current,
    "keys": keys_open,
}


def missing() -> list[str]:
    """Return the codes of what is missing, stopping at the first: each check rests on the one before."""
    for code, check in CHECKS.items():
        try:
            if not check():
                return [code]
        except (DatabaseError, VaultError):
            return [code]
    return []


@require_safe
@login_not_required
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 or 503 with `{"ready", "missing"}`. An absent owner, mail or backup is never missing."""
    codes = missing()
    return JsonResponse({"ready": not codes, "missing": codes}, status=503 if codes else 200)
