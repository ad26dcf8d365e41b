"""What happened to one call, noted as it happens and handed to the call log at its end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from integrations.call_log import CallRecord
from integrations.call_log.upstream_ids import told_id
from integrations.gateway.route import Route
from integrations.limits import LOOKED_AT_BYTES, Reading, is_limit
from integrations.limits.reading import fold
from integrations.models.call import FAILED_OUTCOMES, Outcome
from integrations.providers.shape import Provider
from integrations.usage.ends import Ends
from secrets_vault.ids import uuid7
from secrets_vault.masking.bodies import decompress

Headers = list[tuple[bytes, bytes]]

KEPT_BYTES = 64 * 1024


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


@dataclass
class Trace:
    """One call. Headers and bodies are unmasked here: only the call log reads them, and masks them.

    `key_id` is the call that is made again here: to the provider it is the same one. `queued` is what the answer says
    of the queue, and `cache` what of an answer that is kept.

    Most calls leave most of this as it is, so it has no slots: what is not set stays in the class.
    """

    method: str
    upstream_target: bytes = field(repr=False)
    request_headers: Headers = field(repr=False)
    caller_ip: str = ""
    id: UUID = field(default_factory=uuid7)
    at: datetime = field(default_factory=now, init=False)
    started: float = field(default_factory=time.perf_counter, init=False)
    timeline: list[dict[str, object]] = field(default_factory=list, init=False)
    signatures: list[str] = field(default_factory=list, repr=False, init=False)
    response_body: bytearray = field(default_factory=bytearray, repr=False, init=False)
    route: Route | None = field(default=None, init=False)
    status: int | None = field(default=None, init=False)
    code: str = field(default="", init=False)
    attempts: int = field(default=0, init=False)
    upstream_s: float = field(default=0.0, init=False)
    total_s: float = field(default=0.0, init=False)
    request_bytes: int = field(default=0, init=False)
    response_bytes: int = field(default=0, init=False)
    request_body: bytes = field(default=b"", repr=False, init=False)
    response_headers: Sequence[tuple[bytes, bytes]] = field(default=(), repr=False, init=False)
    answer_ends: Ends | None = field(default=None, repr=False, init=False)
    readings: Sequence[Reading] = field(default=(), init=False)
    counted: Sequence[Reading] = field(default=(), init=False)
    paced_s: float = field(default=0.0, init=False)
    is_limit: bool = field(default=False, init=False)
    is_watched: bool = field(default=False, init=False)
    has_begun: bool = field(default=False, init=False)
    was_cancelled: bool = field(default=False, init=False)
    token_text: str = field(default="", repr=False, init=False)
    key_id: UUID | None = field(default=None, init=False)
    queued: str = field(default="", init=False)
    cache: str = field(default="", init=False)
    cors: Sequence[tuple[bytes, bytes]] = field(default=(), init=False)

    def note(self, **event: object) -> None:
        """Add to the timeline what one attempt came to."""
        self.timeline.append({"at_ms": round(self.elapsed_s * 1000, 1), **event})

    @property
    def elapsed_s(self) -> float:
        """Return the seconds since the call came in."""
        return time.perf_counter() - self.started

    def keep_answer(self, chunk: bytes) -> None:
        """Count an answer's chunk, and keep the beginning of the body of a failed call.

        Of a watched one too: its provider may say a limit with the status of a success.
        """
        self.response_bytes += len(chunk)
        if self.answer_ends is not None:
            self.answer_ends.feed(chunk)
        most = LOOKED_AT_BYTES if self.is_watched else KEPT_BYTES if (self.status or 0) >= 400 else 0
        if len(self.response_body) < most:
            self.response_body += chunk[: most - len(self.response_body)]

    def judge_watched(self, provider: Provider) -> None:
        """Say whether a watched answer meant a limit."""
        if not self.is_watched or self.status is None:
            return
        is_whole = self.response_bytes <= LOOKED_AT_BYTES
        body = _plain(bytes(self.response_body), self.response_headers) if is_whole else b""
        self.is_limit = is_limit(self.status, (), body, provider=provider)

    def record(self) -> CallRecord:
        """Return what the call log needs. Only for a call whose token was found.

        It may wait in memory for seconds, so what no row of a call that went well shows is left behind here.
        """
        route = self.route
        assert route is not None  # noqa: S101 - the caller checks
        token, way = route.token, route.way
        credential = way.credential if way else None
        outcome = self.outcome()
        has_failed = outcome.value in FAILED_OUTCOMES
        is_told = has_failed or self.attempts > 1 or self.paced_s >= 0.001
        return CallRecord(
            id=self.id,
            at=self.at,
            client_id=token.client_id,
            environment_id=route.environment_id,
            connection_id=route.connection_id,
            token_id=token.id,
            token_name=token.name,
            jwt_issuer=token.jwt_issuer,
            jwt_subject=token.jwt_subject,
            provider_key=route.provider_key,
            provider=way.provider if way else None,
            method=self.method,
            host=way.origin.bound_name if way else "",
            target=self.upstream_target,
            status=self.status,
            outcome=outcome,
            code=self.code,
            attempts=self.attempts,
            total_ms=self.total_s * 1000,
            upstream_ms=self.upstream_s * 1000,
            request_bytes=self.request_bytes,
            response_bytes=self.response_bytes,
            agent=_agent(self.request_headers),
            upstream_ref=told_id(self.response_headers),
            request_headers=self.request_headers if has_failed else (),
            # What an answer used may be priced by the model that was asked for.
            request_body=self.request_body if has_failed or self.answer_ends is not None else b"",
            response_headers=self.response_headers if has_failed else (),
            # Looked at for a limit, and none was said: of a success nothing is kept, even if it broke off.
            response_body=b""
            if not has_failed or (self.is_watched and not self.is_limit)
            else bytes(self.response_body),
            answer_ends=self.answer_ends,
            timeline=self.timeline if is_told else (),
            readings=self.readings,
            secret_id=credential.secret_id if credential else None,
            secret_version=credential.version if credential else None,
            secret_made_at=credential.made_at if credential else None,
            caller_ip=self.caller_ip,
            # A signature is in no row of a call that went well, and would make a masker for each call.
            known=(
                *(credential.known if credential else ()),
                # A call that is made again here came in with a text that opened nothing but this one call.
                *((self.token_text,) if self.key_id is None else ()),
                *(self.signatures if has_failed else ()),
            ),
        )

    def outcome(self) -> Outcome:
        """Return how the call ended."""
        if self.was_cancelled:
            return Outcome.CANCELLED
        if self.code:
            return _BY_CODE.get(self.code, Outcome.REFUSED)
        if self.is_limit:
            return Outcome.LIMITED
        status = self.status or 0
        if status < 400:
            return Outcome.RECOVERED if self.attempts > 1 else Outcome.OK
        if status in (401, 403):
            return Outcome.AUTH
        return Outcome.CLIENT_ERROR if status < 500 else Outcome.UPSTREAM_ERROR


def _agent(headers: Headers) -> bytes:
    """Return what the caller's program calls itself, b"" where it does not say."""
    return next((value for name, value in headers if len(name) == 10 and name.lower() == b"user-agent"), b"")


def _plain(body: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    return decompress(body, encoding=fold(headers).get("content-encoding"))


_BY_CODE = {
    "upstream_unreachable": Outcome.UNREACHABLE,
    "upstream_invalid": Outcome.UPSTREAM_ERROR,
    "upstream_timeout": Outcome.TIMEOUT,
    "token_limited": Outcome.LIMITED,
    "upstream_limited": Outcome.LIMITED,
    "internal_error": Outcome.REFUSED,
}
