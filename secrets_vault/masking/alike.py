"""Paths and ids that differ in plain ids alone are masked alike: one of each kind is looked at with every finder.

`/contacts/81234` and `/contacts/90210` say the same to every finder: a number of up to twelve digits is no card, a
UUID or a digest is kept wherever its name does not tell otherwise, and then it is covered in its stand-in too. Only a
value of the vault may be such an id, so the known values are still looked for in each text.
"""

import re

# Nothing here is encoded: no coat (layers.py) can be taken off such a text.
_PLAIN = re.compile(r"[A-Za-z0-9/_.\-?&=,:+~]{1,1000}")
_CODED = ("=3D", "quoted-printable")
# A number that begins with 0 may be a phone's. Of 24 hex digits and more only digests: others may spell a text.
_ID = re.compile(
    r"(?<![^/=,])[1-9]\d{3,11}(?![^/?&,])"
    r"|(?<![A-Za-z0-9\-])(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(?![A-Za-z0-9\-])"
    r"|(?<![A-Za-z0-9])(?=[0-9]*[a-f])(?=[a-f]*[0-9])(?:[0-9a-f]{40}|[0-9a-f]{32}|[0-9a-f]{12,23})(?![A-Za-z0-9])"
)
_NUMBER, _HEX = "192837465192", "8e1f00aa11bb22cc5f7a1c2e0d9b3a4c6e7d8f90"
_UUID = "1b7e0c0e-7d2e-4e43-9d5d-0d1c2c0b6a11"


def outline(text: str) -> str | None:
    """Return a text with a stand-in for each plain id in it; None if the text may hold anything encoded."""
    if not _PLAIN.fullmatch(text) or any(mark in text for mark in _CODED):
        return None
    return _ID.sub(_stand_in, text)


def _stand_in(found: re.Match[str]) -> str:
    size = found.end() - found.start()
    if size == len(_UUID):
        return _UUID
    return _HEX[:size] if size > len(_NUMBER) or not found[0].isdigit() else _NUMBER[:size]
