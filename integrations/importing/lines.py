"""NAME=value lines, and tables with a header: .env files and the CSV of password managers and spreadsheets."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping

from django.utils.translation import gettext as _

from integrations.dotenv import parse_env
from integrations.importing.addresses import hosts_of
from integrations.importing.found import Found, ImportRefused
from secrets_vault.secret import Secret

DELIMITERS = ",;\t|"
LONGEST_CELL = 256 * 1024
LONGEST_HEAD = 4_000
# What columns are called by Bitwarden, 1Password, LastPass, Chrome, Firefox, KeePass, Dashlane and by hand.
COLUMNS: dict[str, tuple[str, ...]] = {
    "name": ("name", "title", "key", "variable", "label", "account", "item", "env", "schlüssel", "titel"),
    "username": ("login_username", "username", "user name", "user", "login", "login name", "email", "benutzername"),
    "password": ("login_password", "password", "passwort", "kennwort"),
    "value": ("value", "secret", "token", "api_key", "api key", "apikey", "credential", "wert"),
    "url": ("login_uri", "url", "urls", "uri", "website", "web site", "address", "host"),
    "note": ("notes", "note", "extra", "comment", "comments", "notesplain", "notizen"),
    "totp": ("login_totp", "totp", "otpauth", "otp", "otpurl"),
    "fields": ("fields",),
    "folder": ("folder", "grouping", "group", "collections", "vault", "project", "client", "tags"),
    "type": ("type", "kind"),
}
SECRET_COLUMNS = ("password", "value", "totp", "note")


def read_env(text: str) -> Found:
    """Return one item a variable. Of a name given twice the last counts, as in a shell."""
    parsed, found = parse_env(text), Found(".env")
    last = {entry.name: entry for entry in parsed.entries}
    for entry in last.values():
        found.add(entry.name, {"value": entry.value}, where=_line(entry.line))
    for problem in parsed.problems:
        found.miss(_line(problem.line), problem.reason)
    for name, at in parsed.duplicates.items():
        reason = _("{name} is there {n} times (lines {lines}). The last one counts.")
        found.miss("", reason.format(name=name, n=len(at), lines=", ".join(str(line) for line in at)))
    return found


def _line(number: int) -> str:
    return _("line {number}").format(number=number)


def delimiter_of(text: str) -> str:
    """Return what parts the columns of a table whose header we know, or "" for any other text."""
    head = re.split(r"[\r\n]", text.lstrip("\r\n"), maxsplit=1)[0][:LONGEST_HEAD]
    for delimiter in DELIMITERS:
        known = _columns([cell.strip().strip('"') for cell in head.split(delimiter)])
        if "name" in known and ({"password", "value"} & set(known)):
            return delimiter
    return ""


def _columns(header: list[str]) -> dict[str, int]:
    """Return which column holds what; the first synonym that is there wins."""
    at = {cell.strip().lower(): number for number, cell in reversed(list(enumerate(header)))}
    found = {role: next((at[word] for word in words if word in at), -1) for role, words in COLUMNS.items()}
    return {role: number for role, number in found.items() if number >= 0}


def read_csv(text: str, *, delimiter: str) -> Found:
    """Return one item a row. Raises ImportRefused for a table that cannot be read."""
    rows = _rows(text, delimiter)
    header = next(rows, (1, []))[1]
    columns, found = _columns(header), Found(_format_of(header))
    for line, row in rows:
        cells = {role: row[at].strip("\r\n") for role, at in columns.items() if at < len(row)}
        _add_row(found, cells, where=_line(line), is_whole=len(row) >= len(header) - 1)
    return found


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(io.StringIO(text.lstrip("\r\n"), newline=""), delimiter=delimiter, strict=True)
    try:
        line = 1
        for row in reader:
            if any(cell.strip() for cell in row):
                yield line, row
            line = reader.line_num + 1
    except csv.Error as broken:
        words = _("The table breaks off at line {number}: a quotation mark is not closed, or a cell is too long.")
        raise ImportRefused(words.format(number=reader.line_num)) from broken


def _format_of(header: list[str]) -> str:
    words = {cell.strip().lower() for cell in header}
    if "login_password" in words:
        return "Bitwarden CSV"
    return "1Password CSV" if {"title", "otpauth"} <= words else "CSV"


def _add_row(found: Found, cells: Mapping[str, str], *, where: str, is_whole: bool) -> None:
    if not is_whole:
        found.miss(where, _("the row has fewer cells than the header"))
        return
    fields = _values(cells)
    if not fields:
        found.miss(where, _("there is no value in this row"))
        return
    hosts = hosts_of([cells.get("url", "")])
    name = cells.get("name", "").strip() or next(iter(hosts), "")
    found.add(name, fields, where=where, hosts=hosts, folder=cells.get("folder", "").strip())


def _values(cells: Mapping[str, str]) -> dict[str, Secret]:
    """Return the values of a row. A note is one only where nothing else is: it tells about the others."""
    fields: dict[str, str] = {}
    if cells.get("password"):
        fields = {name: cells[name] for name in ("username", "password") if cells.get(name)}
    if cells.get("value"):
        fields["value"] = cells["value"]
    if cells.get("totp"):
        fields["totp"] = cells["totp"]
    for line in cells.get("fields", "").split("\n"):  # Bitwarden: "name: value" lines
        name, parted, value = line.partition(": ")
        if parted and value.strip():
            fields[_free(name.strip(), fields)] = value.strip()
    if not fields and cells.get("note"):
        fields["note"] = cells["note"]
    return {name: Secret(value) for name, value in fields.items()}


def _free(name: str, taken: Mapping[str, object]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} {number}"
    return free
