"""A whole request of ours with a credential in its places: what probes and discovery send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from integrations.injecting import oauth1, sigv4
from integrations.injecting.injected import IncompleteCredential, Injected
from integrations.injecting.json_body import with_fields
from integrations.outbound import split_url

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What `outbound.send` is given. Nothing of it is in its repr."""

    method: str
    url: str = field(repr=False)
    headers: Headers = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


def prepared(
    ready: Injected,
    method: str,
    url: str,
    *,
    base_url: str,
    headers: Mapping[str, str],
    now: datetime,
    body: bytes | None = None,
) -> Prepared:
    """Return the request with the credential in it; `body` is JSON. Raises IncompleteCredential for no place there."""
    url = _with_query(_with_segment(url, base_url, ready), ready)
    told = {name.lower(): (name.encode("latin-1"), value.encode("utf-8")) for name, value in headers.items()}
    sent: Headers = [pair for lower, pair in told.items() if lower.encode("latin-1") not in ready.taken]
    if ready.fields:
        body = with_fields(body or b"{}", ready.fields)
    if body is not None:
        sent = [pair for pair in sent if pair[0].lower() != b"content-type"] + [(b"Content-Type", b"application/json")]
    sent += ready.headers
    if ready.signer is not None:
        sent += _signature(ready.signer, method, url, sent=sent, body=body or b"", now=now)
    return Prepared(method, url, sent, body)


def _signature(
    signer: sigv4.Signer | oauth1.Signer, method: str, url: str, *, sent: Headers, body: bytes, now: datetime
) -> Headers:
    origin, target = split_url(url)
    if isinstance(signer, oauth1.Signer):
        return signer.headers(method, base=origin.base, target=target, headers=sent, body=body, now=now)
    payload_hash = sha256(body).hexdigest()
    return signer.headers(
        method, host=origin.host_header, target=target, headers=sent, payload_hash=payload_hash, now=now
    )


def _with_segment(url: str, base_url: str, ready: Injected) -> str:
    if not ready.segment:
        return url
    base = base_url.rstrip("/")
    if not url.startswith(f"{base}/"):
        raise IncompleteCredential("the credential goes into the path of the base URL, and this call goes elsewhere")
    return f"{base}/{ready.segment.decode('ascii')}{url[len(base) :]}"


def _with_query(url: str, ready: Injected) -> str:
    for _, pair in ready.query:
        url += ("&" if "?" in url else "?") + pair.decode("ascii")
    return url
