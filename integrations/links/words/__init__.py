"""The words of the pages that a client opens without an account, one file a language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from django.http import HttpRequest
from django.utils.translation.trans_real import parse_accept_lang_header

DEFAULT = "en"


@cache
def catalogues() -> Mapping[str, Mapping[str, str]]:
    """Return every language's words by its code."""
    files = sorted(Path(__file__).parent.glob("*.toml"))
    return MappingProxyType({file.stem: MappingProxyType(tomllib.loads(file.read_text("utf-8"))) for file in files})


def words_in(language: str, **filled: str) -> dict[str, str]:
    """Return the words of a language (English where we have none), with names filled in.

    What is filled in is somebody's text: it is escaped by the template, and cannot name a slot itself.
    """
    found = catalogues().get(language, catalogues()[DEFAULT])
    return {name: _fill(text, filled) for name, text in found.items()}


def _fill(text: str, filled: Mapping[str, str]) -> str:
    parts = text.split("{")
    out = [parts[0]]
    for part in parts[1:]:
        name, _, rest = part.partition("}")
        out.append(filled.get(name, "") + rest)
    return "".join(out)


def language_of(request: HttpRequest, chosen: str = "") -> str:
    """Return the language that was chosen, or the first that the browser asks for, or English."""
    if chosen in catalogues():
        return chosen
    for wanted, _ in parse_accept_lang_header(request.headers.get("Accept-Language", "")[:200].lower()):
        if wanted.partition("-")[0] in catalogues():
            return wanted.partition("-")[0]
    return DEFAULT
