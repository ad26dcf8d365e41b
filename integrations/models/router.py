"""Where the call log lives: a file of its own on SQLite, the one database on PostgreSQL."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models

CALL_MODELS = frozenset(
    {
        *("apireceipt", "call", "errorgroup", "limitreading", "sharedstate", "storedanswer", "tokenwindow"),
        *("callminute", "callhour", "callday", "clienthour", "pathhour", "spendday"),
    }
)


def calls_alias() -> str:
    """Return the alias of the database that holds the call log."""
    return "calls" if "calls" in settings.DATABASES else "default"


class CallRouter:
    """Sends the models of the call log to their own database where there is one."""

    def _alias(self, model: type[models.Model]) -> str | None:
        is_call = model._meta.app_label == "integrations" and model._meta.model_name in CALL_MODELS
        return calls_alias() if is_call else None

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str | None:
        """Return the call log's alias for its models, else None (the default)."""
        return self._alias(model)

    def db_for_write(self, model: type[models.Model], **hints: Any) -> str | None:
        """Return the call log's alias for its models, else None (the default)."""
        return self._alias(model)

    def allow_migrate(self, db: str, app_label: str, model_name: str | None = None, **hints: Any) -> bool | None:
        """Make each table in its own database only. A RunPython names its side with the hint `is_calls`."""
        is_call = hints.get("is_calls", app_label == "integrations" and model_name in CALL_MODELS)
        if "calls" not in settings.DATABASES:
            return None
        return is_call if db == "calls" else not is_call
