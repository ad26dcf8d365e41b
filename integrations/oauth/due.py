"""The sweep that replaces access tokens ahead of their end."""

from __future__ import annotations

import logging
import time
from datetime import datetime

from integrations import outbound
from integrations.errors import IntegrationError
from integrations.models import Connection
from integrations.oauth import lease as leases
from integrations.oauth.refresh import refresh
from integrations.oauth.session import Send
from integrations.providers.parts import TOKEN_KINDS
from integrations.status import Status
from secrets_vault.errors import VaultError

logger = logging.getLogger(__name__)

SWEEP_S = 120.0  # so that other sweeps get their turn, whatever the providers do


def refresh_due(*, now: datetime, limit: int = 50, send: Send = outbound.send) -> int:
    """Refresh what is due, oldest first; return how many were done. One connection's trouble stops no other."""
    usable = (Status.CONNECTED, Status.FAILING, Status.UNTESTED, Status.PAUSED)
    due = Connection.objects.filter(leases.is_due(now), kind__in=TOKEN_KINDS, status__in=usable)
    due = due.exclude(oauth_app__is_broken=True).select_related("secret").order_by("refresh_due_at")
    done, began = 0, time.monotonic()
    for row in list(due[:limit]):
        if time.monotonic() - began > SWEEP_S:
            break
        try:
            refresh(row, now=now, send=send)
            done += 1
        except (IntegrationError, VaultError) as error:
            logger.warning("refresh skipped", extra={"connection": str(row.pk), "code": error.code})
    return done
