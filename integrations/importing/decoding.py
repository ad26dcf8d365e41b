"""Bytes of a file as text, whatever program wrote it; files that are locked are told what to do."""

from __future__ import annotations

import codecs
import re

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.importing.found import ImportRefused

BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
LOCKED = (
    (rb"age-encryption\.org/|-----BEGIN AGE ENCRYPTED", gettext_lazy("It is encrypted with age. Decrypt it first.")),
    (rb"-----BEGIN PGP MESSAGE|\x85\x02\x0c|\x84\x8c", gettext_lazy("It is encrypted with PGP. Decrypt it first.")),
    (rb"\$ANSIBLE_VAULT;", gettext_lazy("It is encrypted by Ansible. Run “ansible-vault view” and paste its output.")),
    (rb"Salted__|U2FsdGVkX1", gettext_lazy("It is encrypted with OpenSSL. Decrypt it first.")),
    (rb"\x03\xd9\xa2\x9a", gettext_lazy("It is a KeePass database. Export it as CSV and take that file.")),
    (rb"SQLite format 3\x00", gettext_lazy("It is a database. Export it from its program as CSV or JSON.")),
    (rb"%PDF-|\x89PNG|\xff\xd8\xff|\x1f\x8b|7z\xbc\xaf|Rar!", gettext_lazy("It is a picture, a PDF or an archive.")),
    (rb"\xd0\xcf\x11\xe0", gettext_lazy("It is an Excel file. Save it as CSV and take that file.")),
)


def to_text(data: bytes) -> str:
    """Return the text of a file: UTF-8 or UTF-16, with or without a byte order mark, else Windows-1252.

    Raises ImportRefused for what is no text.
    """
    _refuse_locked(data)
    for mark, name in BOMS:
        if data.startswith(mark):
            return _decode(data, name)
    if b"\0" in data:
        return _decode(data, _without_mark(data))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _decode(data, "cp1252")  # what Excel writes as "CSV" on Windows


def _refuse_locked(data: bytes) -> None:
    head = data[:64].removeprefix(codecs.BOM_UTF8).lstrip()
    for pattern, words in LOCKED:
        if re.match(pattern, head):
            raise ImportRefused(str(words))


def _decode(data: bytes, name: str) -> str:
    try:
        text = data.decode(name).removeprefix("\ufeff")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ImportRefused(_("This is no text file. Export it as .env, CSV or JSON and take that file."))
    return text


def _without_mark(data: bytes) -> str:
    """Tell which half of each pair is NUL in a text of mostly ASCII."""
    return "utf-16-le" if data[1:200:2].count(0) > data[0:200:2].count(0) else "utf-16-be"
