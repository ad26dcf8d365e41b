"""How every process logs: one masked line an event, and no URL, for a URL may hold a link that opens something."""

from __future__ import annotations

import logging
from typing import Any

from django.http import HttpRequest

from config import brought

WITHOUT_REFERENCE = "-"


class Referenced(logging.Filter):
    """Gives each record the reference that the visitor's error page shows, and takes URLs out of Django's own.

    What the request has brought is covered in the line, for it may be a secret that no vault knows yet.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record; never raise, whatever hangs on it."""
        request = getattr(record, "request", None)
        if not hasattr(request, "reference"):
            request = brought.answering.get() or request
        if isinstance(request, HttpRequest):
            record.covered = brought.covered(request)
        if not hasattr(record, "reference"):
            record.reference = getattr(request, "reference", WITHOUT_REFERENCE)
        if request is not None and record.name.startswith(("django.request", "django.security")):
            match = getattr(request, "resolver_match", None)
            status = getattr(record, "status_code", "")
            record.msg = "%s %s answered %s"
            record.args = (getattr(request, "method", ""), getattr(match, "route", None) or "(no such page)", status)
            if record.levelno < logging.ERROR:  # a refusal is an answer; only what broke needs its traceback
                record.exc_info = record.exc_text = None
        return True


def logging_config(level: str) -> dict[str, Any]:
    """Return Django's LOGGING. Nothing is mailed, and no SQL is written: its parameters are people's data."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"referenced": {"()": "config.log_lines.Referenced"}},
        "formatters": {
            "masked": {
                "()": "secrets_vault.masking.log_format.MaskingFormatter",
                "known": "ext://secrets_vault.masking.lately.known",
                "fmt": "%(asctime)s %(levelname)s %(name)s [%(reference)s] %(message)s",
            }
        },
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": "masked", "filters": ["referenced"]},
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
            "django.db.backends": {"level": "WARNING"},
            "django.template": {"level": "INFO"},
            "celery": {"level": "WARNING"},
            "asyncio": {"level": "WARNING"},
            "kombu": {"level": "ERROR"},
            "amqp": {"level": "WARNING"},
        },
    }
