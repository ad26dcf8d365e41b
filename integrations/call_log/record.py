"""One call as the gateway saw it, unmasked: it lives in memory until the writer has masked it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from integrations.limits import Reading
from integrations.models.call import FAILED_OUTCOMES, Outcome
from integrations.providers.shape import Provider
from integrations.usage.ends import Ends

THIN_BYTES = 1_200  # with a path and a caller's name of the usual length
USUAL_BYTES = 300
HEADER_BYTES = 120  # of a header beside its characters, and of an entry in a timeline about four times as much
Headers = Sequence[tuple[bytes, bytes]]


@dataclass(slots=True, kw_only=True, eq=False)
class CallRecord:
    """One call. `known` are the secrets that took part in it, `upstream_ref` what the provider calls it.

    Thousands may wait to be written, so of a call that went well only that is kept which its row shows: no heads, no
    bodies but what tells the price of an answer. Not frozen, for that makes each of them dearer; nobody changes one.
    """

    id: UUID
    at: datetime
    client_id: UUID
    method: str
    outcome: Outcome
    environment_id: UUID | None = None
    connection_id: UUID | None = None
    token_id: UUID | None = None
    token_name: str = ""
    provider_key: str = ""
    provider: Provider | None = field(default=None, repr=False)
    host: str = ""
    target: bytes = field(default=b"", repr=False)
    status: int | None = None
    code: str = ""
    attempts: int = 0
    total_ms: float = 0.0
    upstream_ms: float = 0.0
    request_bytes: int = 0
    response_bytes: int = 0
    agent: bytes = field(default=b"", repr=False)
    upstream_ref: bytes = field(default=b"", repr=False)
    request_headers: Headers = field(default=(), repr=False)
    request_body: bytes = field(default=b"", repr=False)
    response_headers: Headers = field(default=(), repr=False)
    response_body: bytes = field(default=b"", repr=False)
    answer_ends: Ends | None = field(default=None, repr=False)
    timeline: Sequence[Mapping[str, object]] = ()
    readings: Sequence[Reading] = ()
    secret_id: UUID | None = None
    secret_version: int | None = None
    secret_made_at: datetime | None = None
    caller_ip: str = ""
    jwt_issuer: str = ""
    jwt_subject: str = ""
    known: tuple[str, ...] = field(default=(), repr=False)

    @property
    def has_failed(self) -> bool:
        """Tell whether the call counts as failed."""
        return self.outcome is not Outcome.OK and self.outcome.value in FAILED_OUTCOMES

    @property
    def weight(self) -> int:
        """Return about how many bytes of memory the record takes while it waits."""
        weight = THIN_BYTES + len(self.request_body) + len(self.response_body)
        weight += max(0, len(self.target) + len(self.agent) - USUAL_BYTES)
        for name, value in (*self.request_headers, *self.response_headers):
            weight += HEADER_BYTES + len(name) + len(value)
        weight += 4 * HEADER_BYTES * len(self.timeline)
        return weight if self.answer_ends is None else weight + self.answer_ends.kept_bytes
