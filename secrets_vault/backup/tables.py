"""Which tables a backup holds, and how many rows of each."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

MADE_BY_MIGRATE = frozenset({"auth", "contenttypes"})


def models_in(alias: str) -> list[type[Any]]:
    """Return the models whose rows live in one database, many-to-many tables too, in a fixed order."""
    from django.db import router

    found = [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy and model._meta.app_label not in MADE_BY_MIGRATE
    ]
    here = [model for model in found if router.allow_migrate_model(alias, model)]
    return sorted(here, key=lambda model: str(model._meta.db_table))


def count_rows(alias: str) -> dict[str, int]:
    """Return the number of rows by table."""
    return {model._meta.db_table: model._base_manager.using(alias).count() for model in models_in(alias)}


def migrations_applied(alias: str) -> dict[str, list[str]]:
    """Return the names of the migrations applied, by app."""
    applied: dict[str, list[str]] = {}
    for app, name in sorted(MigrationRecorder(connections[alias]).applied_migrations()):
        applied.setdefault(app, []).append(name)
    return applied
