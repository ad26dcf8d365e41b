"""What a proof gives, and what a scheme with code of its own is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from integrations.webhooks.request import WebhookRequest
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from integrations.webhooks.schemes.shape import Scheme


class KeySource(Protocol):
    """Where the keys are that vendors publish. Verifying fetches nothing: what is not there is missing."""

    def find(self, url: str) -> bytes | None:
        """Return the key or certificate at this address as it was fetched, None where it was not."""
        ...


@dataclass(frozen=True, slots=True)
class KeysByURL:
    """Published keys that are at hand, by the address they came from."""

    keys: Mapping[str, bytes]

    def find(self, url: str) -> bytes | None:
        """Return the key that came from this address."""
        return self.keys.get(url)


NO_KEYS = KeysByURL({})


@dataclass(frozen=True, slots=True)
class Case:
    """One request before one scheme."""

    request: WebhookRequest
    scheme: Scheme
    secrets: Sequence[Secret]
    now: datetime
    keys: KeySource = NO_KEYS


@dataclass(frozen=True, slots=True)
class Proven:
    """A signature that is right, in its one canonical form, and the bytes it covers.

    `signed_at` and `event_id` are set by functions that read them from inside what they prove. What is put together
    consists of parts that are each signed alone, so that their company proves nothing.
    """

    signature: bytes
    content: bytes
    secret_number: int
    signed_at: datetime | None = None
    event_id: str | None = None
    is_put_together: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """The code of one scheme. `prove` raises Refused; `key_urls` names the published keys a request needs.

    `signed` gives the bytes that should be signed, to be shown; where they say nothing to a reader there is none.
    """

    prove: Callable[[Case], Proven]
    key_urls: Callable[[WebhookRequest], tuple[str, ...]] | None = None
    signed: Callable[[Case], bytes] | None = None

    @property
    def needs_published_keys(self) -> bool:
        """Return whether keys must be fetched before this can prove anything."""
        return self.key_urls is not None
