"""The logging formatter of web, worker and beat: one event, one line, masked as the last thing before it is written.

A filter would see neither child loggers nor tracebacks; only a formatter holds the final string, with
arguments, exception, causes and notes in it.
"""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Callable, Iterable
from typing import IO, Any

from secrets_vault.masking.known import KnownValues, Together
from secrets_vault.masking.masker import WITHHELD, Masker

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

KnownSource = Callable[[], "Iterable[str] | KnownValues"]


def one_line(text: str) -> str:
    """Return a text with line breaks and control characters written out, so that nobody can forge an event."""
    return _CONTROL.sub(lambda m: _SHORT.get(m[0]) or f"\\u{ord(m[0]):04x}", text)


class MaskingFormatter(logging.Formatter):
    """Masks the finished line. `known` gives the vault's current values; whatever it raises is ignored.

    A record may bring values of its own in `covered` (KnownValues): what somebody has just typed, say.

    Give `known` a KnownValues (see `known.cached`) where the values are many: a list is compiled on each change.
    """

    def __init__(
        self,
        fmt: str | None = FORMAT,
        datefmt: str | None = None,
        style: Any = "%",
        *,
        known: KnownSource | None = None,
    ) -> None:
        super().__init__(fmt, datefmt, style)
        self._known = known
        self._masker = Masker()
        self._last: object = None

    def format(self, record: logging.LogRecord) -> str:
        """Return one masked line; a record that cannot be formatted still says where it came from."""
        try:
            text = super().format(record)
        except Exception:  # noqa: BLE001 - bad arguments must cost neither the event nor its secrets
            text = f"{record.levelname} {record.name} [unformattable message at {record.filename}:{record.lineno}]"
        try:
            return one_line(self._for(record).mask(text))
        except Exception:  # noqa: BLE001 - masking fails closed
            return f"{record.levelname} {record.name} {WITHHELD}"

    def _for(self, record: logging.LogRecord) -> Masker:
        masker, covered = self._current(), getattr(record, "covered", None)
        return Masker(Together(masker.known, covered)) if isinstance(covered, KnownValues) else masker

    def _current(self) -> Masker:
        """Return the masker for the values known now, made anew only when they have changed."""
        if self._known is None:
            return self._masker
        try:
            values = self._known()
            values = values if isinstance(values, KnownValues) else frozenset(values)
        except Exception:  # noqa: BLE001 - a vault that is locked or gone must not silence the log
            return self._masker
        if values is not self._last and values != self._last:
            self._last, self._masker = values, Masker(values)
        return self._masker


class MaskedStream(io.TextIOBase):
    """A stream that masks every whole line on its way; it stands before stderr."""

    def __init__(self, target: IO[str], formatter: MaskingFormatter) -> None:
        self._target = target
        self._formatter = formatter
        self._held = ""

    def write(self, text: str) -> int:
        """Write whole lines masked; hold the rest until its line ends."""
        lines, newline, self._held = (self._held + text).rpartition("\n")
        if newline:
            self._write(lines + newline)
        return len(text)

    def flush(self) -> None:
        if self._held:
            held, self._held = self._held, ""
            self._write(held)
        self._target.flush()

    def _write(self, text: str) -> None:
        try:
            self._target.write(self._formatter._current().mask(text))
        except Exception:  # noqa: BLE001 - masking fails closed
            self._target.write(WITHHELD + "\n")

    def isatty(self) -> bool:
        return self._target.isatty()

    def fileno(self) -> int:
        return self._target.fileno()

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self._target, "encoding", "utf-8")


def install(*, known: KnownSource | None = None) -> MaskingFormatter:
    """Make this process's logging and stderr safe; return the formatter that does it. Calling it twice is harmless.

    Every handler of the root logger gets the formatter. `logging.raiseExceptions` goes off, because the
    fallback of `Handler.handleError` prints a record's arguments as they are.
    """
    logging.raiseExceptions = False
    formatter = MaskingFormatter(known=known)
    for handler in [*logging.getLogger().handlers, logging.lastResort]:
        if handler is not None:
            handler.setFormatter(formatter)
    if not isinstance(sys.stderr, MaskedStream):
        sys.stderr = MaskedStream(sys.stderr, formatter)
    return formatter
