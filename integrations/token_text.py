"""How the text of a token of ours looks: a prefix that says what it opens, 256 bits, and a checksum.

A typing slip is seen without a look-up, and a leak scanner can verify a find offline.
"""

from __future__ import annotations

import re
import secrets
import zlib
from dataclasses import dataclass

RANDOM_LENGTH = 43  # characters of 62 kinds: 256 bits
CHECKSUM_LENGTH = 6
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_REST = re.compile(rf"[0-9A-Za-z]{{{RANDOM_LENGTH + CHECKSUM_LENGTH}}}\Z")


@dataclass(frozen=True, slots=True)
class TokenText:
    """The texts of one kind of token; `prefix` tells the kinds apart."""

    prefix: str

    @property
    def length(self) -> int:
        """Return how long every text of this kind is."""
        return len(self.prefix) + RANDOM_LENGTH + CHECKSUM_LENGTH

    @property
    def shown(self) -> int:
        """Return how many characters a page may show for telling two apart: the prefix and six more."""
        return len(self.prefix) + 6

    def new(self) -> str:
        """Return the text of a new token."""
        body = self.prefix + "".join(secrets.choice(_ALPHABET) for _ in range(RANDOM_LENGTH))
        return body + checksum(body)

    def is_well_formed(self, text: str) -> bool:
        """Tell whether the text has this kind's shape and checksum: a typing slip costs no look-up."""
        has_shape = text.startswith(self.prefix) and _REST.match(text, len(self.prefix)) is not None
        return has_shape and text[-CHECKSUM_LENGTH:] == checksum(text[:-CHECKSUM_LENGTH])


def checksum(body: str) -> str:
    """Return six characters of CRC-32, as leak scanners expect to verify offline."""
    number, digits = zlib.crc32(body.encode("ascii")), ""
    for _place in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
