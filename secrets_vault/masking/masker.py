"""The masker: runs every finder over a text and every coat of encoding in it, and covers what they found."""

import time
from collections.abc import Callable, Iterable, Iterator

from secrets_vault.masking import bodies
from secrets_vault.masking.alike import is_in_doubt, outline
from secrets_vault.masking.blobs import find_blobs
from secrets_vault.masking.command_lines import find_command_lines
from secrets_vault.masking.deltas import find_deltas
from secrets_vault.masking.headers import find_schemes
from secrets_vault.masking.json_shapes import find_json_shapes
from secrets_vault.masking.known import KnownValues
from secrets_vault.masking.layers import peel
from secrets_vault.masking.markup import find_markup
from secrets_vault.masking.mixed import find_mixed
from secrets_vault.masking.page import Page
from secrets_vault.masking.pairs import find_pairs
from secrets_vault.masking.personal import find_cards, find_personal
from secrets_vault.masking.quoted_names import find_quoted_names
from secrets_vault.masking.spans import Span, merge, render
from secrets_vault.masking.sql import find_rows
from secrets_vault.masking.tables import find_tables
from secrets_vault.masking.tokens import find_tokens
from secrets_vault.masking.urls import find_capabilities, find_urls

WITHHELD = "[withheld: masker]"
CPU_LIMIT_S = 2.0
MAX_COATS = 4
BODY_CAP = 64 * 1024
_MARGIN = 256 * 1024
_WIDEST = 4  # bytes a character takes in any charset
_MOST_OUTLINES = 512
_LONGEST_LINE = 200

Finder = Callable[[Page], Iterable[Span]]
_FINDERS: tuple[Finder, ...] = (
    find_pairs,
    find_quoted_names,
    find_tokens,
    find_mixed,
    find_schemes,
    find_json_shapes,
    find_urls,
    find_markup,
    find_tables,
    find_rows,
    find_command_lines,
    find_cards,
)


class MaskedText(str):
    """Text that went through the masker. Log columns accept only this type."""

    __slots__ = ()


class OutOfTime(Exception):
    """The text cost more CPU time than a log entry is worth."""


class Masker:
    """Covers secrets in texts. Make one per set of known values and keep it: building the automaton costs time.

    `known` are values of the vault. `personal` switches e-mail, phone, IBAN and SSN rules. `log_key` adds a
    correlation tag (a keyed hash) to every cover. `cpu_limit_s` None means no limit.
    """

    def __init__(
        self,
        known: Iterable[str] | KnownValues = (),
        *,
        personal: bool = True,
        log_key: bytes | None = None,
        cpu_limit_s: float | None = CPU_LIMIT_S,
    ) -> None:
        self.known = known if isinstance(known, KnownValues) else KnownValues(known)
        self.log_key = log_key
        self.cpu_limit_s = cpu_limit_s
        self.finders = (*_FINDERS, find_personal) if personal else _FINDERS
        self._outlines: dict[str, bool] = {}  # whether nothing was found in a text like these
        self._lines: dict[str, bool] = {}  # the same of a head's lines, which are masked by their names too

    def mask(self, text: str | bytes, *, media: str | None = None, encoding: str | None = None) -> MaskedText:
        """Return the text masked; `[withheld: masker]` if anything goes wrong on the way."""
        try:
            plain = text if isinstance(text, str) else bodies.to_text(text, media=media, encoding=encoding)
            return MaskedText(render(plain, self.spans(plain), self.log_key))
        except Exception:  # noqa: BLE001 - masking fails closed: an unmasked text must never leave
            return MaskedText(WITHHELD)

    def mask_alike(self, text: str) -> MaskedText:
        """Return a path, an id or a short line masked, as `mask` does, at a twentieth of its cost where one like it
        has been looked at before."""
        try:
            kind = outline(text)
            if kind is not None and self._holds_nothing(kind) and not self.known.is_in(text):
                return MaskedText(text)
        except Exception:  # noqa: BLE001 - fails closed, as above
            return MaskedText(WITHHELD)
        return self.mask(text)

    def mask_at(self, host: str, path: str) -> MaskedText:
        """Return the path of a host masked, where the host is what tells that a path is a secret."""
        try:
            behind = [
                Span(max(0, span.start - len(host)), span.end - len(host), span.kind)
                for span in find_capabilities(host + path)
            ]
            if behind:
                return MaskedText(render(path, [*self.spans(path), *behind], self.log_key))
        except Exception:  # noqa: BLE001 - fails closed, as above
            return MaskedText(WITHHELD)
        return self.mask_alike(path)

    def _holds_nothing(self, kind: str) -> bool:
        """Tell whether there is surely nothing to cover in texts of this outline."""
        found = self._outlines.get(kind)
        if found is None:
            found = not is_in_doubt(kind) and self.mask(kind) == kind
            _remember(self._outlines, kind, found)
        return found

    def is_plain_line(self, line: str, is_plain: Callable[[], bool]) -> bool:
        """Tell whether there is nothing to cover in a line of a head; `is_plain` says it where that is not known yet.

        Only lines that hold nothing are remembered: no credential stays here.
        """
        if line in self._lines:
            return True
        if len(line) > _LONGEST_LINE or not is_plain():
            return False
        _remember(self._lines, line, True)
        return True

    def mask_body(self, body: bytes, *, media: str | None = None, encoding: str | None = None) -> MaskedText:
        """Return a body masked and then cut to 64 KB; what the cut left of a token is dropped."""
        try:
            most = BODY_CAP + _MARGIN
            plain = bodies.to_text(body, media=media, encoding=encoding, most=_WIDEST * most)[:most]
        except Exception:  # noqa: BLE001 - fails closed, as above
            return MaskedText(WITHHELD)
        return cut(self.mask(plain, media=media))

    def spans(self, text: str) -> list[Span]:
        """Return what to cover in a text, in order, without overlaps. Raises OutOfTime."""
        deadline = None if self.cpu_limit_s is None else time.thread_time() + self.cpu_limit_s
        return list(merge(self._find(text, 0, deadline)))

    def _find(self, text: str, coats: int, deadline: float | None) -> Iterator[Span]:
        yield from self.known.find(text)
        page = Page(text)
        for finder in self.finders:
            for span in finder(page):
                yield span
                _check(deadline)
            _check(deadline)
        if coats == 0:
            yield from find_deltas(text, lambda joined: merge(self._find(joined, 1, deadline)))
        if coats >= MAX_COATS:
            return
        yield from find_blobs(page, lambda inner: self._is_secret(inner, coats, deadline))
        for layer in peel(text):
            for span in merge(self._find(layer.text, coats + 1, deadline)):
                start, end = layer.original(span.start, span.end)
                yield Span(start, end, span.kind, span.wrap)
            _check(deadline)

    def _is_secret(self, inner: str, coats: int, deadline: float | None) -> bool:
        _check(deadline)
        return any(True for _ in self._find(inner, max(coats + 1, MAX_COATS - 1), deadline))


def _remember(kept: dict[str, bool], text: str, found: bool) -> None:
    if len(kept) >= _MOST_OUTLINES:
        kept.clear()
    kept[text] = found


def _check(deadline: float | None) -> None:
    if deadline is not None and time.thread_time() > deadline:
        raise OutOfTime


def cut(masked: MaskedText, *, limit: int = BODY_CAP) -> MaskedText:
    """Return at most `limit` bytes of a masked text, without the run of characters the cut went through."""
    raw = masked.encode("utf-8", "replace")
    if len(raw) <= limit:
        return masked
    kept = raw[:limit].decode("utf-8", "ignore")
    end = len(kept)
    while end and not kept[end - 1].isspace() and kept[end - 1] not in "\"'<>,;&{}[]()":
        end -= 1
    return MaskedText(kept[: end or 0] + "[cut]")
