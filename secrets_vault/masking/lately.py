"""The values this process has had in its hands lately, so that its log can cover them wherever they turn up.

A library that logs a credential gives no hint of what it is; only the value itself tells. The register lives
in memory, holds a few values for a quarter of an hour, and its failures are nobody's: noting never raises.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from hashlib import blake2b
from secrets import token_bytes

from secrets_vault.masking.known import KnownValues, variants
from secrets_vault.masking.spans import Kind, Span

MOST = 128
LASTS_S = 900.0
SHORTEST = 8  # shorter ones are words; names and shapes give those away
LONGEST_BYTES = 4096  # a PEM fits; the forms of a long note would cost more than the line they stand in


class _Kept:
    """One value, its forms once somebody asked for them, and when it was last in use."""

    __slots__ = ("forms", "plain", "seen_at")

    def __init__(self, plain: bytes, seen_at: float) -> None:
        self.plain = bytearray(plain)
        self.seen_at = seen_at
        self.forms: tuple[str, ...] | None = None

    def of(self) -> tuple[str, ...]:
        """Return the value in every dress, the longest first. Made when the first line is written, not before."""
        if self.forms is None:
            value = self.plain.decode("utf-8", "surrogateescape")
            found = {form for form in variants(value) if len(form) >= SHORTEST}
            self.forms = tuple(sorted(found, key=lambda form: (form != value, -len(form))))
        return self.forms

    def wipe(self) -> None:
        self.plain[:] = bytes(len(self.plain))
        self.forms = ()


class OpenedLately(KnownValues):
    """A register of at most 128 values. It stands where the automaton of known values stands, and never needs making.

    Each value is looked for by plain search: a log line is short, and a new value must not cost a new automaton.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(())
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._lock = threading.Lock()
        self._salt = token_bytes(16)
        self._clock = clock

    def note(self, plain: bytes) -> None:
        """Remember a value. Never raises: a vault must open even where its log could not be told."""
        try:
            if SHORTEST <= len(plain) <= LONGEST_BYTES:
                self._note(plain)
        except Exception:  # noqa: BLE001 - see above
            return

    def _note(self, plain: bytes) -> None:
        name, now = blake2b(plain, key=self._salt, digest_size=16).digest(), self._clock()
        with self._lock:
            kept = self._kept.get(name)
            if kept is None:
                self._kept[name] = _Kept(plain, now)
            else:
                kept.seen_at = now
            self._kept.move_to_end(name)
            self._drop(now)

    def _drop(self, now: float) -> None:
        """Wipe what is over or too many: the oldest stand first."""
        while self._kept:
            oldest = next(iter(self._kept.values()))
            if len(self._kept) <= MOST and now - oldest.seen_at < LASTS_S:
                return
            self._kept.popitem(last=False)[1].wipe()

    def find(self, text: str) -> Iterator[Span]:
        """Yield every place where one of the values stands."""
        with self._lock:
            self._drop(self._clock())
            everything = [kept.of() for kept in self._kept.values()]
        for forms in everything:
            for position, form in enumerate(forms):
                kind = Kind.SECRET if position else Kind.KNOWN
                at = text.find(form)
                while at >= 0:
                    yield Span(at, at + len(form), kind)
                    at = text.find(form, at + 1)

    def __len__(self) -> int:
        return len(self._kept)

    def __bool__(self) -> bool:
        return True

    def forget(self) -> None:
        """Wipe every value, as when the vault is locked."""
        with self._lock:
            while self._kept:
                self._kept.popitem()[1].wipe()


LATELY = OpenedLately()


def note(plain: bytes) -> None:
    """Remember in this process's register that a value is in use."""
    LATELY.note(plain)


def known() -> OpenedLately:
    """Return this process's register, for the log formatter."""
    return LATELY
