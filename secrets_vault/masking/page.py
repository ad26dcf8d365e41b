"""One pass over a text finds every place worth a closer look; the finders start from these and read no further.

Two hundred kilobytes hold thousands of words and a handful of secrets: an automaton over the stems of the
lexicon, the vendor prefixes, the schemes and the capability hosts costs about as much as one regular expression.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import ahocorasick

from secrets_vault.masking.lexicon import words
from secrets_vault.masking.names import NameClass, classify

_NAME_CHARS = frozenset("_-.$%[]@\u200b\u200c\u200d\u200e\u200f")
_LONGEST_NAME = 120
_LAST_WORDS = words("last_words")
STEMS, SCHEMES, HOSTS = words("stems"), words("spoken_schemes"), words("capability_hosts")
PREFIXES = words("prefixes") | words("short_prefixes") | words("guarded_prefixes")
_DIGITS = re.compile(r"\d[\d ().\-/\u00a0\u2011\u2013]{7,}+")
_DATE = re.compile(r"(?:19|20)\d\d-[01]\d-[0-3]\d")
RUN = re.compile(r"[A-Za-z0-9+/_\-]{24,}={0,2}")


class Named(NamedTuple):
    """A name that stands in the text, and what the lexicon says about it (None for a bare "passe" or "number")."""

    start: int
    end: int
    name: str
    known: NameClass | None


def _automaton() -> ahocorasick.Automaton:
    kinds: dict[str, tuple[str, ...]] = {}
    for kind, all_words in (("stem", STEMS), ("scheme", SCHEMES), ("host", HOSTS), ("prefix", PREFIXES)):
        for word in all_words:
            kinds[word.lower()] = (*kinds.get(word.lower(), ()), kind if kind != "prefix" else word)
    made = ahocorasick.Automaton()
    for word, found in kinds.items():
        made.add_word(word, (len(word), found))
    made.make_automaton()
    return made


_WORTH_A_LOOK = _automaton()


def lowered(text: str) -> str:
    """Return a text in lower case with every character in its old place."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(c if len(c.lower()) > 1 else c.lower() for c in text)


class Page:
    """A text with its places worth a look, found once and shared by all finders."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.names: list[Named] = []
        self.schemes: list[int] = []
        self.prefixes: list[tuple[int, str]] = []
        self.has_hosts = False
        self._named_to = 0
        for last, (size, kinds) in _WORTH_A_LOOK.iter(lowered(text)):
            for kind in kinds:
                self._note(kind, last - size + 1, last + 1)

    def _note(self, kind: str, start: int, end: int) -> None:
        if kind == "stem":
            if end > self._named_to:
                self._note_name(start, end)
        elif kind == "scheme":
            self.schemes.append(start)
        elif kind == "host":
            self.has_hosts = True
        elif self.text.startswith(kind, start):
            self.prefixes.append((start, kind))

    def _note_name(self, start: int, end: int) -> None:
        text, size = self.text, len(self.text)
        first, last = start, end
        lowest, highest = max(0, start - _LONGEST_NAME), min(size, end + _LONGEST_NAME)
        while first > lowest and (text[first - 1].isalnum() or text[first - 1] in _NAME_CHARS):
            first -= 1
        while last < highest and (text[last].isalnum() or text[last] in _NAME_CHARS):
            last += 1
        self._named_to = last
        name = text[first:last]
        known = classify(name.strip("-.")) if last - first <= _LONGEST_NAME else None
        if known or name.lower() in _LAST_WORDS:
            self.names.append(Named(first, last, name, known))

    @cached_property
    def runs(self) -> list[re.Match[str]]:
        """The long runs of letters and digits, where keys and encoded blobs are."""
        return list(RUN.finditer(self.text))

    @cached_property
    def digit_runs(self) -> list[tuple[int, int]]:
        """Where eight digits or more stand together, dates left out: cards, phones, social security numbers."""
        return [m.span() for m in _DIGITS.finditer(self.text) if len(m[0]) > 14 or not _DATE.match(m[0])]

    def known_names(self) -> Iterator[tuple[int, int, str, NameClass]]:
        for start, end, name, known in self.names:
            if known:
                yield start, end, name, known
