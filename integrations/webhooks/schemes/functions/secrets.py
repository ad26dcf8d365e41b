"""The stored secrets as a function reads them."""

from __future__ import annotations

from integrations.webhooks.key_material import UnusableSecret, key_bytes
from integrations.webhooks.schemes.proven import Case
from integrations.webhooks.verdicts import Refused

BEGIN = b"-----BEGIN "


def keys_of(case: Case, form: str = "text") -> list[tuple[int, bytes]]:
    """Return the usable secrets with their numbers. Raises Refused where there is none."""
    found, why = [], "There is no secret to compare with."
    for number, secret in enumerate(case.secrets):
        try:
            found.append((number, key_bytes(secret, form)))
        except UnusableSecret as error:
            why = str(error)
    if not found:
        raise Refused("no_secret", why)
    return found


def name_and_certificate(material: bytes) -> tuple[str, bytes]:
    """Return the name that stands in a secret (a webhook's id, a topic) and the PEM block after it, if there is one."""
    name, begin, rest = material.partition(BEGIN)
    return name.decode("utf-8", "replace").strip(), begin + rest if begin else b""
