"""Why a text is no JWT, no key or no key set, in sentences."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

PARTS = {
    "header": gettext_lazy("first part (the header)"),
    "claims": gettext_lazy("second part (the claims)"),
    "signature": gettext_lazy("third part (the signature)"),
}
WHY = {
    "too_long": gettext_lazy("This is longer than any JWT that is accepted here."),
    "not_three_parts": gettext_lazy("A JWT has three parts with two dots between them, and this has not."),
    "encrypted": gettext_lazy(
        "This is an encrypted token (JWE, five parts). Only who holds its private key can read what it says."
    ),
    "bad_base64": gettext_lazy("The {part} is not written in base64url. Was it copied whole, without line breaks?"),
    "bad_json": gettext_lazy("The {part} is no JSON object."),
    "duplicate_name": gettext_lazy(
        "The {part} says one thing twice. Two programs may read it in two ways: refuse such a token."
    ),
}
NO_KEY = {
    "empty": gettext_lazy("The shared secret is empty."),
    "too_long": gettext_lazy("This is longer than any set of keys."),
    "too_many": gettext_lazy("These are too many keys."),
    "neither": gettext_lazy("This is neither a JWK, a JWKS nor a public key in PEM form."),
    "public": gettext_lazy("This is a key in PEM form. A shared secret is a text that only the two sides know."),
    "private": gettext_lazy(
        "This is a private key or a shared secret. To check a signature, only the public key is needed."
    ),
    "none_usable": gettext_lazy("No key in it can check a signature."),
    "damaged": gettext_lazy(
        "The PEM is damaged or not whole. Copy it from -----BEGIN to the end of the -----END line."
    ),
}
NOT_FETCHED = {
    "host_refused": gettext_lazy("The address leads into a private network or is plain http, and is not allowed."),
    "upstream_timeout": gettext_lazy("Nothing answered at the address in time."),
    "body_too_large": gettext_lazy("What is at the address is too large for a key set."),
    "redirect": gettext_lazy("The address sends elsewhere (a redirect), and redirects are not followed."),
    "no_key_set": gettext_lazy("What is at the address is no key set (JWKS) with a key that can check a signature."),
    "status": gettext_lazy("There is no key set at the address."),
}


def sentence(code: str, part: str = "") -> str:
    """Return why a text is no JWT."""
    return str(WHY[code]).format(part=PARTS.get(part, ""))


def no_key_sentence(code: str) -> str:
    """Return why a text holds no key."""
    return str(NO_KEY[code])


def not_fetched_sentence(code: str) -> str:
    """Return why no keys came from an address."""
    return str(NOT_FETCHED.get(code, "")) or _("The address could not be reached.")
