"""Which names announce a secret: `password`, `X-Api-Key`, `contraseña`, `client[secret]`, `AccountKey`.

A name is normalised first (percent-decoded, NFKC, camelCase split, accents and case folded), so that one
lexicon serves JSON, headers, forms, XML, flags and environment variables.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from secrets_vault.masking.lexicon import words
from secrets_vault.masking.spans import Kind


class NameClass(NamedTuple):
    """What a name says about its value. `only_if` asks for a look at the value before it is covered."""

    kind: Kind
    only_if: str = ""  # "", "code", "key", "text" (not a number), "random"


_TOKEN = NameClass(Kind.TOKEN)
_SECRET = NameClass(Kind.SECRET)
_TOKENS_TEXT = NameClass(Kind.TOKEN, "words")

_STARRED = words("starred_names")
_TAILED = words("tailed_names")
_PHRASES: dict[str, NameClass] = {
    **dict.fromkeys(["tokens", "secrets"], _TOKENS_TEXT),
    "pass": NameClass(Kind.SECRET, "text"),
    "seed": NameClass(Kind.SECRET, "text"),
}
# These mean something else in most names they are part of, so they count as a whole name only.
_WHOLE: dict[str, NameClass] = {
    "code": NameClass(Kind.SECRET, "code"),
    "key": NameClass(Kind.TOKEN, "key"),
    "keys": NameClass(Kind.TOKEN, "key"),
    "xkey": NameClass(Kind.TOKEN, "key"),
    "auth": NameClass(Kind.TOKEN, "text"),
    "xauth": NameClass(Kind.TOKEN, "text"),
    "basicauth": NameClass(Kind.SECRET, "text"),
    "clave": NameClass(Kind.SECRET, "text"),
    "chave": NameClass(Kind.SECRET, "key"),
    "session": NameClass(Kind.SECRET, "random"),
    "sid": NameClass(Kind.SECRET, "random"),
    "sess": NameClass(Kind.SECRET, "random"),
    "pan": NameClass(Kind.SECRET, "number"),
    "dsn": NameClass(Kind.TOKEN, "url"),
    "hash": NameClass(Kind.SECRET, "never"),
}
_WHOLE_PLAIN = words("plain_names")
_PLAIN_TAILS = words("plain_last_words")
_SUFFIXES = (
    ("password", _SECRET),
    ("passwd", _SECRET),
    ("passwort", _SECRET),
    ("kennwort", _SECRET),
    ("passphrase", _SECRET),
    ("contrasena", _SECRET),
    ("privatekey", _SECRET),
    ("signature", _SECRET),
    ("sessionid", _SECRET),
    ("pwd", _SECRET),
    ("secret", _TOKEN),
    ("token", _TOKEN),
    ("apikey", _TOKEN),
    ("accesskey", _TOKEN),
    ("secretkey", _TOKEN),
    ("accountkey", _TOKEN),
)
_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad\x00]")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_BREAK = re.compile(r"[\W_]+")
_DIGITS = re.compile(r"(?<=[^\d])\d+$")


def words_of(name: str) -> list[str]:
    """Return the plain lower-case words of a name: `X-Api%4Bey2` gives x, api, key."""
    if "%" in name:
        name = unquote(unquote(name))
    name = unicodedata.normalize("NFKC", _INVISIBLE.sub("", name))
    if not name.isascii():
        name = "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))
    split = _BREAK.split(_CAMEL.sub("_", name))
    return [_DIGITS.sub("", w.casefold()) for w in split if w]


_PHRASES |= {"".join(words_of(w)): _SECRET for w in _STARRED} | {"".join(words_of(w)): _TOKEN for w in _TAILED}


@lru_cache(maxsize=8192)
def classify(name: str) -> NameClass | None:
    """Return what a name says about its value, or None for a name that announces no secret."""
    if len(name) > 128:
        return None
    words = words_of(name)
    if not words:
        return None
    joined = "".join(words)
    if joined in _WHOLE_PLAIN or any("".join(words[i:]) in _WHOLE_PLAIN for i in range(len(words))):
        return None
    if joined in _WHOLE or (words[-1] in ("code", "key") and "".join(words[:-1]) in ("", "auth", "oauth", "google")):
        return _WHOLE.get(joined) or _WHOLE[words[-1]]
    exact = _PHRASES.get(joined)
    if exact:
        return exact
    return _by_words(words) or _by_suffix(words, joined)


def _by_words(words: list[str]) -> NameClass | None:
    """Find the lexicon's phrase in a name, the last one first; a plain last word ("type", "expires") clears it."""
    if words[-1] in _PLAIN_TAILS or (len(words) > 1 and "".join(words[-2:]) in _PLAIN_TAILS):
        return None
    best: NameClass | None = None
    for end in range(len(words), 0, -1):
        for start in range(max(0, end - 4), end):
            found = _PHRASES.get("".join(words[start:end]))
            if found and (best is None or found.kind > best.kind):
                best = found
        if best:
            return best
    return None


def _by_suffix(words: list[str], joined: str) -> NameClass | None:
    if words[-1] in _PLAIN_TAILS:
        return None
    for suffix, found in _SUFFIXES:
        if joined.endswith(suffix):
            return found
    return None


JWK_PRIVATE = frozenset(("d", "p", "q", "dp", "dq", "qi", "k", "oth"))
PAIR_NAMES = words("pair_names")
PAIR_VALUES = words("pair_values")


def pair_word(name: str) -> str:
    """Return a name as one lower-case word, to look it up in PAIR_NAMES or PAIR_VALUES."""
    return "".join(words_of(name))
