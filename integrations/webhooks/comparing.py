"""Compare a received signature with what the secret gives, in constant time, over decoded bytes."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from integrations.webhooks.places import place, text
from integrations.webhooks.schemes.parts import PUBLIC_KEY_KINDS, Proof
from integrations.webhooks.schemes.proven import Case
from integrations.webhooks.signed_content import signed_content
from integrations.webhooks.verdicts import Refused
from secrets_vault import signatures


@dataclass(frozen=True, slots=True)
class Key:
    """One secret as one proof uses it."""

    proof: Proof
    number: int
    material: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """One signature that was received for one proof: as written, and decoded."""

    proof: Proof
    written: str
    value: bytes


def content_of(case: Case, key: Key, *, url: str, known: Mapping[str, bytes], masks_secret: bool = False) -> bytes:
    """Return the bytes this proof signs; where it signs nothing, those that were sent, to know a copy by."""
    if key.proof.kind == "equality":
        return case.request.body or case.request.query.encode()
    parts = {**known, "secret": key.material}
    content = signed_content(case.request, key.proof.signed, url=url, known=parts, masks_secret=masks_secret)
    if key.proof.kind == "digest":
        _check_is_text(content)
    return content


def _check_is_text(content: bytes) -> None:
    """Raise Refused for what is no text. A plain digest goes on: whoever has one can add to what it covers.

    What they add begins with the byte 80 after a whole character, which no UTF-8 text holds.
    """
    try:
        content.decode()
    except UnicodeDecodeError:
        raise Refused("malformed", "What is signed is not text, as this scheme's plain digest needs it.") from None


def right_signatures(case: Case, key: Key, claims: list[Claim], content: bytes) -> list[bytes]:
    """Return the canonical form of each right claim. What is expected is computed once, however many claim it."""
    if key.proof.kind in PUBLIC_KEY_KINDS:
        return [signature for claim in claims if (signature := _public_key(key, claim, content)) is not None]
    if key.proof.encoding == "basic":
        return [key.material for claim in claims if _is_basic(key, claim)]
    expected = expected_signature(case, key, content)
    return [expected for claim in claims if hmac.compare_digest(expected, claim.value)]


def expected_signature(case: Case, key: Key, content: bytes) -> bytes:
    """Return what a sender who knows the secret would have sent, for the kinds whose secret is shared."""
    if key.proof.kind == "equality":
        return key.material
    name = _hash_name(case, key.proof)
    if key.proof.kind == "digest":
        return hashlib.new(name, content).digest()
    return hmac.digest(key.material, content, name)


def _hash_name(case: Case, proof: Proof) -> str:
    if proof.hash_named is None:
        return proof.hash
    named = text(case.request, place(proof.hash_named.place))
    if not named:
        return proof.hash
    if named not in proof.hash_named.means:
        raise Refused("malformed", "The request names a hash that this scheme does not have.")
    return proof.hash_named.means[named]


def _is_basic(key: Key, claim: Claim) -> bool:
    """Compare `user:password`, or the password alone where the secret names no user (RFC 7617)."""
    given = claim.value if b":" in key.material else claim.value.partition(b":")[2]
    return hmac.compare_digest(given, key.material)


def _public_key(key: Key, claim: Claim, content: bytes) -> bytes | None:
    try:
        if key.proof.kind == "ecdsa_p256":
            return signatures.verify_ecdsa_p256(key.material, claim.value, content)
        if key.proof.kind == "ed25519":
            signatures.verify_ed25519(key.material, claim.value, content)
        else:
            signatures.verify_rsa(key.material, claim.value, content, hash_name=key.proof.hash)
    except signatures.BadSignature:
        return None
    return claim.value
