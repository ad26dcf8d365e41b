"""Which format a file has, by what it holds and never by its name; and what it holds."""

from __future__ import annotations

import json
from typing import Any

from django.utils.translation import gettext as _

from integrations.importing import archives, bitwarden, documents, n8n, onepassword
from integrations.importing.decoding import to_text
from integrations.importing.found import Found, ImportRefused
from integrations.importing.lines import delimiter_of, read_csv, read_env

MAX_BYTES = 4 * 1024 * 1024
MAX_ARCHIVE_BYTES = 8 * 1024 * 1024


def read_import(data: bytes) -> Found:
    """Return what a pasted or dropped file holds. Raises ImportRefused for what is locked, too large or no export."""
    if archives.is_archive(data):
        return _read_archive(data)
    if len(data) > MAX_BYTES:
        raise ImportRefused(_("The file is larger than 4 MB. Cut it into smaller ones."))
    text = to_text(data)
    if text.lstrip()[:1] in ("{", "["):
        return _read_json(text)
    if delimiter := delimiter_of(text):
        return read_csv(text, delimiter=delimiter)
    return read_env(text)


def _read_archive(data: bytes) -> Found:
    if len(data) > MAX_ARCHIVE_BYTES:
        raise ImportRefused(_("The archive is larger than 8 MB. Export fewer entries, without attachments."))
    unpacked = archives.unpack(data)
    found = _read_json(to_text(unpacked.data), member=unpacked.member)
    found.ignored += unpacked.others
    return found


def _read_json(text: str, *, member: str = "") -> Found:
    document = _load(text)
    if member == archives.ONEPASSWORD or onepassword.is_export(document):
        return onepassword.read(document)
    if member == archives.BITWARDEN or bitwarden.is_export(document):
        return bitwarden.read(document)
    if n8n.is_export(document):
        return n8n.read(document)
    return documents.read(document)


def _load(text: str) -> Any:
    """Return the document, its numbers as they are written."""
    try:
        document = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
        if "\\u" in text:
            json.dumps(document, ensure_ascii=False).encode()  # half a character, as in \ud800, is no text
        return document
    except (ValueError, RecursionError) as broken:
        line = getattr(broken, "lineno", 0)
        words = _("The JSON breaks off at line {number}.").format(number=line) if line else _("The JSON is damaged.")
        raise ImportRefused(words) from None
