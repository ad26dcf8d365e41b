"""The base of every command: JSON on stdout, words on stderr, and the exit codes of the contract.

0 done, 1 the check found something, 2 bad input or settings, 3 vault locked or wrong key.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import OperationalError, ProgrammingError, connections
from django.db.migrations.executor import MigrationExecutor

from secrets_vault import keys
from secrets_vault.errors import VaultError

FOUND_SOMETHING = 1
BAD_INPUT = 2
OURS = ("secrets_vault", "integrations")  # the floors that have tables


class KeylodgeCommand(BaseCommand):
    """A command answers with what `run()` returns, as one line of JSON; None prints nothing.

    An error in `answered` ends the command with its sentence and its `exit_code`, else 2. A check that
    found something sets `self.exit_code = FOUND_SOMETHING`. With `prepares`, tables and keys are made first
    where they are missing: a command that writes works before the first `make run`.
    """

    requires_system_checks: ClassVar[list[str]] = []  # type: ignore[misc]
    answered: ClassVar[tuple[type[Exception], ...]] = (VaultError, ImproperlyConfigured)
    prepares: ClassVar[bool] = False
    exit_code = 0

    def run(self, **options: Any) -> object | None:
        """Do the work and return what goes to stdout."""
        raise NotImplementedError

    def handle(self, *args: Any, **options: Any) -> None:
        """Run, print, and end with the contract's exit code."""
        self.exit_code = 0
        try:
            if self.prepares:
                prepare()
            answer = self.run(**options)
        except self.answered as error:
            self.say(str(error))
            sys.exit(getattr(error, "exit_code", BAD_INPUT))
        except (OperationalError, ProgrammingError) as error:
            self.say(f"The database is not ready ({type(error).__name__}). Start Keylodge once with `make run`.")
            sys.exit(BAD_INPUT)
        if answer is not None:
            self.stdout.write(json.dumps(answer, ensure_ascii=False, sort_keys=False))
        if self.exit_code:
            sys.exit(self.exit_code)

    def say(self, words: str) -> None:
        """Write a sentence to stderr, in no colour of alarm."""
        self.stderr.write(words, self.style.NOTICE)


def prepare() -> None:
    """Bring the tables up to date and open the keys, making both on a first start."""
    tables = {alias: tables_of(alias) for alias in settings.DATABASES}
    refuse_newer(tables.values())
    for alias, found in tables.items():
        if found.waiting:
            call_command("migrate", database=alias, interactive=False, verbosity=0)
    keys.initialise()


@dataclass(frozen=True)
class Tables:
    """How far the tables of one database are: how many migrations wait, and which a newer Keylodge has run."""

    waiting: int
    newer: list[str]


def tables_of(alias: str) -> Tables:
    """Return how far one database is. The migrations on disk are read once for it, which takes a while."""
    executor = MigrationExecutor(connections[alias])
    loader = executor.loader
    known = set(loader.disk_migrations)
    for migration in loader.disk_migrations.values():
        known.update(migration.replaces)
    unknown = sorted(set(loader.applied_migrations) - known)
    return Tables(
        waiting=len(executor.migration_plan(loader.graph.leaf_nodes())),
        newer=[f"{app}.{name}" for app, name in unknown if app in OURS],
    )


def refuse_newer(tables: Iterable[Tables]) -> None:
    """Raise ImproperlyConfigured when a newer Keylodge has changed the tables: this one does not know what they mean.

    Django itself would say nothing and begin to write.
    """
    unknown = [name for found in tables for name in found.newer]
    if unknown:
        raise ImproperlyConfigured(
            f"This database was last used by a newer Keylodge ({unknown[0]}). "
            "Start that version again, or restore a backup from before it into an empty home."
        )
