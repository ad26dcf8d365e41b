"""What of a call is kept, and how much memory the calls may take that could be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from integrations.gateway.aftermath import UnderWay
from integrations.gateway.body import CallerBody
from integrations.gateway.held.deciding import Stood, Verdict
from integrations.gateway.held.draft import Draft
from integrations.gateway.held.sealing import Request
from integrations.gateway.inject import without_carriers
from integrations.gateway.retry import KEPT_BODY_BYTES
from integrations.gateway.trace import Trace
from integrations.outbound.relaying import passed_on

MOST_BODY_BYTES = 5 * 1024 * 1024
MOST_IN_MEMORY = 64 * 1024 * 1024

Headers = list[tuple[bytes, bytes]]


def nothing() -> None:
    """Give nothing back."""


class Room:
    """The memory of one process for bodies that are kept in case their call fails.

    Where it is taken, a larger body is sent on as it comes, as without a queue, and cannot be kept.
    """

    def __init__(self, most: int = MOST_IN_MEMORY) -> None:
        self._left = most

    def of(self, body: CallerBody) -> tuple[int, Callable[[], None]]:
        """Return how much of this body to keep, and what gives the room back."""
        length = body.length
        if length is None or not KEPT_BODY_BYTES < length <= min(MOST_BODY_BYTES, self._left):
            return KEPT_BODY_BYTES, nothing
        self._left -= length

        def release() -> None:
            self._left += length

        return MOST_BODY_BYTES, release


def draft_of(call: UnderWay, body: bytes, stood: Stood, verdict: Verdict) -> Draft:
    """Return what is kept of a call: without its gateway token, and without a credential of the client's."""
    trace, route = call.trace, call.trace.route
    assert route is not None  # noqa: S101 - for the type checker; only a call with a route has a wish
    assert route.connection_id is not None  # noqa: S101 - as above
    assert route.environment_id is not None  # noqa: S101 - as above
    way = route.way
    return Draft(
        id=trace.id,
        client_id=route.token.client_id,
        environment_id=route.environment_id,
        connection_id=route.connection_id,
        token_id=route.token.id,
        token_name=route.token.name,
        signer=route.token.jwt_signer,
        held_at=datetime.now(UTC),
        request=request_of(call, body),
        shown=trace.upstream_target,
        host=way.origin.bound_name if way else "",
        caller_ip=trace.caller_ip,
        is_counted=call.is_counted,
        state=verdict.state,
        code=verdict.code,
        status=stood.status,
        key=call.asked.idempotency_key,
        callback=call.asked.callback,
        known=known_in(trace),
    )


def request_of(call: UnderWay, body: bytes) -> Request:
    """Return what is sent again."""
    carriers = call.found.slots if call.found is not None else frozenset()
    taken = {slot[7:].encode("latin-1") for slot in carriers if slot.startswith("header:")}
    headers = [header for _, header in passed_on(call.trace.request_headers, besides=taken)]
    return Request(
        method=call.trace.method,
        rest=call.rest,
        query=without_carriers(call.query, carriers),
        headers=headers,
        body=body,
        has_body=call.body.is_there,
    )


def known_in(trace: Trace) -> tuple[str, ...]:
    """Return what no list may show of a call."""
    credential = trace.route.way.credential if trace.route and trace.route.way else None
    return (*(credential.known if credential else ()), trace.token_text)
