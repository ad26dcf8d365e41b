"""Statements that this installation signs, so that somebody else can see later that it made them, and that unchanged.

    signature = Ed25519(signing key, "keylodge/certificate/1" ‖ 0 ‖ canonical JSON)

The signing key is derived from the root key: it is stored nowhere, and a restored backup signs and checks alike.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from secrets_vault import keys, signatures
from secrets_vault.envelope import fingerprint_of

DOMAIN = b"keylodge/certificate/1\0"
LABEL = "certificate signing"


def canonical(statement: Mapping[str, Any]) -> bytes:
    """Return a statement as JSON that is the same everywhere: sorted, ASCII, no spaces."""
    return json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def public_key() -> bytes:
    """Return the 32 bytes of the key that checks this installation's signatures."""
    return signatures.ed25519_public(keys.unlock().subkey(LABEL))


def key_named() -> dict[str, str]:
    """Return what a statement says about the key: its name, the algorithm, and the public half in base64."""
    public = public_key()
    return {
        "id": fingerprint_of(public),
        "algorithm": "Ed25519",
        "public": base64.b64encode(public).decode(),
        "signed": "“keylodge/certificate/1”, one zero byte, then this object as JSON: sorted keys, ASCII, no spaces",
    }


def sign(statement: Mapping[str, Any]) -> str:
    """Return the signature in base64."""
    signed = signatures.sign_ed25519(keys.unlock().subkey(LABEL), DOMAIN + canonical(statement))
    return base64.b64encode(signed).decode()


def is_ours(statement: Mapping[str, Any], signature: str) -> bool:
    """Tell whether this installation signed exactly this statement."""
    try:
        raw = base64.b64decode(signature, validate=True)
        signatures.verify_ed25519(base64.b64encode(public_key()), raw, DOMAIN + canonical(statement))
    except (signatures.BadSignature, binascii.Error, ValueError, TypeError):
        return False
    return True


def digest(statement: Mapping[str, Any]) -> str:
    """Return SHA-256 of the canonical JSON in hex: what a printed copy names."""
    return sha256(canonical(statement)).hexdigest()
