"""PayPal: RSA over ids, time and a CRC-32 of the body, by a certificate that the request names."""

from __future__ import annotations

import zlib

from integrations.webhooks.hosts import is_on_host
from integrations.webhooks.places import place, required
from integrations.webhooks.request import WebhookRequest
from integrations.webhooks.schemes.functions.certificates import verified_by_certificate
from integrations.webhooks.schemes.functions.secrets import keys_of, name_and_certificate
from integrations.webhooks.schemes.proven import Case, Proven
from integrations.webhooks.verdicts import Refused
from secrets_vault.secret import MASK

HOSTS = r"api(?:-m)?(?:\.sandbox)?\.paypal\.com"
PATH = r"/v1/notifications/certs/[A-Za-z0-9_-]+"
ALGORITHM = "SHA256withRSA"


def key_urls(request: WebhookRequest) -> tuple[str, ...]:
    """Return the certificate's address. Raises Refused for a place where PayPal keeps none."""
    address = _header(request, "PAYPAL-CERT-URL")
    if not is_on_host(address, HOSTS, path=PATH):
        raise Refused("malformed", "The certificate is not at an address of PayPal's.")
    return (address,)


def prove(case: Case) -> Proven:
    """Return what the signature proves. Raises Refused."""
    if _header(case.request, "PAYPAL-AUTH-ALGO") != ALGORITHM:
        raise Refused("malformed", f"The signature is not made by {ALGORITHM}.")
    written = _header(case.request, "PAYPAL-TRANSMISSION-SIG")
    (address,) = key_urls(case.request)
    for number, material in keys_of(case):
        webhook_id, pinned = name_and_certificate(material)
        content = _content(case.request, webhook_id)
        certificate = pinned or case.keys.find(address)
        if signature := verified_by_certificate(certificate, written, content, now=case.now):
            return Proven(signature, content, number)
    raise Refused("mismatch", "The signature does not fit: another webhook id, or not the bytes that were signed.")


def signed(case: Case) -> bytes:
    """Return the bytes that should be signed, but for the stored webhook id. Raises Refused."""
    return _content(case.request, MASK)


def _content(request: WebhookRequest, webhook_id: str) -> bytes:
    parts = (_header(request, "PAYPAL-TRANSMISSION-ID"), _header(request, "PAYPAL-TRANSMISSION-TIME"), webhook_id)
    return "|".join((*parts, str(zlib.crc32(request.body)))).encode()


def _header(request: WebhookRequest, name: str) -> str:
    return required(request, place(f"header:{name}"))
