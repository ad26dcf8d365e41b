"""Catalogues as bytes that depend on nothing but the texts: no dates, no line numbers, no version of a tool."""

from __future__ import annotations

import struct
from io import BytesIO

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import write_po

HEADER = (
    "Language: {language}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
    "Content-Transfer-Encoding: 8bit\nPlural-Forms: {plural}\n"
)
MAGIC = 0x950412DE


def po_bytes(catalog: Catalog, *, plural: str) -> bytes:
    """Return the .po file: texts by the file they stand in, gone ones at the end."""
    body = BytesIO()
    write_po(body, catalog, width=116, omit_header=True, include_lineno=False, sort_by_file=True)
    lines = _header(catalog, plural).splitlines(keepends=True)
    quoted = "".join('"' + line.replace("\n", "\\n") + '"\n' for line in lines)
    return f'msgid ""\nmsgstr ""\n{quoted}\n'.encode() + body.getvalue()


def mo_bytes(catalog: Catalog, *, plural: str) -> bytes:
    """Return the .mo file, as GNU gettext describes it: sorted texts, their German, and where each begins."""
    pairs = sorted([(b"", _header(catalog, plural).encode()), *(_pair(each) for each in catalog if _is_ready(each))])
    ids = b"".join(text + b"\0" for text, _ in pairs)
    starts, at = [], 28 + 16 * len(pairs)
    for index in (0, 1):
        for pair in pairs:
            starts.append(struct.pack("<II", len(pair[index]), at))
            at += len(pair[index]) + 1
    strings = b"".join(string + b"\0" for _, string in pairs)
    head = struct.pack("<7I", MAGIC, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 28 + 16 * len(pairs))
    return head + b"".join(starts) + ids + strings


def _header(catalog: Catalog, plural: str) -> str:
    return HEADER.format(language=catalog.locale_identifier, plural=plural)


def _is_ready(message: Message) -> bool:
    strings = message.string if isinstance(message.string, tuple | list) else (message.string,)
    return bool(message.id) and not message.fuzzy and all(strings)


def _pair(message: Message) -> tuple[bytes, bytes]:
    ids = message.id if isinstance(message.id, tuple | list) else (message.id,)
    strings = message.string if isinstance(message.string, tuple | list) else (message.string,)
    context = f"{message.context}\x04" if message.context else ""
    return (context + "\0".join(ids)).encode(), "\0".join(str(each) for each in strings).encode()
