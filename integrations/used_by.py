"""Who has really used a connection or a token lately: what would stop if it went. From the hourly counts of calls."""

from __future__ import annotations

from datetime import datetime, timedelta

from integrations.models import CallHour, Connection, GatewayToken
from integrations.models.call import NO_TOKEN

LATELY = timedelta(days=7)


def callers_lately(connection: Connection, *, now: datetime) -> list[str]:
    """Return the names of the gateway tokens that called through this connection in the last seven days."""
    rows = CallHour.objects.filter(connection_id=connection.pk, hour__gte=now - LATELY).exclude(token_id=NO_TOKEN)
    ids = list(rows.order_by().values_list("token_id", flat=True).distinct()[:100])
    return list(
        GatewayToken.objects.filter(pk__in=ids, revoked_at=None).order_by("name").values_list("name", flat=True)
    )


def is_used_lately(token: GatewayToken, *, now: datetime) -> bool:
    """Tell whether a token was used in the last seven days and still works."""
    return token.revoked_at is None and token.last_used_at is not None and token.last_used_at > now - LATELY
