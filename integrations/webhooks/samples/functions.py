"""The few shared-secret schemes whose signing facts do not describe: each as its vendor writes it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from integrations.webhooks.decoding import encoded
from integrations.webhooks.samples.draft import Draft

LASTS = timedelta(minutes=5)
ITEM = "json:notificationItems.*.NotificationRequestItem."
SIGNED_BY_ADYEN = (
    "pspReference",
    "originalReference",
    "merchantAccountCode",
    "merchantReference",
    "amount.value",
    "amount.currency",
    "eventCode",
    "success",
)
CONTENTFUL = ("x-contentful-signed-headers", "x-contentful-timestamp")


def adyen_payload(draft: Draft, key: bytes, at: datetime) -> None:
    """Sign eight fields of the one item, joined by colons."""
    item = draft.document["notificationItems"][0]["NotificationRequestItem"]
    values = {"merchantAccountCode": "Keylodge", "merchantReference": "test"}
    for name, value in values.items():
        draft.put(f"{ITEM}{name}", value)
    content = ":".join(str((item | values).get(name, "")) for name in SIGNED_BY_ADYEN)
    signature = hmac.digest(key, content.encode(), "sha256")
    draft.put(f"{ITEM}additionalData.hmacSignature", encoded(signature, "base64"))


def contentful(draft: Draft, key: bytes, at: datetime) -> None:
    """Sign method, path, the named headers and the body, in lines."""
    draft.headers[CONTENTFUL[0]] = ",".join(CONTENTFUL)
    draft.headers[CONTENTFUL[1]] = str(int(at.timestamp() * 1000))
    headers = ";".join(f"{name}:{draft.headers[name]}" for name in CONTENTFUL)
    content = "\n".join((draft.method, urlsplit(draft.url).path, headers)).encode() + b"\n" + draft.request().body
    draft.headers["x-contentful-signature"] = hmac.digest(key, content, "sha256").hex()


def monday(draft: Draft, key: bytes, at: datetime) -> None:
    """Put a token into Authorization."""
    draft.headers["authorization"] = _token({"iat": _s(at), "exp": _s(at + LASTS)}, key)


def atlassian_connect(draft: Draft, key: bytes, at: datetime) -> None:
    """Put a token into Authorization that names the hash of method, path and query."""
    canonical = f"{draft.method}&{urlsplit(draft.url).path}&"
    claims = {"iat": _s(at), "exp": _s(at + LASTS), "qsh": hashlib.sha256(canonical.encode()).hexdigest()}
    draft.headers["authorization"] = f"JWT {_token(claims, key)}"


def _token(claims: Mapping[str, object], key: bytes) -> str:
    header = {"alg": "HS256", "typ": "JWT"}
    signed = ".".join(encoded(json.dumps(part).encode(), "base64url") for part in (header, claims))
    return f"{signed}.{encoded(hmac.digest(key, signed.encode(), 'sha256'), 'base64url')}"


def _s(at: datetime) -> int:
    return int(at.timestamp())


SIGNERS: Mapping[str, Callable[[Draft, bytes, datetime], None]] = {
    "adyen_payload": adyen_payload,
    "atlassian_connect": atlassian_connect,
    "contentful": contentful,
    "monday": monday,
}
KEY_FORMS = {"adyen_payload": "hex"}
TIMED = ("atlassian_connect", "monday")
