"""The only room that opens a connection to the outside: address checks, deadlines, caps, bytes untouched."""

from integrations.outbound.addresses import is_public
from integrations.outbound.call import Answering, Caller
from integrations.outbound.dial import ALLOWED_HOSTS_SETTING, Dialler, allowed_private_hosts, private_hosts
from integrations.outbound.errors import (
    BadRequest,
    BodyTooLarge,
    HostRefused,
    InvalidAnswer,
    OutboundError,
    Unreachable,
    UpstreamTimeout,
)
from integrations.outbound.origin import Origin, split_url
from integrations.outbound.send import Answer, send, vet

__all__ = [
    "ALLOWED_HOSTS_SETTING",
    "Answer",
    "Answering",
    "BadRequest",
    "BodyTooLarge",
    "Caller",
    "Dialler",
    "HostRefused",
    "InvalidAnswer",
    "Origin",
    "OutboundError",
    "Unreachable",
    "UpstreamTimeout",
    "allowed_private_hosts",
    "is_public",
    "private_hosts",
    "send",
    "split_url",
    "vet",
]
