"""Masking a stream: what may still turn out to be part of a secret is held back until the rest has come."""

import re

from secrets_vault.masking.masker import Masker
from secrets_vault.masking.spans import Kind, Span, cover

CONTEXT = 64 * 1024
MAX_HELD = 1024 * 1024
_TOP_LINE = re.compile(r"\n(?=[^\s}\])<])")
_STAYS_OPEN = re.compile(r"[{\[(:|>,\\=]\s*\Z")


class StreamMasker:
    """Feed it text as it comes; it answers with what is ready, and never drops anything.

    The last 64 KB already answered stay as context, so that a header row, an open PEM block or a YAML
    parent still counts. More than 1 MB without a place to cut is cut all the same, between two words.
    """

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._context = ""
        self._pending = ""
        self._is_covering = False

    def feed(self, text: str, *, is_idle: bool = False) -> str:
        """Take the next text and return what is ready. `is_idle` says that nothing more is on its way now."""
        self._pending += text
        return self._advance(is_idle=is_idle, is_last=False)

    def finish(self) -> str:
        """Return all that was held back."""
        return self._advance(is_idle=True, is_last=True)

    def _advance(self, *, is_idle: bool, is_last: bool) -> str:
        if not self._pending:
            return ""
        whole, base = self._context + self._pending, len(self._context)
        spans = self._spans(whole, base)
        end = len(whole) if is_last else self._cut_at(whole, base, spans, is_idle=is_idle)
        if end <= base:
            return ""
        out = self._covered(whole, base, end, spans)
        self._context, self._pending = whole[max(0, end - CONTEXT) : end], whole[end:]
        return out

    def _spans(self, whole: str, base: int) -> list[Span]:
        try:
            return self._masker.spans(whole)
        except Exception:  # noqa: BLE001 - masking fails closed: what cannot be read is covered whole
            return [Span(base, len(whole), Kind.SECRET)]

    def _cut_at(self, whole: str, base: int, spans: list[Span], *, is_idle: bool) -> int:
        limit = len(whole) - self._masker.known.longest
        end = whole.rfind("\n", base, max(base, limit)) + 1
        if end and (not is_idle or _STAYS_OPEN.search(whole, max(base, end - 200), end) or _is_indented(whole, end)):
            top = [m.end() for m in _TOP_LINE.finditer(whole, max(base, end - CONTEXT), end)]
            end = top[-1] if top else (0 if len(self._pending) < MAX_HELD else end)
        for span in reversed(spans):
            if span.start < end <= span.end + 2:
                end = span.start
        if end <= base and len(self._pending) > MAX_HELD:
            end = max(base + 1, limit - 4096)
            end = max(whole.rfind(" ", base, end) + 1, base + 1) if " " in whole[end - 4096 : end] else end
        return end

    def _covered(self, whole: str, base: int, end: int, spans: list[Span]) -> str:
        out: list[str] = []
        at, was_covering = base, self._is_covering
        self._is_covering = False
        for span in spans:
            if span.end <= base or span.start >= end:
                continue
            out.append(whole[at : max(at, span.start)])
            if not (span.start < base and was_covering):
                out.append(cover(whole, span, self._masker.log_key) if span.start >= base else "****")
            at = min(span.end, end)
            self._is_covering = span.end > end
        out.append(whole[at:end])
        return "".join(out)


def _is_indented(whole: str, end: int) -> bool:
    start = whole.rfind("\n", 0, end - 1) + 1
    return whole[start : start + 1] in (" ", "\t")
