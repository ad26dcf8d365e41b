"""OAuth 1.0a (RFC 5849): one header that signs the request with two pasted secrets.

Authlib writes the signature base string; the digest is ours, as NetSuite wants HMAC-SHA256, which Authlib does not
know. What is signed are the bytes that go upstream: method, address, query, and a body that is a form.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import b64encode
from collections.abc import Callable, Iterable
from datetime import datetime
from urllib.parse import parse_qsl

from authlib.oauth1.rfc5849.signature import normalize_base_string_uri, normalize_parameters
from authlib.oauth1.rfc5849.util import escape

from integrations.errors import IntegrationError

Pair = tuple[bytes, bytes]

DIGESTS = {"HMAC-SHA1": "sha1", "HMAC-SHA256": "sha256"}
FORM = b"application/x-www-form-urlencoded"


class NotSignable(IntegrationError):
    """Query or form are not text that can be signed. The message holds nothing of them."""

    code = "body_refused"


class Signer:
    """Signs requests as one consumer for one token."""

    TAKEN = frozenset((b"authorization",))

    __slots__ = ("_consumer_secret", "_nonce", "_token_secret", "consumer", "method", "realm", "token", "version")

    def __init__(
        self,
        consumer: tuple[str, str],
        token: tuple[str, str],
        *,
        method: str,
        realm: str = "",
        version: str = "1.0",
        nonce: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self.consumer, self._consumer_secret = consumer
        self.token, self._token_secret = token
        self.method, self.realm, self.version, self._nonce = method, realm, version, nonce

    def headers(
        self, method: str, *, base: str, target: bytes, headers: Iterable[Pair], body: bytes, now: datetime
    ) -> list[Pair]:
        """Return the header to add to a request; `base` is scheme and host as the Host header has it.

        Raises NotSignable.
        """
        own = {
            "oauth_consumer_key": self.consumer,
            "oauth_nonce": self._nonce(),
            "oauth_signature_method": self.method,
            "oauth_timestamp": str(int(now.timestamp())),
            "oauth_token": self.token,
        } | ({"oauth_version": self.version} if self.version else {})
        path, _, query = target.partition(b"?")
        params = [*_pairs(query), *(_pairs(body) if is_form(headers) else []), *own.items()]
        own["oauth_signature"] = self._signature(base + _text(path), method, params)
        told = [("realm", self.realm)] if self.realm else []
        text = ", ".join(f'{name}="{escape(value)}"' for name, value in (*told, *own.items()))
        return [(b"Authorization", f"OAuth {text}".encode("ascii"))]

    def _signature(self, url: str, method: str, params: list[tuple[str, str]]) -> str:
        """Return the signature of section 3.4.2, in Base64."""
        parts = (method.upper(), normalize_base_string_uri(url), normalize_parameters(params))
        text = "&".join(map(escape, parts))
        key = f"{escape(self._consumer_secret)}&{escape(self._token_secret)}"
        return b64encode(hmac.digest(key.encode(), text.encode(), DIGESTS[self.method])).decode()


def is_form(headers: Iterable[Pair]) -> bool:
    """Tell whether a body is a form, whose fields are signed too (section 3.4.1.3.1)."""
    said = [value.partition(b";")[0].strip().lower() for name, value in headers if name.lower() == b"content-type"]
    return said == [FORM]


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(_text(raw), keep_blank_values=True, errors="strict")
    except ValueError:
        pass
    raise NotSignable("what should be signed is not text")  # out here: nothing of it goes along


def _text(raw: bytes) -> str:
    try:
        return raw.decode("ascii")
    except ValueError:
        pass
    raise NotSignable("what should be signed is not text")  # out here: nothing of it goes along
