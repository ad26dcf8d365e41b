"""A stored secret as the bytes a scheme signs with: the one file of this room that takes plaintexts out."""

from __future__ import annotations

import base64
import binascii

from integrations.webhooks.decoding import decoded
from secrets_vault.secret import Secret

KEY_FORMS = ("text", "base64", "hex", "whsec", "whsec_or_text", "public_key", "whpk")
PUBLIC_KEY_FORMS = ("public_key", "whpk")
WHSEC = "whsec_"
WHPK = "whpk_"


class UnusableSecret(ValueError):
    """The stored secret is not in the form that the scheme wants. The message holds nothing of it."""


def key_bytes(secret: Secret, form: str) -> bytes:
    """Return the key. Raises UnusableSecret when the secret is empty or not in this form."""
    raw = secret.expose_bytes()
    if form in ("text", "public_key"):
        return _some(raw)
    try:
        written = raw.decode("ascii").strip()
        return _some(_decoded_key(written, form))
    except (UnicodeDecodeError, binascii.Error, ValueError):
        if form == "whsec_or_text" and not raw.startswith(WHSEC.encode()):
            return _some(raw)
        raise UnusableSecret(_WANTED[form]) from None


def _decoded_key(written: str, form: str) -> bytes:
    if form == "hex":
        return decoded(written, "hex")
    if form == "whpk":  # without the prefix it could be taken for a shared secret, which everybody would know
        if not written.startswith(WHPK):
            raise ValueError("is no whpk_")
        return written.removeprefix(WHPK).encode()
    if form == "base64":
        return base64.b64decode(written, validate=True)
    if form == "whsec_or_text" and not written.startswith(WHSEC):
        raise ValueError("is text")
    bare = written.removeprefix(WHSEC)
    return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)


def _some(key: bytes) -> bytes:
    if not key:
        raise UnusableSecret("The stored secret is empty.")
    return key


_WANTED = {
    "base64": "The stored secret is not base64, as this scheme's secrets are.",
    "hex": "The stored secret is not hexadecimal, as this scheme's secrets are.",
    "whsec": "The stored secret is not whsec_ and base64, as this scheme's secrets are.",
    "whpk": "The stored secret is not whpk_ and base64, as this scheme's public keys are.",
    "whsec_or_text": "The stored secret begins with whsec_, but what follows is not base64.",
}
