"""A plaintext that cannot be printed, and the one way to show a trace of it."""

from __future__ import annotations

import hmac
from typing import NoReturn, final

MASK = "****"
SHOWN_TAIL = 4
SHORTEST_WITH_TAIL = 16


@final
class Secret:
    """A plaintext in memory. Only `expose()` and `expose_bytes()` give it away, and templates cannot call them.

    It is not a `str`: joining, formatting, encoding, JSON, pickling and copying are masked or refused.
    The bytes are wiped when the object goes; what `expose()` returned is the caller's to drop.
    """

    __slots__ = ("__plaintext",)
    __hash__ = None  # type: ignore[assignment]  # a secret is no dictionary key

    def __init__(self, value: str | bytes | bytearray) -> None:
        """Take a value. A `bytearray` is taken over, not copied, and wiped with this object."""
        if isinstance(value, str):
            self.__plaintext = bytearray(value, "utf-8")
        elif isinstance(value, bytearray):
            self.__plaintext = value
        elif isinstance(value, bytes):
            self.__plaintext = bytearray(value)
        else:
            raise TypeError("a Secret is made of str or bytes")

    def expose(self) -> str:
        """Return the plaintext as text. Only the modules that the rules test lists may call this."""
        return self.__plaintext.decode("utf-8")

    def expose_bytes(self) -> bytes:
        """Return the plaintext as bytes."""
        return bytes(self.__plaintext)

    # Django's templates call whatever is callable, unless it says that it alters data.
    expose.alters_data = True  # type: ignore[attr-defined]
    expose_bytes.alters_data = True  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self.__plaintext)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.__plaintext, other.__plaintext)

    def __del__(self) -> None:
        plaintext = getattr(self, "_Secret__plaintext", None)
        if plaintext is not None:
            plaintext[:] = bytes(len(plaintext))

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied")

    def __copy__(self) -> NoReturn:
        raise TypeError("a Secret cannot be copied")

    def __deepcopy__(self, memo: object) -> NoReturn:
        raise TypeError("a Secret cannot be copied")


def mask(text: str, *, is_token: bool = True) -> str:
    """Return what may be shown of a value: `****`, and the last four only of a long token.

    Never a tail of a password, PIN, note, PEM or URL, of anything under 16 characters without its
    `=` padding, or of anything that is not plain ASCII. The length is always hidden.
    """
    core = text.rstrip("=")
    if not is_token or len(core) < SHORTEST_WITH_TAIL or not _looks_like_a_token(core):
        return MASK
    return MASK + core[-SHOWN_TAIL:]


def _looks_like_a_token(core: str) -> bool:
    return core.isascii() and core.isprintable() and " " not in core and "://" not in core and "-----" not in core
