"""Signatures by others' private keys: what is right passes, what is not, or is another kind of key, is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from secrets_vault import signatures
from secrets_vault.signatures import BadPublicKey, BadSignature
from tests.integrations.webhooks import signing_by_key as vendor
from tests.integrations.webhooks.signer import NOW

pytestmark = pytest.mark.matrix  # no database: one engine is enough

CONTENT = b"what was signed"
ED25519, P256, RSA = vendor.ed25519_key(0), vendor.p256_key(0), vendor.rsa_key(0)


def keys_of(key: object) -> list[bytes]:
    return [vendor.pem(key).encode(), vendor.der_b64(key).encode()]


def raw_keys() -> list[bytes]:
    raw = vendor.raw_public(ED25519)
    return [raw.hex().encode(), vendor.b64(raw).encode(), *keys_of(ED25519)]


@pytest.mark.parametrize("key", raw_keys(), ids=["hex", "base64", "PEM", "SPKI"])
def test_ed25519(key):
    signature = ED25519.sign(CONTENT)
    signatures.verify_ed25519(key, signature, CONTENT)
    for wrong, content in ((signature, CONTENT + b"!"), (signature[:-1], CONTENT), (b"", CONTENT)):
        with pytest.raises(BadSignature):
            signatures.verify_ed25519(key, wrong, content)


@pytest.mark.parametrize("key", [*keys_of(RSA), vendor.certificate(0).encode()], ids=["PEM", "SPKI", "certificate"])
def test_rsa(key):
    signature = RSA.sign(CONTENT, padding.PKCS1v15(), hashes.SHA256())
    signatures.verify_rsa(key, signature, CONTENT)
    with pytest.raises(BadSignature):
        signatures.verify_rsa(key, signature, CONTENT, hash_name="sha1")
    with pytest.raises(BadSignature):
        signatures.verify_rsa(key, signature, CONTENT + b"!")


@pytest.mark.parametrize("key", keys_of(P256), ids=["PEM", "SPKI"])
def test_ecdsa(key):
    signature = P256.sign(CONTENT, ec.ECDSA(hashes.SHA256()))
    canonical = signatures.verify_ecdsa_p256(key, signature, CONTENT)
    r, s = decode_dss_signature(signature)
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert signatures.verify_es256(key, raw, CONTENT) == canonical
    for wrong in (signature[:-1], b"", b"\x30\x00"):
        with pytest.raises(BadSignature):
            signatures.verify_ecdsa_p256(key, wrong, CONTENT)
    for wrong in (raw[:-1], bytes(64), raw + b"\x00"):
        with pytest.raises(BadSignature):
            signatures.verify_es256(key, wrong, CONTENT)


@pytest.mark.parametrize("key", [b"", b"no key", b"-----BEGIN PUBLIC KEY-----\n", b"AAAA", b"\xff" * 40])
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa_p256", "rsa"])
def test_what_is_no_key_is_refused(kind, key):
    with pytest.raises(BadPublicKey):
        signatures.check_public_key(kind, key)


def test_a_key_of_another_kind_is_refused():
    for kind, key in (("ed25519", RSA), ("rsa", P256), ("ecdsa_p256", ED25519)):
        with pytest.raises(BadPublicKey):
            signatures.check_public_key(kind, vendor.pem(key).encode())
    with pytest.raises(BadPublicKey):
        signatures.check_public_key("ecdsa_p256", vendor.pem(ec.generate_private_key(ec.SECP384R1())).encode())
    small = rsa.generate_private_key(65537, 1024)  # noqa: S505  # it is made to be refused
    with pytest.raises(BadPublicKey):
        signatures.check_public_key("rsa", vendor.pem(small).encode())


def test_a_certificate_holds_for_its_time():
    pem, now = vendor.certificate(0).encode(), datetime.fromtimestamp(NOW, UTC)
    signatures.check_certificate(pem, now=now)
    for moment in (now - timedelta(days=31), now + timedelta(days=31)):
        with pytest.raises(BadPublicKey):
            signatures.check_certificate(pem, now=moment)


def test_a_point_that_is_not_on_the_curve_is_no_key():
    with pytest.raises(ValueError):
        signatures.p256_pem(b"\x01" * 32, b"\x02" * 32)
