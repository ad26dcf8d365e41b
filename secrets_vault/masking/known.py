"""Exact match: every value the vault holds, in every dress it may wear, found in one pass.

The automaton lives in memory only; `ahocorasick` can pickle one, and nobody may.
"""

import base64
import html
import json
import quopri
import re
import shlex
import threading
import unicodedata
from collections.abc import Hashable, Iterable, Iterator
from urllib.parse import quote, quote_plus

import ahocorasick

from secrets_vault.masking.spans import Kind, Span

SHORT = 8
_LINES = (64, 76)


def _texts(value: str) -> set[str]:
    forms = {value, unicodedata.normalize("NFC", value), unicodedata.normalize("NFD", value)}
    if value.strip() and len(value.strip()) >= SHORT:
        forms.add(value.strip())
    return forms


def _bytes_of(value: str) -> list[bytes]:
    raw = [value.encode("utf-8", "surrogateescape")]
    if not value.isascii():
        for charset in ("latin-1", "utf-16-le"):
            try:
                raw.append(value.encode(charset))
            except UnicodeEncodeError:
                continue
    return raw


def _percent(raw: bytes) -> set[str]:
    once = {
        quote(raw, safe=""),
        quote(raw),
        quote_plus(raw),
        quote(raw, safe="~()*!'"),
        quote(raw, safe=":/?#[]@!$&'()*+,;="),
    }
    every = "".join(f"%{b:02X}" for b in raw)
    once |= {re.sub("%[0-9A-F]{2}", lambda m: m[0].lower(), form) for form in once} | {every, every.lower()}
    return once | {quote(form, safe="") for form in once}


def _escaped(value: str) -> set[str]:
    ascii_json, utf8_json = json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]
    forms = {ascii_json, utf8_json, ascii_json.replace("/", "\\/"), utf8_json.replace("/", "\\/")}
    units = value.encode("utf-16-be", "surrogatepass")
    every = "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
    forms |= {
        every,
        every.upper().replace("\\U", "\\u"),
        json.dumps(ascii_json)[1:-1],
        json.dumps(utf8_json, ensure_ascii=False)[1:-1],
    }
    forms |= {repr(value)[1:-1], ascii(value)[1:-1], value.replace("'", "\\'"), value.replace('"', '\\"')}
    forms |= {repr(b)[2:-1] for b in _bytes_of(value)}
    for char in "<>&'\"=+":
        if char in value:
            forms.add(re.sub(r"[<>&'\"=+]", lambda m: f"\\u{ord(m[0]):04x}", ascii_json))
            forms.add(re.sub(r"[<>&'\"=+]", lambda m: f"\\u{ord(m[0]):04X}", ascii_json))
            break
    return forms


def _markup(value: str) -> set[str]:
    named = html.escape(value, quote=True)
    forms = {
        named,
        html.escape(value, quote=False),
        named.replace("&#x27;", "&#39;"),
        named.replace("&#x27;", "&apos;"),
    }
    forms.add("".join(f"&#{ord(c)};" for c in value))
    forms.add("".join(f"&#x{ord(c):x};" for c in value))
    forms.add("".join(f"&#x{ord(c):X};" for c in value))
    forms.add("".join(c if c.isalnum() else f"&#{ord(c)};" for c in value))
    forms.add(html.escape(named))
    return forms


def _shell(value: str) -> set[str]:
    return {shlex.quote(value).strip("'"), re.sub(r"([^\w@%+=:,./\-])", r"\\\1", value), value.replace("'", "''")}


def _base64(raw: bytes) -> set[str]:
    """Return what stays the same of a value's base64 whatever bytes stand before and behind it."""
    forms: set[str] = set()
    alone = {base64.b64encode(raw).decode().rstrip("="), base64.urlsafe_b64encode(raw).decode().rstrip("=")}
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + raw).decode()
        lead = (0, 2, 3)[shift]
        whole = coded.rstrip("=")
        tail = (len(raw) + shift) % 3
        stable = whole[lead : len(whole) - (1 if tail else 0)]
        if shift == 0:
            forms |= {whole, whole.replace("+", "-").replace("/", "_")}
        forms |= {stable, stable.replace("+", "-").replace("/", "_")}
    for form in list(forms):
        if len(form) > min(_LINES):
            forms |= {
                sep.join(form[i : i + width] for i in range(0, len(form), width))
                for width in _LINES
                for sep in ("\n", "\r\n")
            }
    twice = base64.b64encode(base64.b64encode(raw)).decode().rstrip("=")
    # Of a short value only the whole form counts, and that as a word alone: its inner parts stand in any text.
    return alone | {f for f in forms | {twice, twice[:-1]} if len(f) >= SHORT}


def _wrapped(value: str) -> set[str]:
    if len(value) <= min(_LINES):
        return set()
    return {
        sep.join(value[i : i + w] for i in range(0, len(value), w))
        for w in _LINES
        for sep in ("\n", "\r\n", "\n ", "\\n")
    }


def variants(value: str) -> set[str]:
    """Return a value in every encoding we look for: the fourteen of the specification."""
    forms: set[str] = set()
    for text in _texts(value):
        forms |= {text} | _escaped(text) | _markup(text) | _shell(text) | _wrapped(text)
        for raw in _bytes_of(text):
            forms |= _percent(raw) | _base64(raw) | {raw.hex(), raw.hex().upper(), raw.hex(":"), raw.hex(" ")}
            # Heads and paths are read as Latin-1, whatever they were written in.
            forms |= {raw.decode("utf-8", "surrogateescape"), raw.decode("latin-1")}
            printable = quopri.encodestring(raw).decode("ascii")
            forms |= {printable, printable.replace("=\n", ""), printable.replace("=\n", "=\r\n")}
            forms.add("".join(f"={b:02X}" for b in raw))
    if re.fullmatch(r"[0-9a-fA-F\-]{36}", value):
        forms |= {
            value.replace("-", ""),
            value.lower(),
            value.upper(),
            value.replace("-", "").lower(),
            value.replace("-", "").upper(),
        }
    return {f for f in forms if f}


class KnownValues:
    """The vault's values as one automaton. Values under 8 characters count only as whole words."""

    def __init__(self, values: Iterable[str]) -> None:
        self.longest = 0
        self._automaton: ahocorasick.Automaton | None = None
        made = ahocorasick.Automaton()
        for value in {v for v in values if v and v.strip()}:
            for form in variants(value):
                if (len(form) < 4 and form != value) or (form in made and made.get(form)[2]):
                    continue
                is_short = len(value) < SHORT
                made.add_word(form, (len(form), is_short, form == value))
                self.longest = max(self.longest, len(form))
        if len(made):
            made.make_automaton()
            self._automaton = made

    def find(self, text: str) -> Iterator[Span]:
        """Yield every place where a value stands."""
        if self._automaton is None:
            return
        for last, (size, is_short, is_raw) in self._automaton.iter(text):
            start = last - size + 1
            if is_short and not _is_word(text, start, last + 1):
                continue
            yield Span(start, last + 1, Kind.KNOWN if is_raw else Kind.SECRET)

    def is_in(self, text: str) -> bool:
        return next(self.find(text), None) is not None


class Together(KnownValues):
    """Several sets of known values as one, each automaton shared and none copied."""

    def __init__(self, *parts: KnownValues) -> None:
        self.parts = parts
        self.longest = max((part.longest for part in parts), default=0)

    def find(self, text: str) -> Iterator[Span]:
        """Yield every place where a value of any part stands."""
        for part in self.parts:
            yield from part.find(text)


def _is_word(text: str, start: int, end: int) -> bool:
    before, after = text[start - 1 : start], text[end : end + 1]
    return not ((before.isalnum() and text[start].isalnum()) or (after.isalnum() and text[end - 1].isalnum()))


_cache: dict[Hashable, KnownValues] = {}
_cache_lock = threading.Lock()
_CACHE_SIZE = 64


def cached(key: Hashable, values: Iterable[str]) -> KnownValues:
    """Return the automaton for a key such as (client id, vault version); the newest 64 stay in memory."""
    with _cache_lock:
        found = _cache.get(key)
    if found is None:
        found = KnownValues(values)
        with _cache_lock:
            while len(_cache) >= _CACHE_SIZE:
                _cache.pop(next(iter(_cache)))
            _cache[key] = found
    return found
