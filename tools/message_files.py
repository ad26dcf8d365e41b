"""Catalogues as bytes that depend on nothing but the texts: no dates, no line numbers, no version of a tool."""

from __future__ import annotations

from io import BytesIO

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import write_po

HEADER = (
    "Language: {language}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
    "Content-Transfer-Encoding: 8bit\nPlural-Forms: {plural}\n"
)


def po_bytes(catalog: Catalog, *, plural: str) -> bytes:
    """Return the .po file: texts by the file they stand in, gone ones at the end."""
    body = BytesIO()
    write_po(body, catalog, width=116, omit_header=True, include_lineno=False, sort_by_file=True)
    lines = _header(catalog, plural).splitlines(keepends=True)
    quoted = "".join('"' + line.replace("\n", "\\n") + '"\n' for line in lines)
    return f'msgid ""\nmsgstr ""\n{quoted}\n'.encode() + body.getvalue()


def mo_bytes(catalog: Catalog, *, plural: str) -> bytes:
    """Return the .mo file, which Babel writes."""
    timeless = _Timeless(locale=catalog.locale_identifier, fuzzy=False)
    timeless.said = [tuple(line.split(": ", 1)) for line in _header(catalog, plural).splitlines()]
    for message in catalog:
        if message.id:
            timeless[message.id] = message
    body = BytesIO()
    write_mo(body, timeless)
    return body.getvalue()


class _Timeless(Catalog):
    """A catalogue whose header says nothing of when, by whom and with what it was written."""

    said: list[tuple[str, ...]]

    @property
    def mime_headers(self) -> list[tuple[str, ...]]:
        """Return the header's lines, as Babel writes them."""
        return self.said


def _header(catalog: Catalog, plural: str) -> str:
    return HEADER.format(language=catalog.locale_identifier, plural=plural)
