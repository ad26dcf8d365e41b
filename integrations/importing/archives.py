"""Exports that are zip files: the one member that holds the entries, read within bounds; all else stays there."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass

from django.utils.translation import gettext as _

from integrations.importing.found import ImportRefused

ONEPASSWORD, BITWARDEN = "export.data", "data.json"
MOST_UNPACKED = 32 * 1024 * 1024
MOST_MEMBERS = 20_000
ENCRYPTED = 0x1


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The entries of an archive and the names of its other files."""

    member: str
    data: bytes
    others: list[str]


def is_archive(data: bytes) -> bool:
    """Tell whether these are the bytes of a zip file."""
    return data.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"))


def unpack(data: bytes) -> Unpacked:
    """Return the member that holds the entries. Raises ImportRefused; nothing else is ever unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            chosen = _choose(members)
            return Unpacked(chosen.filename, _read(archive, chosen), _others(members, chosen))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError) as broken:
        raise ImportRefused(_("The archive is damaged. Export it again.")) from broken


def _choose(members: list[zipfile.ZipInfo]) -> zipfile.ZipInfo:
    if len(members) > MOST_MEMBERS:
        raise ImportRefused(_("The archive holds too many files."))
    found = [member for member in members if member.filename in (ONEPASSWORD, BITWARDEN)]
    if not found:
        raise ImportRefused(_unknown({member.filename for member in members}))
    if len(found) > 1:
        raise ImportRefused(_("The archive is damaged. Export it again."))
    if found[0].flag_bits & ENCRYPTED:
        raise ImportRefused(_("The archive has a password. Export again without one."))
    return found[0]


def _unknown(names: set[str]) -> str:
    if "[Content_Types].xml" in names:
        return _("It is an Excel or Word file. Save it as CSV and take that file.")
    return _("The archive is neither a 1Password export (1PUX) nor one of Bitwarden.")


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Read one member, and no more than may be there: what a zip says about sizes is not believed."""
    too_large = ImportRefused(_("Unpacked, the archive is larger than 32 MB. It is not read."))
    if member.file_size > MOST_UNPACKED:
        raise too_large
    with archive.open(member) as opened:
        data = opened.read(MOST_UNPACKED + 1)
    if len(data) > MOST_UNPACKED:
        raise too_large
    return data


def _others(members: list[zipfile.ZipInfo], chosen: zipfile.ZipInfo) -> list[str]:
    names = (m.filename for m in members if m.filename != chosen.filename and not m.is_dir())
    return sorted(name for name in names if name != "export.attributes")
