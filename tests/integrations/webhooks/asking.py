"""Ask the verifier about a made request, whole or changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from integrations.webhooks.request import WebhookRequest
from integrations.webhooks.schemes.proven import KeysByURL
from integrations.webhooks.schemes.registry import get_scheme
from integrations.webhooks.verify import Handshake, Refused, Verified, verify
from secrets_vault.secret import Secret
from tests.integrations.webhooks.signer import Made


def request_of(made: Made) -> WebhookRequest:
    headers = tuple((name.lower(), value.encode("latin-1")) for name, value in made.headers)
    return WebhookRequest(made.method, made.url, headers, made.body)


def keys_of(made: Made) -> KeysByURL:
    return KeysByURL({url: key.encode() for url, key in made.public_keys.items()})


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def ask(
    name: str, made: Made, *, at: float | None = None, secrets: tuple[str, ...] | None = None
) -> Verified | Handshake:
    """Return what the verifier says of a made request. Raises Refused."""
    return verify(
        request_of(made),
        get_scheme(name),
        [Secret(one) for one in (secrets if secrets is not None else (made.secret,))],
        now=moment(made.now if at is None else at),
        keys=keys_of(made),
    )


def reason(name: str, made: Made, **how: object) -> str:
    """Return the reason of a refusal, or `valid` and `handshake`."""
    try:
        said = ask(name, made, **how)  # type: ignore[arg-type]
    except Refused as refusal:
        return refusal.reason
    return "valid" if isinstance(said, Verified) else "handshake"


def with_signature(made: Made, written: str) -> Made:
    """Return the request with another text where the signature stands, be it header, query or body."""
    old = made.written
    return replace(
        made,
        headers=tuple((name, value.replace(old, written)) for name, value in made.headers),
        url=made.url.replace(old, written),
        body=made.body.replace(old.encode(), written.encode("latin-1")),
        written=written,
    )
