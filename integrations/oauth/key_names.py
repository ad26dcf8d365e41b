"""How a JWT names the key that signed it: `kid` (given, or RFC 7638) and the certificate's `x5t` (RFC 7515 4.1.7).

Both stand beside the key in the text that is stored, so that a new key brings its own: a line `Key-Id: …` before it
(RFC 7468 section 5.2 lets a PEM have such lines) and a certificate in PEM after it.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from datetime import datetime

from django.utils.translation import gettext as _
from joserfc.jwk import OctKey

from integrations.errors import IntegrationError
from integrations.oauth.signing_kinds import AnyKey
from secrets_vault.signatures import BadPublicKey, Certificate, read_certificate

KEY_ID = re.compile(r"^Key-Id:[ \t]*([!-~]{1,300})[ \t]*$", re.MULTILINE)
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
THUMBPRINT = "thumbprint"
PRINTABLE = re.compile(r"[!-~]{1,300}")


class BadKeyName(IntegrationError):
    """A key id or a certificate that cannot name the key. `field` says which; the message is for a person."""

    code = "bad_key_name"

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        super().__init__(reason)


def beside(private_key: str, *, key_id: str = "", certificate: str = "") -> str:
    """Return a key with its names beside it, as it is stored. Raises BadKeyName."""
    if key_id and not PRINTABLE.fullmatch(key_id):
        raise BadKeyName("key_id", _("a key id is one word of at most 300 characters"))
    if certificate and not CERTIFICATE.search(certificate):
        raise BadKeyName("certificate", _("this is no certificate: a PEM file begins with -----BEGIN CERTIFICATE-----"))
    named = f"Key-Id: {key_id}\n{private_key.strip()}" if key_id else private_key
    found = CERTIFICATE.search(certificate)
    return f"{named.strip()}\n{found[0]}\n" if found else named


def header_of(text: str, key: AnyKey, *, kid: str = "") -> dict[str, str]:
    """Return what the header of a JWT says of its key. `kid` is the rule of the provider's facts; a given one wins."""
    given = KEY_ID.search(text)
    named = given[1] if given else kid
    found = {"kid": key.thumbprint() if named == THUMBPRINT else named} if named else {}
    block = CERTIFICATE.search(text)
    if block is None:
        return found
    certificate = read_certificate(block[0].encode())
    return found | {"x5t": _short(certificate.sha1), "x5t#S256": _short(certificate.sha256)}


def _short(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def check_names(text: str, key: AnyKey, *, now: datetime) -> datetime | None:
    """Return when the certificate beside a key ends, None without one. Raises BadKeyName for another key's."""
    block = CERTIFICATE.search(text)
    if block is None:
        return None
    try:
        certificate = read_certificate(block[0].encode())
    except BadPublicKey:
        reason = _("this certificate is damaged or not whole")
    else:
        reason = _problem_with(certificate, key, now=now)
    if reason:
        raise BadKeyName("certificate", reason)
    return certificate.ends_at


def _problem_with(certificate: Certificate, key: AnyKey, *, now: datetime) -> str:
    if certificate.ends_at <= now:
        return _("this certificate has ended; have a new one made for the key")
    if isinstance(key, OctKey) or key.as_der(private=False) != certificate.public_key:
        return _("this certificate belongs to another key")
    return ""
