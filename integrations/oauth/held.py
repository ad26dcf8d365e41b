"""What a connection holds at this moment, and whether its access token may still be sent."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from integrations.models import Connection
from integrations.oauth.errors import NeedsReconnecting
from integrations.status import Status
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import StoredSecret
from secrets_vault.secret import Secret

# A token with less life than this is treated as ended: the call that carries it takes time too.
LEEWAY = timedelta(seconds=10)


def read(pk: UUID) -> Connection:
    """Return the row as it is now, with its stored version and OAuth app."""
    row: Connection = Connection.objects.select_related(
        "client",
        "environment",
        "oauth_app__secret",
        "secret__current",
        "grant_secret__current",
        "beside_secret__current",
    ).get(pk=pk)
    return row


def lives(row: Connection, *, now: datetime, leeway: timedelta = LEEWAY) -> bool:
    """Tell whether the stored access token may still be sent. One without an end lives until a 401 says otherwise."""
    if row.secret is None or row.secret.current_id is None or status_of(row) == Status.NEEDS_RECONNECTING:
        return False
    return row.access_expires_at is None or row.access_expires_at > now + leeway


def status_of(row: Connection) -> str:
    return row.status_before_pause if row.status == Status.PAUSED else row.status


def token_of(row: Connection) -> Secret:
    """Return the stored access token of a row just read."""
    return vault.use(stored_of(row), actor=SYSTEM, purpose="gateway")["access_token"]


def current_id(row: Connection) -> UUID | None:
    return row.secret.current_id if row.secret else None


def stored_of(row: Connection) -> StoredSecret:
    if row.secret is None:
        raise NeedsReconnecting("nothing is stored")
    return row.secret
