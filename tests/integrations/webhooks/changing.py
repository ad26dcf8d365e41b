"""Change a made request as an attacker, a broken proxy or a careless sender would."""

from __future__ import annotations

import base64
import re
from dataclasses import replace

from tests.integrations.webhooks.signer import Made

XML = rb"(<[A-Za-z]+>%b</[A-Za-z]+>)"


def without_signature(made: Made) -> Made:
    """Return the request without the part that holds the signature."""
    written = re.escape(made.written.encode())
    return replace(
        made,
        headers=tuple((name, value) for name, value in made.headers if made.written not in value),
        url=re.sub(r"[?&][^=&?]+=" + re.escape(made.written), "", made.url),
        body=re.sub(XML % written, b"", re.sub(rb'"[A-Za-z]+"(: ?"' + written + rb'")', rb'"gone"\1', made.body)),
    )


def doubled(made: Made) -> Made:
    """Return the request with the part that holds the signature given twice."""
    written = re.escape(made.written.encode())
    return replace(
        made,
        headers=tuple(
            pair for name, value in made.headers for pair in ((name, value),) * (1 + (made.written in value))
        ),
        url=re.sub(r"([?&])([^=&?]+=" + re.escape(made.written) + ")", r"\1\2&\2", made.url),
        body=re.sub(XML % written, rb"\1\1", re.sub(rb'("[A-Za-z]+": ?"' + written + rb'")', rb"\1,\1", made.body)),
    )


def with_prefix(made: Made, prefix: str) -> Made:
    """Return the request with another text before the signature."""
    return replace(
        made,
        headers=tuple(
            (name, value.replace(made.prefix + made.written, prefix + made.written)) for name, value in made.headers
        ),
    )


def changed(name: str, value: str, made: Made) -> str:
    """Return a header's value, another one for the id that is not signed."""
    return "another-id" if name == made.unsigned_id else value


def other_writings(written: str) -> list[str]:
    """Return the same bytes in the encodings that the scheme does not use."""
    if re.fullmatch(r"(?:[0-9a-f]{2}){16,}", written):
        raw = bytes.fromhex(written)
        return [base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode(), "0x" + written]
    raw = base64.b64decode(written.replace("-", "+").replace("_", "/") + "==")
    return [raw.hex(), base64.b32encode(raw).decode(), written + "=", written + "\n=", "=" + written]
