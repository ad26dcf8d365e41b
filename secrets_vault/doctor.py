"""What can be wrong with an installation, and what to do of each. Looks only; mends nothing."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.models import Max
from django.utils import timezone

from secrets_vault import audit, generation, keys, row_checks, wrapping_key
from secrets_vault.commands import tables_of
from secrets_vault.errors import VaultError
from secrets_vault.models import AuditEvent, User

SKEW = timedelta(minutes=5)
SET_THE_CLOCK = "Compare the clock with a time server (timedatectl). If it was wrong for a while, this ends by itself."


@dataclass(frozen=True)
class Finding:
    """One check: `todo` is empty when all is well."""

    check: str
    ok: bool
    what: str
    todo: str = ""


def examine() -> list[Finding]:
    """Run every check in order. What needs the keys is left out when the vault does not open."""
    findings = [_tables(), _home_is_private()]
    if not findings[0].ok:
        return findings
    findings.append(_vault_opens())
    if findings[-1].ok:
        findings += [check() for check in NEED_THE_KEYS]
    return findings


def _tables() -> Finding:
    tables = [tables_of(alias) for alias in settings.DATABASES]
    newer = [name for found in tables for name in found.newer]
    if newer:
        return Finding("tables", False, f"a newer Keylodge has changed them ({newer[0]})", "Start that version again.")
    waiting = sum(found.waiting for found in tables)
    todo = "Start Keylodge once with `make run`: it brings the tables up to date." if waiting else ""
    return Finding("tables", not waiting, f"{waiting} migrations are waiting" if waiting else "up to date", todo)


def _home_is_private() -> Finding:
    home = Path(settings.KEYLODGE_HOME)
    key_file = wrapping_key.path_in(home)
    open_ones = [str(path) for path in (home, key_file) if path.exists() and _others_may_look(path)]
    todo = f"Run: chmod go-rwx {' '.join(open_ones)}" if open_ones else ""
    what = f"others on this machine may read {', '.join(open_ones)}" if open_ones else "only you may read it"
    return Finding("home", not open_ones, what, todo)


def _others_may_look(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def _vault_opens() -> Finding:
    try:
        vault = keys.unlock()
    except VaultError as error:
        return Finding("vault", False, str(error), "Put back the wrapping key that is named, then start again.")
    return Finding("vault", True, f"opens with the wrapping key {vault.fingerprint}")


def _rows_open() -> Finding:
    found = row_checks.check_rows()
    bad = found.unreadable + found.put_back
    if not bad:
        return Finding("secrets", True, f"{found.opened} sealed values open")
    what = f"{len(found.unreadable)} do not open, {len(found.put_back)} are not what the audit trail says: "
    todo = "Store these values again, or restore the last good backup into an empty home and copy them from there."
    return Finding("secrets", False, what + "; ".join(bad[:10]), todo)


def _book_holds() -> Finding:
    found = audit.verify()
    if found.first_bad is None:
        return Finding("audit", True, f"{found.events} events, unbroken")
    what = f"event {found.first_bad.seq}: {found.first_bad.why}"
    return Finding("audit", False, what, "Somebody changed the database. Compare with a backup from before.")


def _book_is_writable() -> Finding:
    ok = audit.is_writable()
    return Finding(
        "audit_writable",
        ok,
        "events can be written" if ok else "events cannot be written",
        "" if ok else "Free disk space or mend the database: nothing is shown or changed until then.",
    )


def _database_is_whole() -> Finding:
    if connection.vendor != "sqlite":
        return Finding("database", True, "PostgreSQL looks after itself")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA quick_check(1)")
        answer = cursor.fetchone()[0]
    todo = "" if answer == "ok" else "Stop Keylodge and restore the last backup."
    return Finding("database", answer == "ok", "whole" if answer == "ok" else str(answer), todo)


def _generation_is_shared() -> Finding:
    return Finding("generation", True, f"at {generation.current()}")


def _has_an_owner() -> Finding:
    has = User.objects.filter(is_owner=True, is_active=True).exists()
    return Finding(
        "owner",
        has,
        "there is one" if has else "nobody owns this installation yet",
        "" if has else "Open the one-time link that `make run` prints, or use create_owner.",
    )


def _clock_is_right() -> Finding:
    """Compare this machine's clock with what is written already, and with the database's."""
    now = timezone.now()
    newest = AuditEvent.objects.filter(at__gt=now + SKEW).aggregate(newest=Max("at"))["newest"]
    if newest is not None:
        what = f"it says {now:%Y-%m-%d %H:%M} UTC, and there are audit events of {newest:%Y-%m-%d %H:%M} UTC"
        return Finding("clock", False, what, SET_THE_CLOCK)
    if connection.vendor == "postgresql" and (apart := abs(_database_time() - now)) > SKEW:
        what = f"it and the clock of PostgreSQL are {round(apart.total_seconds())} s apart"
        return Finding("clock", False, what, SET_THE_CLOCK)
    return Finding("clock", True, "no event is dated later than now")


def _database_time() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        at: datetime = cursor.fetchone()[0]
    return at


NEED_THE_KEYS: list[Callable[[], Finding]] = [
    _rows_open, _book_holds, _book_is_writable, _clock_is_right, _database_is_whole, _generation_is_shared,
    _has_an_owner,
]  # fmt: skip
