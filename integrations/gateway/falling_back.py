"""A call whose new credential was refused, while a rotation lets the old one live: asked for in threads of its own.

A refusal costs a look into the database once per version and generation; after that it is known that there is nothing.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from django.db import connections

from integrations.gateway.route import Way, older_way
from integrations.gateway.trace import Trace
from integrations.models import Connection
from integrations.rotating.falling_back import old_version
from secrets_vault import generation
from secrets_vault.errors import VaultError

THREADS = 2
MOST_KEPT = 1000


class FallBack:
    """Finds the way with the old credential. One per process."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="gateway-fall-back")
        self._nothing: dict[UUID, int] = {}

    async def way(self, trace: Trace, way: Way) -> Way | None:
        """Return the way with the old credential, and note it on the call; None where there is none."""
        route, refused = trace.route, way.credential.version_id
        seen = generation.current()
        if route is None or route.connection_id is None or self._nothing.get(refused) == seen:
            return None
        older = await asyncio.get_running_loop().run_in_executor(
            self._threads, _found, route.connection_id, way, refused
        )
        if older is None:
            self._keep(refused, seen)
            return None
        # What masks the log must know both values: an answer may repeat the refused one.
        known = (*older.credential.known, *way.credential.known)
        older = replace(older, credential=replace(older.credential, known=known))
        trace.route = replace(route, way=older)
        return older

    def _keep(self, refused: UUID, seen: int) -> None:
        if len(self._nothing) >= MOST_KEPT:
            self._nothing.clear()
        self._nothing[refused] = seen

    def close(self) -> None:
        """End the threads once their work is done."""
        self._threads.shutdown()


def _found(connection_id: UUID, way: Way, refused: UUID) -> Way | None:
    try:
        connection = Connection.objects.select_related("secret__current").filter(pk=connection_id).first()
        if connection is None or connection.secret_id is None:
            return None
        version = old_version(connection.secret_id, refused=refused, now=datetime.now(UTC))
        return older_way(connection, version, way) if version else None
    except VaultError:
        return None
    finally:
        connections.close_all()  # rare enough: nothing is kept open for it
