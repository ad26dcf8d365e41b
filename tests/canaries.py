"""Secrets planted by a test, and a net that finds them again in whatever they may be dressed as."""

from __future__ import annotations

import base64
import html
import json
import secrets
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import ahocorasick


def canary(prefix: str = "", *, length: int = 24) -> str:
    """Return a value that nothing else can hold by chance."""
    return prefix + secrets.token_hex(length // 2)


def dresses(value: str) -> set[str]:
    """Return a value raw, URL-, HTML-, JSON- and hex-encoded, and as base64 at each of its three alignments."""
    raw = value.encode()
    found = {value, quote(value, safe=""), quote(value), html.escape(value), json.dumps(value)[1:-1]}
    found |= {raw.hex(), raw.hex().upper(), "".join(f"%{byte:02X}" for byte in raw)}
    for lead in range(3):
        coded = base64.b64encode(b"\0" * lead + raw).decode().rstrip("=")
        # The characters at both ends share bits with what stands beside the value.
        inner = coded[(0, 2, 3)[lead] : len(coded) - (1 if (len(raw) + lead) % 3 else 0)]
        found |= {inner, inner.replace("+", "-").replace("/", "_")}
    return {form for form in found if len(form) >= 8}


class Net:
    """Every canary in every dress, found in one pass (Aho-Corasick)."""

    def __init__(self, canaries: dict[str, str]) -> None:
        self._automaton = ahocorasick.Automaton()
        for name, value in canaries.items():
            for form in dresses(value):
                self._automaton.add_word(form, (name, form))
        self._automaton.make_automaton()

    def found_in(self, where: str, what: str | bytes, *, but: tuple[str, ...] = ()) -> list[str]:
        """Return each canary that swims in a text or in bytes, with a little of what stands before it."""
        text = what.decode("latin-1") if isinstance(what, bytes) else what
        hits = []
        for end, (name, form) in self._automaton.iter(text):
            if name not in but:
                start = end - len(form) + 1
                hits.append(f"{name} in {where}: …{text[max(0, start - 60) : start]!r}")
        return hits


def contents_below(folder: Path) -> dict[Path, bytes]:
    """Return the content of every file; one that goes meanwhile, as a message of the broker that is read, has none."""
    contents = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with suppress(FileNotFoundError):
                contents[path] = path.read_bytes()
    return contents
