"""AWS Signature Version 4: one header that signs the request as it stands on the wire.

Written after "Create a signed AWS API request" (docs.aws.amazon.com/IAM/latest/UserGuide) and held to
the vectors of AWS's own test suite. Ours, because the gateway signs raw bytes it must not change, and botocore signs a
request that it builds itself.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote, unquote_to_bytes

Pair = tuple[bytes, bytes]

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
UNRESERVED = "-_.~"
# Services that take the path as it is, and a body whose hash is not known (Amazon S3 API Reference, SigV4).
S3 = frozenset({"s3", "s3-outposts", "s3express", "s3-object-lambda"})
_HASH = re.compile(rb"[0-9a-f]{64}\Z")
_SPACES = re.compile(r" +")


class Signer:
    """Signs requests with one access key for one service in one region."""

    # Ours to say: what a caller signed was signed with another key.
    TAKEN = frozenset((b"authorization", b"x-amz-date", b"x-amz-security-token", b"x-amz-content-sha256"))

    __slots__ = ("_secret", "_session", "key_id", "region", "service")

    def __init__(self, key_id: str, secret: str, session: str = "", *, region: str, service: str) -> None:
        self.key_id, self.region, self.service = key_id, region, service
        self._secret, self._session = secret, session

    @property
    def takes_unsigned_bodies(self) -> bool:
        """Tell whether a body may go unsigned, as a stream must whose hash nobody knows."""
        return self.service in S3

    def headers(
        self,
        method: str,
        *,
        host: bytes,
        target: bytes,
        headers: Iterable[Pair],
        payload_hash: str,
        now: datetime,
    ) -> list[Pair]:
        """Return the headers to add to a request that carries `headers`. `payload_hash` is SHA-256 in hex, or UNSIGNED.

        Signed are Host, Content-Type and every x-amz- header (the documentation's "must"), ours among them.
        """
        at = now.strftime("%Y%m%dT%H%M%SZ")
        added: list[Pair] = [(b"X-Amz-Date", at.encode())]
        if self.service in S3:
            added.append((b"X-Amz-Content-Sha256", payload_hash.encode()))
        if self._session:
            added.append((b"X-Amz-Security-Token", self._session.encode()))
        signed = [pair for pair in headers if _is_signed(pair[0])]
        canonical = canonical_request(
            method,
            target,
            [(b"host", host), *signed, *added],
            payload_hash=payload_hash,
            is_path_as_is=self.service in S3,
        )
        scope = self._scope(at)
        names = ";".join(name for name, _ in _folded([(b"host", host), *signed, *added]))
        signature = self.signature(canonical, at=at)
        told = f"{ALGORITHM} Credential={self.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
        return [*added, (b"Authorization", told.encode("latin-1"))]

    def signature(self, canonical: str, *, at: str) -> str:
        """Return the signature of a canonical request, in hex. `at` is the time as X-Amz-Date has it."""
        to_sign = f"{ALGORITHM}\n{at}\n{self._scope(at)}\n{sha256(canonical.encode('latin-1')).hexdigest()}"
        key = _signing_key(self._secret, at[:8], self.region, self.service)
        return hmac.digest(key, to_sign.encode(), "sha256").hex()

    def _scope(self, at: str) -> str:
        return f"{at[:8]}/{self.region}/{self.service}/aws4_request"


@lru_cache(maxsize=64)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    key = ("AWS4" + secret).encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def canonical_request(
    method: str, target: bytes, headers: Sequence[Pair], *, payload_hash: str, is_path_as_is: bool = False
) -> str:
    """Return the canonical request: its bytes as text, one character each."""
    path, _, query = target.partition(b"?")
    folded = _folded(headers)
    lines = [f"{name}:{value}" for name, value in folded]
    names = ";".join(name for name, _ in folded)
    uri = _uri_as_is(path) if is_path_as_is else _uri(path)
    return "\n".join([method, uri, _query(query), *lines, "", names, payload_hash])


def given_hash(headers: Iterable[Pair]) -> str:
    """Return the SHA-256 that a caller says its body has, "" where it says none."""
    for name, value in headers:
        if name.lower() == b"x-amz-content-sha256" and _HASH.match(value):
            return value.decode("ascii")
    return ""


def is_signed_in_chunks(headers: Iterable[Pair]) -> bool:
    """Tell whether the caller signed each chunk of the body with its own key, which nobody else can do again."""
    said = [value for name, value in headers if name.lower() == b"x-amz-content-sha256"]
    return any(value.startswith(b"STREAMING-") for value in said)


def _is_signed(name: bytes) -> bool:
    lower = name.lower()
    return lower.startswith(b"x-amz-") or lower == b"content-type"


def _folded(headers: Sequence[Pair]) -> list[tuple[str, str]]:
    """Return headers by name, the values of one name together in their order, spaces folded."""
    found: dict[str, list[str]] = {}
    for name, value in headers:
        text = _SPACES.sub(" ", value.decode("latin-1").strip())
        found.setdefault(name.decode("latin-1").lower(), []).append(text)
    return [(name, ",".join(found[name])) for name in sorted(found)]


def _uri(path: bytes) -> str:
    """Return a path without empty and dot segments, each segment encoded once more than it was sent."""
    kept: list[str] = []
    for segment in path.decode("latin-1").split("/"):
        if segment == "..":
            kept = kept[:-1]
        elif segment not in ("", "."):
            kept.append(segment)
    end = "/" if path.endswith((b"/", b"/.", b"/..")) and kept else ""
    return "/" + "/".join(quote(part.encode("latin-1"), safe=UNRESERVED) for part in kept) + end


def _uri_as_is(path: bytes) -> str:
    return quote(unquote_to_bytes(path), safe=f"/{UNRESERVED}") or "/"


def _query(query: bytes) -> str:
    pairs = []
    for pair in query.split(b"&") if query else ():
        name, _, value = pair.partition(b"=")
        pairs.append((_encoded(name), _encoded(value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _encoded(raw: bytes) -> str:
    return quote(unquote_to_bytes(raw), safe=UNRESERVED)
