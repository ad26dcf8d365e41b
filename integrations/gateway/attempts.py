"""The attempts of one call: each goes out anew, and the first answer that stands ends them."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from integrations import limits
from integrations.gateway import inject, retry, target
from integrations.gateway.breaker import Gate, Sign, sign_of_error, sign_of_status
from integrations.gateway.quota.pace import Pace
from integrations.gateway.route import Way
from integrations.gateway.trace import Trace
from integrations.limits.reading import fold
from integrations.outbound import Answering, Caller, OutboundError, Unreachable
from integrations.outbound.call import Body, Deadline
from integrations.providers.parts import TOKEN_KINDS
from integrations.providers.shape import Provider

Headers = list[tuple[bytes, bytes]]

# A model may think for minutes before its first byte; everything else must have begun within the budget.
HEAD_DEADLINE_S = {"ai": 300.0}
EVENT_STREAM_S = 600.0
PEEKED_BYTES = 64 * 1024


@dataclass(slots=True)
class Standing:
    """The answer that goes back: its head, what was already read of its body, and the rest."""

    answering: Answering
    peeked: list[bytes] = field(default_factory=list)
    _given: int = 0

    async def peek(self) -> bytes:
        """Return the beginning of the body, and keep it for the caller."""
        size = 0
        while size < PEEKED_BYTES and (chunk := await self.answering.next()):
            self.peeked.append(chunk)
            size += len(chunk)
        return b"".join(self.peeked)

    @property
    def is_over(self) -> bool:
        """Tell whether the chunk just yielded was the last. Where that cannot be told yet, it is not."""
        return not self.peeked and self.answering.is_over

    async def next(self) -> bytes:
        """Return the next part of the whole body, b"" after the last."""
        if self._given < len(self.peeked):
            self._given += 1
            return self.peeked[self._given - 1]
        return await self.answering.next()


@dataclass(slots=True)
class Attempts:
    """One call on its way upstream.

    `carriers` are the slots that held the gateway token; `renewed` gives the way with another credential, or None.
    `verdict` is what follows from the last failed attempt: whether repeating it later could do harm. `sign` is what
    it says about the upstream, and `asked_s` how long that asked to be left alone.
    """

    caller: Caller
    trace: Trace
    way: Way
    partition: str
    carriers: frozenset[str]
    rest: bytes
    query: bytes
    body: Body
    is_body_kept: bool
    renewed: Callable[[Way], Awaitable[Way | None]]
    pace: Pace
    has_renewed: bool = False
    verdict: retry.Verdict = retry.Verdict.STANDS
    sign: Sign = Sign.NOTHING
    asked_s: float = 0.0

    async def until_one_stands(self, budget: retry.RetryBudget, gate: Gate) -> Standing:
        """Return the answer that stands; raises the last OutboundError where there is none.

        Raises Problem breaker_open where the upstream was given up while the call waited to be repeated.
        """
        try:
            return await self._until_one_stands(budget, gate)
        finally:
            if not gate.is_of_no_news(self.sign):
                await gate.ended(self.sign, asked_s=self.asked_s)

    async def _until_one_stands(self, budget: retry.RetryBudget, gate: Gate) -> Standing:
        deadline = Deadline(HEAD_DEADLINE_S.get(self.way.provider.category, retry.BUDGET_S))
        ends_at = time.monotonic() + retry.BUDGET_S
        while True:
            answer = await self._once(deadline)
            if isinstance(answer, Standing) and await self._has_other_credential(answer):
                answer.answering.close()
                continue
            failure = await self._failure(answer)
            left_s = min(ends_at - time.monotonic(), deadline.left_s)
            wait_s = self._wait_s(failure, left_s=left_s) if failure is not None else None
            if failure is None or wait_s is None:
                break
            if gave_up := await self._gives_up(budget, gate):
                self.trace.timeline[-1]["gave_up"] = gave_up
                break
            self._note_wait(wait_s, failure)
            if isinstance(answer, Standing):
                answer.answering.close()
            await asyncio.sleep(wait_s)
            if not gate.may_repeat:
                raise gate.breaker.refusal(gate.origin)
        if isinstance(answer, OutboundError):
            raise answer
        if is_event_stream(answer.answering):
            deadline.at += EVENT_STREAM_S
        return answer

    async def _gives_up(self, budget: retry.RetryBudget, gate: Gate) -> str:
        """Return why a failed attempt is not made again although it could be, or ""."""
        if not gate.may_repeat:
            return "breaker"
        return "" if await budget.allows(time.monotonic()) else "budget"

    def _note_wait(self, wait_s: float, failure: retry.Failure) -> None:
        """Note how long is waited, and what the upstream asked for."""
        noted = self.trace.timeline[-1]
        noted["wait_ms"] = round(wait_s * 1000)
        if failure.retry_after_s is not None:
            noted["retry_after_s"] = round(failure.retry_after_s, 3)

    async def _once(self, deadline: Deadline) -> Standing | OutboundError:
        """Make one attempt, as soon as the provider's limits let it go, and note what it came to."""
        trace = self.trace
        waited_since = time.monotonic()
        await self.pace.ready()
        deadline.at += time.monotonic() - waited_since  # waiting for a turn takes no time from the provider
        queued = self.pace.goes()
        trace.attempts += 1
        trace.is_limit = False
        started = time.perf_counter()
        try:
            answering = await self._request(deadline)
        except OutboundError as error:
            trace.note(code=error.code, phase=error.phase, ms=_ms_since(started), **queued)
            self.pace.unanswered(was_sent=error.was_sent)
            return error
        finally:
            trace.upstream_s += time.perf_counter() - started
        trace.note(status=answering.status, ms=_ms_since(started), **queued)
        self._read_limits(answering)
        return Standing(answering)

    def _read_limits(self, answering: Answering) -> None:
        """Note what the answer says is left; of one that failed, the body has to be looked at first."""
        self.trace.readings = limits.read_limits(
            answering.headers, status=answering.status, now=datetime.now(UTC), provider=self.way.provider
        )
        if answering.status < 400:
            self.pace.heard()

    async def _has_other_credential(self, answer: Standing) -> bool:
        """After a refused credential, tell whether there is another to try, once: a refusal means nothing was done."""
        if answer.answering.status not in self._refusals() or self.has_renewed or not self.is_body_kept:
            return False
        self.has_renewed = True
        way = await self.renewed(self.way)
        if way is None:
            return False
        is_older = way.credential.version < self.way.credential.version
        self.trace.timeline[-1]["fell_back" if is_older else "refreshed"] = True
        self.way = way
        return True

    def _refusals(self) -> tuple[int, ...]:
        """Return what the provider answers to a credential that it does not know; to an access token always 401."""
        route = self.trace.route
        return (401,) if route and route.kind in TOKEN_KINDS else self.way.provider.rotation.refused_statuses

    def _request(self, deadline: Deadline) -> Awaitable[Answering]:
        way, injected = self.way, self.way.credential.injected
        headers = inject.upstream_headers(
            self.trace.request_headers,
            carriers=self.carriers,
            injected=injected,
            static={**way.provider.static_headers, **self._idempotency_header()},
            version=way.provider.versions.header.lower() if way.provider.versions else "",
        )
        query = inject.upstream_query(self.query, carriers=self.carriers, injected=injected)
        sent_to = target.joined(inject.upstream_path(way.base_path, injected), self.rest, query)
        body = self.body
        if injected.changes_body:
            body = inject.upstream_body(body, self.trace.request_headers, injected=injected)
            headers += self._signature(sent_to, headers, body=body)
        return self.caller.request(
            self.trace.method.encode("ascii"),
            way.origin,
            target=sent_to,
            headers=headers,
            body=body,
            deadline=deadline,
            allowed=way.allowed,
            partition=self.partition,
        )

    def _signature(self, sent_to: bytes, headers: Headers, *, body: Body) -> Headers:
        """Return what signs this attempt: a later one has its own time, and so its own signature."""
        added = inject.signature(
            self.way.credential.injected,
            self.trace.method,
            origin=self.way.origin,
            target=sent_to,
            headers=self.trace.request_headers,
            sent=headers,
            body=body,
            now=datetime.now(UTC),
        )
        self.trace.signatures += [value.decode("latin-1").rpartition("=")[2].strip('"') for _, value in added[-1:]]
        return added

    def _idempotency_header(self) -> dict[str, str]:
        """Return the provider's own header with our key, where it has one and the caller sent none."""
        facts = self.way.provider.idempotency
        if facts is None or self.trace.method not in facts.methods or self._has_callers_key():
            return {}
        return {facts.header: str(self.trace.key_id or self.trace.id)[: facts.max_length]}

    def _has_callers_key(self) -> bool:
        return has_callers_key(self.trace.request_headers, self.way.provider)

    async def _failure(self, answer: Standing | OutboundError) -> retry.Failure | None:
        """Return what a repeat is decided by, or None for an answer that is none of ours to judge."""
        if isinstance(answer, OutboundError):
            self.sign = sign_of_error(answer)
            # A deadline, a broken answer or a refused host will be no better in a second.
            return retry.Failure(None, was_sent=answer.was_sent, is_broken=not isinstance(answer, Unreachable))
        status, headers = answer.answering.status, answer.answering.headers
        if status < 400:
            self.sign = Sign.WELL
            return None
        body, provider = await answer.peek(), self.way.provider
        self.trace.is_limit = limits.is_limit(status, headers, body, provider=provider)
        self.sign = sign_of_status(status, is_limit=self.trace.is_limit)
        wait_s = limits.asked_wait_s(fold(headers), body, provider=provider, now=datetime.now(UTC))
        self.asked_s = wait_s or 0.0
        is_final = limits.never_repeat(limits.error_codes(body), provider=provider)
        self.pace.heard(is_limit=self.trace.is_limit or is_final, wait_s=wait_s, is_spent=is_final)
        return retry.Failure(status, retry_after_s=wait_s, is_final=is_final)

    def _wait_s(self, failure: retry.Failure, *, left_s: float) -> float | None:
        trace = self.trace
        request = request_of(trace.method, trace.request_headers, self.way.provider, is_body_kept=self.is_body_kept)
        self.verdict = retry.verdict(request, failure)
        return retry.wait_s(request, failure, attempt=self.trace.attempts, left_s=left_s, chance=random.random)


def request_of(method: str, headers: Headers, provider: Provider, *, is_body_kept: bool = True) -> retry.Request:
    """Return what of a call decides whether it may be repeated."""
    facts = provider.idempotency
    is_keyed = facts is not None and (method in facts.methods or has_callers_key(headers, provider))
    return retry.Request(method, is_keyed, is_body_kept, provider.retries_500)


def has_callers_key(headers: Headers, provider: Provider) -> bool:
    """Tell whether the caller sent an idempotency key where the provider looks for one."""
    wanted = provider.idempotency.header.lower().encode("latin-1") if provider.idempotency else b""
    return any(name.lower() == wanted for name, _ in headers)


def is_event_stream(answering: Answering) -> bool:
    """Tell whether the answer is server-sent events, which may last for minutes."""
    if b"content-type" not in answering.names:
        return False
    media = answering.headers[answering.names.index(b"content-type")][1]
    return media.lower().startswith(b"text/event-stream")


def _ms_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
