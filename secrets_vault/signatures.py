"""Checks signatures that others made with a private key: Ed25519, ECDSA on P-256, RSA. Makes Ed25519 of our own."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

RSA_SMALLEST_BITS = 2048
ED25519_BYTES = 32
P256_BYTES = 32


class BadPublicKey(Exception):
    """This is no public key of the kind that is wanted."""


class BadSignature(Exception):
    """The signature was not made over these bytes by the private key of this public key."""


def verify_ed25519(key: bytes, signature: bytes, content: bytes) -> None:
    """Raise BadSignature, or BadPublicKey. `key` is 32 bytes in hex or base64, or SubjectPublicKeyInfo."""
    public = _ed25519(key)
    try:
        public.verify(signature, content)
    except InvalidSignature:
        raise BadSignature from None


def verify_ecdsa_p256(key: bytes, signature: bytes, content: bytes) -> bytes:
    """Return the signature in its one canonical form. Raises BadSignature, or BadPublicKey.

    Of every ECDSA signature there is a twin, (r, -s), that anyone can make; whoever remembers signatures
    must remember the canonical form.
    """
    public = _p256(key)
    try:
        public.verify(signature, content, ec.ECDSA(hashes.SHA256()))
        r, s = decode_dss_signature(signature)
    except (InvalidSignature, ValueError):
        raise BadSignature from None
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    return encode_dss_signature(r, min(s, order - s))


def verify_es256(key: bytes, signature: bytes, content: bytes) -> bytes:
    """Return the canonical form of a JWS signature: 32 bytes of r, 32 of s (RFC 7518 section 3.4). Raises as above."""
    if len(signature) != 2 * P256_BYTES:
        raise BadSignature
    r, s = (int.from_bytes(half, "big") for half in (signature[:P256_BYTES], signature[P256_BYTES:]))
    return verify_ecdsa_p256(key, encode_dss_signature(r, s), content)


def p256_pem(x: bytes, y: bytes) -> bytes:
    """Return the public key at a point of the curve as PEM. Raises ValueError where no point is."""
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1())
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return numbers.public_key().public_bytes(serialization.Encoding.PEM, form)


@dataclass(frozen=True)
class Certificate:
    """What names a certificate, whose key it is (SubjectPublicKeyInfo in DER), and when it ends."""

    sha1: bytes
    sha256: bytes
    public_key: bytes
    ends_at: datetime


def read_certificate(pem: bytes) -> Certificate:
    """Return a certificate in PEM. Raises BadPublicKey."""
    try:
        found = x509.load_pem_x509_certificate(pem)
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        public = found.public_key().public_bytes(serialization.Encoding.DER, form)
    except (ValueError, UnsupportedAlgorithm):
        raise BadPublicKey from None
    sha1 = found.fingerprint(hashes.SHA1())  # noqa: S303 - the name that RFC 7515 gave it, no proof
    return Certificate(sha1, found.fingerprint(hashes.SHA256()), public, found.not_valid_after_utc)


def check_certificate(pem: bytes, *, now: datetime) -> None:
    """Raise BadPublicKey unless this is a certificate that holds now. Its issuer is not judged: see who fetched it."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise BadPublicKey from None
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise BadPublicKey


def verify_rsa(key: bytes, signature: bytes, content: bytes, *, hash_name: str = "sha256") -> None:
    """Raise BadSignature, or BadPublicKey. PKCS #1 v1.5; `key` may also be a certificate."""
    public = _rsa(key)
    algorithm = {"sha1": hashes.SHA1, "sha256": hashes.SHA256}[hash_name]()  # SNS version 1 has only SHA-1
    try:
        public.verify(signature, content, padding.PKCS1v15(), algorithm)
    except InvalidSignature:
        raise BadSignature from None


def check_public_key(kind: str, key: bytes) -> None:
    """Raise BadPublicKey unless `key` is one of this kind: ed25519, ecdsa_p256 or rsa."""
    {"ed25519": _ed25519, "ecdsa_p256": _p256, "rsa": _rsa}[kind](key)


def load_public_key(key: bytes) -> Any:
    """Return the key in a PEM block, a PEM certificate, or base64 of SubjectPublicKeyInfo. Raises BadPublicKey."""
    try:
        if b"BEGIN CERTIFICATE" in key:
            return x509.load_pem_x509_certificate(key).public_key()
        if b"BEGIN" in key:
            return serialization.load_pem_public_key(key)
        return serialization.load_der_public_key(base64.b64decode(b"".join(key.split()), validate=True))
    except (ValueError, TypeError, binascii.Error, UnsupportedAlgorithm):
        raise BadPublicKey from None


def _p256(key: bytes) -> ec.EllipticCurvePublicKey:
    public = load_public_key(key)
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise BadPublicKey
    return public


def _rsa(key: bytes) -> rsa.RSAPublicKey:
    public = load_public_key(key)
    if not isinstance(public, rsa.RSAPublicKey) or public.key_size < RSA_SMALLEST_BITS:
        raise BadPublicKey
    return public


def _ed25519(key: bytes) -> ed25519.Ed25519PublicKey:
    raw = _raw_ed25519(key.strip())
    public = ed25519.Ed25519PublicKey.from_public_bytes(raw) if raw else load_public_key(key)
    if not isinstance(public, ed25519.Ed25519PublicKey):
        raise BadPublicKey
    return public


def _raw_ed25519(key: bytes) -> bytes:
    """Return the 32 bytes written as hex or base64, empty for any other form."""
    try:
        raw = bytes.fromhex(key.decode()) if len(key) == 2 * ED25519_BYTES else base64.b64decode(key, validate=True)
    except (ValueError, binascii.Error):
        return b""
    return raw if len(raw) == ED25519_BYTES else b""


def sign_ed25519(seed: bytes, content: bytes) -> bytes:
    """Return the signature of these bytes under the private key that a seed of 32 bytes is (RFC 8032)."""
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed).sign(content)


def ed25519_public(seed: bytes) -> bytes:
    """Return the 32 bytes of the public key that belongs to a seed."""
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
