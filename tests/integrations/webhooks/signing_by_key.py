"""How the vendors sign with a private key. The keys are made for the test run; nobody's are stored."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

from tests.integrations.webhooks.signer import NOW, Made, b64, iso, signs

CERT_URL = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem"
PAYPAL_CERT_URL = "https://api.paypal.com/v1/notifications/certs/CERT-1"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:acme"
PEM = serialization.Encoding.PEM
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo


@cache
def rsa_key(number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def p256_key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def ed25519_key(number: int) -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def raw_public(key: ed25519.Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def pem(key: object) -> str:
    return key.public_key().public_bytes(PEM, SPKI).decode()  # type: ignore[attr-defined]


def der_b64(key: object) -> str:
    return b64(key.public_key().public_bytes(serialization.Encoding.DER, SPKI))  # type: ignore[attr-defined]


@cache
def certificate(number: int) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vendor")])
    begins = datetime.fromtimestamp(NOW, UTC) - timedelta(days=30)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(rsa_key(number).public_key())
    builder = builder.serial_number(1).not_valid_before(begins).not_valid_after(begins + timedelta(days=60))
    return builder.sign(rsa_key(number), hashes.SHA256()).public_bytes(PEM).decode()


def rsa_signature(content: bytes, algorithm: hashes.HashAlgorithm | None = None) -> str:
    return b64(rsa_key(0).sign(content, padding.PKCS1v15(), algorithm or hashes.SHA256()))


@signs("discord")
def discord(body: bytes, now: float) -> Made:
    stamp = str(int(now))
    written = ed25519_key(0).sign(stamp.encode() + body).hex()
    headers = (("X-Signature-Ed25519", written), ("X-Signature-Timestamp", stamp))
    other = raw_public(ed25519_key(1)).hex()
    return Made(raw_public(ed25519_key(0)).hex(), written, headers, body, now=now, other_secret=other)


@signs("telnyx")
def telnyx(body: bytes, now: float) -> Made:
    stamp = str(int(now))
    written = b64(ed25519_key(0).sign(stamp.encode() + b"|" + body))
    headers = (("telnyx-signature-ed25519", written), ("telnyx-timestamp", stamp))
    other = b64(raw_public(ed25519_key(1)))
    return Made(b64(raw_public(ed25519_key(0))), written, headers, body, now=now, other_secret=other)


@signs("sendgrid_ecdsa")
def sendgrid_ecdsa(body: bytes, now: float) -> Made:
    stamp = str(int(now))
    written = b64(p256_key(0).sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256())))
    headers = (
        ("X-Twilio-Email-Event-Webhook-Signature", written),
        ("X-Twilio-Email-Event-Webhook-Timestamp", stamp),
    )
    return Made(der_b64(p256_key(0)), written, headers, body, now=now, other_secret=der_b64(p256_key(1)))


@signs("wise")
def wise(body: bytes, now: float) -> Made:
    written = rsa_signature(body)
    headers = (("X-Signature-SHA256", written),)
    return Made(pem(rsa_key(0)), written, headers, body, now=now, other_secret=pem(rsa_key(1)))


@signs("highlevel")
def highlevel(body: bytes, now: float) -> Made:
    written = rsa_signature(body)
    return Made(pem(rsa_key(0)), written, (("x-wh-signature", written),), body, now=now, other_secret=pem(rsa_key(1)))


@signs("paypal")
def paypal(body: bytes, now: float) -> Made:
    content = f"t-1|{iso(now)}|WH-1|{zlib.crc32(body)}"
    written = rsa_signature(content.encode())
    headers = (
        ("PAYPAL-TRANSMISSION-ID", "t-1"),
        ("PAYPAL-TRANSMISSION-TIME", iso(now)),
        ("PAYPAL-TRANSMISSION-SIG", written),
        ("PAYPAL-CERT-URL", PAYPAL_CERT_URL),
        ("PAYPAL-AUTH-ALGO", "SHA256withRSA"),
    )
    keys = {PAYPAL_CERT_URL: certificate(0)}
    return Made("WH-1", written, headers, body, now=now, other_secret="WH-2", public_keys=keys)


@signs("aws_sns")
def aws_sns(body: bytes, now: float) -> Made:
    message = {
        "Type": "Notification",
        "MessageId": hashlib.sha256(body).hexdigest()[:32],
        "TopicArn": TOPIC,
        "Message": body.decode(),
        "Timestamp": iso(now),
        "SignatureVersion": "2",
        "SigningCertURL": CERT_URL,
    }
    names = ("Message", "MessageId", "Timestamp", "TopicArn", "Type")
    written = rsa_signature("".join(f"{name}\n{message[name]}\n" for name in names).encode())
    whole = json.dumps({**message, "Signature": written}).encode()
    keys = {CERT_URL: certificate(0)}
    return Made(TOPIC, written, (), whole, now=now, other_secret=f"{TOPIC}-2", public_keys=keys)


def segment(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def jwk(key: ec.EllipticCurvePrivateKey, kid: str) -> str:
    numbers = key.public_key().public_numbers()
    x, y = (segment(value.to_bytes(32, "big")) for value in (numbers.x, numbers.y))
    return json.dumps({"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": kid, "x": x, "y": y, "expired_at": None})


@signs("plaid")
def plaid(body: bytes, now: float) -> Made:
    header = {"alg": "ES256", "kid": "k1", "typ": "JWT"}
    claims = {"iat": int(now), "request_body_sha256": hashlib.sha256(body).hexdigest()}
    signed = ".".join(segment(json.dumps(part).encode()) for part in (header, claims))
    r, s = decode_dss_signature(p256_key(0).sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    written = segment(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    headers = (("Plaid-Verification", f"{signed}.{written}"),)
    return Made(jwk(p256_key(0), "k1"), written, headers, body, now=now, other_secret=jwk(p256_key(1), "k1"))
