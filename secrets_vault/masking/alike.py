"""Paths and ids that differ in plain ids alone are masked alike: one of each kind is looked at with every finder.

`/contacts/81234` and `/contacts/90210` say the same to every finder: a number of up to twelve digits is no card, a
UUID or a digest is kept wherever its name does not tell otherwise, and then it is covered in its stand-in too. Only a
value of the vault may be such an id, so the known values are still looked for in each text. Beside something made,
behind the name of a secret, or grown together with other text, an id may be a key or a part of one: such texts are in
doubt, and each is looked at.
"""

import re

from secrets_vault.masking.mixed import LEAST_MIXED, is_public
from secrets_vault.masking.names import classify
from secrets_vault.masking.page import RUN
from secrets_vault.masking.values import is_jumbled

# Nothing here is encoded: no coat (layers.py) can be taken off such a text.
_PLAIN = re.compile(r"[A-Za-z0-9/_.\-?&=,:+~]{1,1000}")
_CODED = ("=3D", "quoted-printable")
# A number that begins with 0 may be a phone's. Of 24 hex digits and more only digests: others may spell a text.
_ID = re.compile(
    r"(?<![^/=,])[1-9]\d{3,11}(?![^/?&,])"
    r"|(?<![A-Za-z0-9\-])(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(?![A-Za-z0-9\-])"
    r"|(?<![A-Za-z0-9])(?=[0-9]*[a-f])(?=[a-f]*[0-9])(?:[0-9a-f]{40}|[0-9a-f]{32}|[0-9a-f]{12,23})(?![A-Za-z0-9])"
)
# As jumbled as an id can be, which is what a finder looks for; and of few letters, so that a place with a digest in it
# is a place like any other.
_NUMBER, _HEX = "192837465192", "1a2b3c" * 7
_UUID = "1b7e0c0e-7d2e-4e43-9d5d-0d1c2c0b6a11"
_STAND_IN = re.compile(rf"{_UUID}|(?<![0-9a-f])(?:{_HEX[:12]}[1-3a-c]*|{_NUMBER[:4]}\d{{0,8}})(?![0-9a-f])")
_SHORTEST_MADE = 6
_CAPABLE = frozenset(("hook", "hooks", "webhook", "webhooks", "trigger", "triggers", "catch", "callback", "callbacks"))


def outline(text: str) -> str | None:
    """Return a text with a stand-in for each plain id in it; None if the text may hold anything encoded."""
    if not _PLAIN.fullmatch(text) or any(mark in text for mark in _CODED):
        return None
    return _ID.sub(_stand_in, text)


def holds_stand_in(text: str) -> bool:
    """Tell whether an outline, or what was made of one, shows an id that stands for others."""
    return _STAND_IN.search(text) is not None


def is_in_doubt(kind: str) -> bool:
    """Tell whether an id of this outline may be a key or a part of one, which only its own characters can tell."""
    return any(
        any(_is_part(segment) or _is_made(segment) or _announces(segment) for segment in run[0].split("/"))
        for run in RUN.finditer(kind)
        if len(run[0]) >= LEAST_MIXED and not is_public(run[0]) and holds_stand_in(run[0])
    )


def _announces(segment: str) -> bool:
    """Tell whether a secret may stand behind a word, as in `/hooks/<uuid>` and `/api_key/<digest>`."""
    return segment.lower() in _CAPABLE or classify(segment) is not None


def _is_part(segment: str) -> bool:
    found = _STAND_IN.search(segment)
    return found is not None and found[0] != segment


def _is_made(segment: str) -> bool:
    """Tell a generated code from a word, a version and an id."""
    if len(segment) < _SHORTEST_MADE or _STAND_IN.fullmatch(segment) or not is_jumbled(segment):
        return False
    return any(map(str.isalpha, segment)) and (
        any(map(str.isdigit, segment)) or not (segment.islower() or segment.isupper())
    )


def _stand_in(found: re.Match[str]) -> str:
    size = found.end() - found.start()
    if size == len(_UUID):
        return _UUID
    return _NUMBER[:size] if found[0].isdigit() else _HEX[:size]
