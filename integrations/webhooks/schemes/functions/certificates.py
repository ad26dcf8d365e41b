"""RSA signatures by a certificate that the vendor publishes."""

from __future__ import annotations

from datetime import datetime

from integrations.webhooks.decoding import decoded
from integrations.webhooks.verdicts import Refused
from secrets_vault import signatures


def verified_by_certificate(
    certificate: bytes | None, written: str, content: bytes, *, now: datetime, hash_name: str = "sha256"
) -> bytes | None:
    """Return the signature when it is right, None when it is not. Raises Refused where either cannot be used."""
    try:
        signature = decoded(written, "base64")
    except ValueError:
        raise Refused("malformed", "The signature is not written in base64.") from None
    if not signature:
        raise Refused("malformed", "The signature is empty.")
    if certificate is None:
        raise Refused("no_secret", "The certificate that the request names is not at hand.")
    try:
        if b"BEGIN CERTIFICATE" in certificate:
            signatures.check_certificate(certificate, now=now)
        signatures.verify_rsa(certificate, signature, content, hash_name=hash_name)
    except signatures.BadPublicKey:
        raise Refused("no_secret", "The certificate is none, or does not hold now.") from None
    except signatures.BadSignature:
        return None
    return signature
