"""What can go wrong on the way to another system. No message holds a URL, header or body."""

from __future__ import annotations

from integrations.errors import IntegrationError


class OutboundError(IntegrationError):
    """A call that brought no usable answer.

    `was_sent` tells whether a byte of the request may have reached the other side: only when it is
    False can the call certainly not have taken effect.
    """

    code = "upstream_unreachable"

    def __init__(self, reason: str, *, was_sent: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.was_sent = was_sent

    @property
    def phase(self) -> str:
        """Return "before" or "after" the first byte was sent."""
        return "after" if self.was_sent else "before"


class Unreachable(OutboundError):
    """The name, the connection or TLS failed, or the connection broke before an answer came."""


class InvalidAnswer(OutboundError):
    """What came back is not HTTP, or ended too early."""

    code = "upstream_invalid"


class UpstreamTimeout(OutboundError):
    """The deadline of the whole call passed."""

    code = "upstream_timeout"


class HostRefused(OutboundError):
    """The host is private, or not one that this credential may go to."""

    code = "host_refused"


class BodyTooLarge(OutboundError):
    """The answer is larger than the caller can use."""

    code = "body_too_large"


class BadRequest(OutboundError):
    """The request cannot be written as HTTP: a control character in a header, or a bad URL."""

    code = "request_refused"
