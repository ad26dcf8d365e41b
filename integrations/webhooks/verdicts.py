"""What can be said about a request: verified, a handshake, or refused and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from integrations.errors import IntegrationError
from secrets_vault.secret import Secret

REASONS = (
    "missing",  # a signature, timestamp, id or other part that the scheme demands is not there
    "doubled",  # such a part is there more than once: which one the sender meant cannot be known
    "malformed",  # such a part cannot be read as the scheme writes it
    "stale",  # rightly signed, too long ago
    "future",  # rightly signed, too far ahead
    "mismatch",  # read, compared, and not equal
    "no_secret",  # there is nothing to compare with
    "unknown_scheme",
    "wrong_url",  # rightly signed, for another address than the registered one
)


class Refused(IntegrationError):
    """The request proves nothing. `reason` is one of REASONS, `why` a sentence without secret, body or URL query."""

    code = "webhook_refused"

    def __init__(self, reason: str, why: str) -> None:
        if reason not in REASONS:
            raise ValueError(f"{reason} is no reason")
        self.reason, self.why = reason, why
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Verified:
    """A request whose sender knows the secret.

    `replay_digest` is SHA-256 over what is signed: a copy has the same one, whatever unsigned header was changed
    and whichever of several signatures was taken away. `secret_number` counts the secrets as they were passed, from 0.
    What is put together is right in each of its parts; that they came as one request is not proven.
    """

    event_id: str | None
    is_id_signed: bool
    signed_at: datetime | None
    replay_digest: bytes
    event_type: str | None
    secret_number: int
    is_put_together: bool = False


@dataclass(frozen=True, slots=True)
class Handshake:
    """A sender's question whether this address is ours, and the answer it wants.

    One that carries a right signature (`is_signed`) may be answered at any time: Zoom repeats its own every
    three days. So may one that the vendor repeats and that gives nothing away (`is_repeated`): X asks every
    hour. Any other is answered in pairing mode only. `secret_to_keep` is a secret that came with it;
    `visit` an address that must be called to confirm.
    """

    status: int
    content_type: str
    body: bytes
    secret_to_keep: Secret | None = None
    headers: tuple[tuple[str, str], ...] = ()
    is_signed: bool = False
    is_repeated: bool = False
    visit: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the inspector and the live tester show of one verification.

    `signed_content` has the secret masked where a scheme puts it there. Only the beginning of the expected
    signature is shown; `first_difference` counts characters of the written signature, from 0.
    """

    verdict: str  # valid, invalid or handshake
    reason: str
    why: str
    signed_content: bytes = b""
    expected_masked: str = ""
    received_masked: str = ""
    first_difference: int | None = None
    hint: str = ""
