"""The ending in which a caller gets the last good answer in the place of a failure, and can tell that it is one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from django.db import DatabaseError

from integrations.gateway.aftermath import Failed, Send, UnderWay
from integrations.gateway.breaker import DOWN_STATUSES
from integrations.gateway.held.keeping import note_failure
from integrations.gateway.own_headers import own_headers
from integrations.gateway.stale import keeping, rules
from integrations.gateway.stale.copying import is_wanted, key_of
from secrets_vault.errors import VaultError

# The provider gives no answer, or one that says that it has none. Not what the credential or the caller may not do:
# an answer from before would hide that.
CODES = frozenset({"breaker_open", "upstream_unreachable", "upstream_invalid", "upstream_timeout"})
STATUSES = DOWN_STATUSES | {429, 500, 529}


class Serving:
    """Gives the last good answer to who asked for it, once the failure of a call stands."""

    def __init__(self, in_thread: Callable[..., Awaitable[Any]]) -> None:
        self._in_thread = in_thread

    async def after(self, call: UnderWay, failed: Failed, *, send: Send) -> bool:
        """Answer with what is kept."""
        if not _is_asked_for(call) or not (failed.code in CODES or failed.status in STATUSES):
            return False
        route = call.trace.route
        way = call.attempts.way if call.attempts else route.way if route else None
        if way is None:
            return False
        now = datetime.now(UTC)
        try:
            found = await self._in_thread(keeping.find, key_of(call, way), now=now)
        except (DatabaseError, VaultError):
            return False
        if found is None:
            call.trace.cache = "nothing-stored"
            return False
        note_failure(call.trace, failed)
        await _answer(call, found, send=send, now=now)
        return True


def _is_asked_for(call: UnderWay) -> bool:
    is_ranged = any(name.lower() == b"range" for name, _ in call.trace.request_headers)
    return is_wanted(call) and call.trace.method == "GET" and not is_ranged


async def _answer(call: UnderWay, found: keeping.Found, *, send: Send, now: datetime) -> None:
    trace = call.trace
    trace.cache, trace.has_begun = "stale", True
    trace.note(stale_age_s=rules.age_s(found.headers, stored_at=found.stored_at, now=now))
    headers = [
        *rules.stale_headers(found.headers, stored_at=found.stored_at, now=now),
        *own_headers(trace, now=now),
        (b"content-length", b"%d" % len(found.body)),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": found.body, "more_body": False})
    trace.response_bytes = len(found.body)
