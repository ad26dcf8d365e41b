"""Signs as the vendors do: for tests only, written from the vendors' pages and not from our verifier.

Each entry of SIGNERS makes a right request for a body and a moment. `Made.written` is the signature as it
stands in the request, so that a test can change it wherever it is.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

URL = "https://keylodge.example/hooks/acme"
NOW = 1_790_000_000
JSON_BODY = b'{"id":"evt_1","type":"thing.made","data":{"n":1,"name":"Zo\\u00eb"}}'
FORM_BODY = b"Body=Hello+there%21&From=%2B491701234567&MessageSid=SM1&Blank="


@dataclass(frozen=True)
class Made:
    """A request, the secret that verifies it, and what a test may change in it."""

    secret: str
    written: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = JSON_BODY
    url: str = URL
    method: str = "POST"
    now: float = NOW
    prefix: str = ""
    unsigned_id: str = ""
    other_secret: str = ""
    public_keys: dict[str, str] = field(default_factory=dict)


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def mac(secret: str | bytes, content: bytes, algorithm: str = "sha256") -> bytes:
    key = secret.encode() if isinstance(secret, str) else secret
    return hmac.new(key, content, getattr(hashlib, algorithm)).digest()


Signer = Callable[[bytes, float], Made]
SIGNERS: dict[str, Signer] = {}


def signs(name: str) -> Callable[[Signer], Signer]:
    def keep(signer: Signer) -> Signer:
        SIGNERS[name] = signer
        return signer

    return keep


def make(name: str, body: bytes | None = None, now: float = NOW) -> Made:
    """Return a right request of one scheme; a body of its own where the scheme needs one of a certain shape."""
    return SIGNERS[name](JSON_BODY if body is None else body, now)


def over_body(
    name: str,
    header: str,
    *,
    algorithm: str = "sha256",
    writes: Callable[[bytes], str] = bytes.hex,
    prefix: str = "",
    unsigned_id: str = "",
    key: Callable[[str], bytes] = str.encode,
    secret: str = "a-shared-secret",
    other: str = "other-secret-1",
) -> None:
    """Declare a scheme that signs the body and nothing else."""

    def signer(body: bytes, now: float) -> Made:
        written = writes(mac(key(secret), body, algorithm))
        ids = ((unsigned_id, "id-1"),) if unsigned_id else ()
        return Made(
            secret,
            written,
            ((header, prefix + written), *ids),
            body,
            now=now,
            prefix=prefix,
            unsigned_id=unsigned_id,
            other_secret=other,
        )

    SIGNERS[name] = signer


WHSEC = "whsec_" + b64(b"0123456789abcdef0123456789abcdef")
OTHER_WHSEC = "whsec_" + b64(b"fedcba9876543210fedcba9876543210")


def standard(name: str, family: str = "webhook") -> None:
    """Declare a scheme that signs as Svix and Standard Webhooks do."""

    def signer(body: bytes, now: float) -> Made:
        stamp = str(int(now))
        key = base64.b64decode(WHSEC.removeprefix("whsec_"))
        written = b64(mac(key, b"msg_1." + stamp.encode() + b"." + body))
        headers = ((f"{family}-id", "msg_1"), (f"{family}-timestamp", stamp), (f"{family}-signature", f"v1,{written}"))
        return Made(WHSEC, written, headers, body, now=now, prefix="v1,", other_secret=OTHER_WHSEC)

    SIGNERS[name] = signer


def stamped(
    name: str,
    header: str,
    stamp_header: str,
    content: Callable[[str, bytes], bytes],
    *,
    stamp: Callable[[float], str] = lambda now: str(int(now)),
    writes: Callable[[bytes], str] = bytes.hex,
    prefix: str = "",
    unsigned_id: str = "",
    key: Callable[[str], bytes] = str.encode,
    secret: str = "a-shared-secret",
    other: str = "other-secret-1",
) -> None:
    """Declare a scheme whose time stands in a header of its own."""

    def signer(body: bytes, now: float) -> Made:
        written = writes(mac(key(secret), content(stamp(now), body)))
        ids = ((unsigned_id, "id-1"),) if unsigned_id else ()
        headers = ((header, prefix + written), (stamp_header, stamp(now)), *ids)
        return Made(secret, written, headers, body, now=now, prefix=prefix, unsigned_id=unsigned_id, other_secret=other)

    SIGNERS[name] = signer


def listed(
    name: str, header: str, line: str, between: str, *, ms: bool = False, writes: Callable[[bytes], str] = bytes.hex
) -> None:
    """Declare a scheme whose header is a list, such as `t=1,v1=ab`; `line` has {t} and {s}."""

    def signer(body: bytes, now: float) -> Made:
        stamp = str(int(now * (1000 if ms else 1)))
        written = writes(mac("a-shared-secret", stamp.encode() + between.encode() + body))
        value = line.replace("{t}", stamp).replace("{s}", written)
        prefix = line.partition("{t}")[2].strip(",; ").partition("{s}")[0]
        return Made(
            "a-shared-secret", written, ((header, value),), body, now=now, prefix=prefix, other_secret="other-secret-1"
        )

    SIGNERS[name] = signer


def milliseconds(now: float) -> str:
    return str(int(now * 1000))


def iso(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
