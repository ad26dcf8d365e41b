"""AES-256 envelope encryption: the only file, with signatures.py, that imports `cryptography`.

A message is sealed under a key of its own, derived from a keyring key and 32 random bytes, with a
commitment to that key (the shape of the AWS Encryption SDK's suite 0x0478):

    HKDF-SHA512(keyring key, salt, "keylodge/seal/1" ‖ suite ‖ term id) -> key 32 | nonce 12 | commitment 32
    blob = version 1 | suite 1 | term id 16 | salt 32 | commitment 32 | ciphertext | tag 16

The associated data are the header and, each behind its length, the immutable ids of the place where
the message lives. A blob moved anywhere else does not open. Nothing is ever tried with a second key.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha512
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from secrets_vault.errors import Unreadable

VERSION: Final = 1
SUITE: Final = 1
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
SALT_BYTES: Final = 32
TAG_BYTES: Final = 16
COMMITMENT_BYTES: Final = 32
HEADER_BYTES: Final = 1 + 1 + 16 + SALT_BYTES + COMMITMENT_BYTES
OVERHEAD_BYTES: Final = HEADER_BYTES + TAG_BYTES
NOBODY: Final = UUID(int=0)  # stands for "no client" and "no environment": the agency's own


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message lives, by ids that never change. All of it is authenticated, none of it stored."""

    installation: UUID
    row: UUID
    field: str
    client: UUID | None = None
    environment: UUID | None = None
    number: int = 0
    content_type: str = "secret"

    def associated_data(self, header: bytes) -> bytes:
        """Return the header and every part behind its length, so that no two places read alike."""
        parts = (
            self.installation.bytes,
            (self.client or NOBODY).bytes,
            (self.environment or NOBODY).bytes,
            self.row.bytes,
            self.number.to_bytes(8),
            self.field.encode(),
            self.content_type.encode(),
        )
        return header + b"".join(len(part).to_bytes(4) + part for part in parts)


def seal(plaintext: bytes, *, key: bytes, term: UUID, place: Place) -> bytes:
    """Return the blob of a message, 98 bytes longer than the plaintext."""
    salt = os.urandom(SALT_BYTES)
    message_key, nonce, commitment = _derive(key, salt, suite=SUITE, term=term)
    header = bytes((VERSION, SUITE)) + term.bytes + salt + commitment
    return header + _cipher(message_key, nonce).encrypt(nonce, plaintext, place.associated_data(header))


def open_blob(blob: bytes, *, key_of: Callable[[UUID], bytes], place: Place) -> bytearray:
    """Return the plaintext of a blob. `key_of` gives the keyring key of the term that the blob names.

    Raises Unreadable for anything that was not sealed at exactly this place under exactly that key.
    """
    term = term_of(blob)
    header, sealed = blob[:HEADER_BYTES], blob[HEADER_BYTES:]
    salt, stated = header[18 : 18 + SALT_BYTES], header[18 + SALT_BYTES :]
    message_key, nonce, commitment = _derive(key_of(term), salt, suite=SUITE, term=term)
    if not hmac.compare_digest(commitment, stated):
        raise Unreadable("This value was not sealed under the key that it names.")
    plaintext = bytearray(len(sealed) - TAG_BYTES)
    try:
        _cipher(message_key, nonce).decrypt_into(nonce, sealed, place.associated_data(header), plaintext)
    except InvalidTag:
        raise Unreadable("This value has been changed, or moved from where it was stored.") from None
    return plaintext


def term_of(blob: bytes) -> UUID:
    """Return the id of the keyring term that a blob names, without opening it.

    Raises Unreadable for a blob that is too short, or of a version or suite that we do not know.
    """
    if len(blob) < OVERHEAD_BYTES:
        raise Unreadable("This value is cut short.")
    if blob[0] != VERSION or blob[1] != SUITE:
        raise Unreadable("This value was sealed in a format that this version of Keylodge does not know.")
    return UUID(bytes=bytes(blob[2:18]))


def _derive(key: bytes, salt: bytes, *, suite: int, term: UUID) -> tuple[bytes, bytes, bytes]:
    """Return the message key, the nonce and the commitment."""
    _require_key(key)
    info = b"keylodge/seal/1" + bytes((suite,)) + term.bytes
    size = KEY_BYTES + NONCE_BYTES + COMMITMENT_BYTES
    derived = HKDF(algorithm=SHA512(), length=size, salt=salt, info=info).derive(key)
    nonce_end = KEY_BYTES + NONCE_BYTES
    return derived[:KEY_BYTES], derived[KEY_BYTES:nonce_end], derived[nonce_end:]


def _cipher(message_key: bytes, nonce: bytes) -> AESGCM:
    # AESGCM takes a nonce of 8 bytes, or a key of 16, without a word.
    _require_key(message_key)
    if len(nonce) != NONCE_BYTES:
        raise ValueError("a nonce has 12 bytes")
    return AESGCM(message_key)


def _require_key(key: bytes) -> None:
    if len(key) != KEY_BYTES:
        raise ValueError("a key has 32 bytes")


def subkey(root_key: bytes, label: str) -> bytes:
    """Return the 32-byte key for one purpose, from the root key and the purpose's name (RFC 5869)."""
    _require_key(root_key)
    info = b"keylodge/subkey/1/" + label.encode()
    return HKDF(algorithm=SHA512(), length=KEY_BYTES, salt=None, info=info).derive(root_key)


def fingerprint_of(key: bytes) -> str:
    """Return the public name of a key, as `3f0a-91c2-77de-0b64`: it tells keys apart and gives nothing away."""
    name = sha512(b"keylodge/fingerprint/1" + key).hexdigest()[:16]
    return "-".join(name[i : i + 4] for i in range(0, 16, 4))
