"""Bitwarden's export as JSON, of a person or an organisation; the encrypted ones are told to export again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from integrations.importing.addresses import hosts_of
from integrations.importing.found import Found, ImportRefused
from secrets_vault.secret import Secret

LOGIN, NOTE, CARD, IDENTITY, SSH_KEY = "1", "2", "3", "4", "5"
HIDDEN, TEXT = "1", "0"


def is_export(document: Any) -> bool:
    """Tell whether a document is an export of Bitwarden, encrypted or not."""
    return isinstance(document, dict) and "encrypted" in document and ("items" in document or "data" in document)


def read(document: Any) -> Found:
    """Return an item for each login, note and SSH key. Cards, identities and what is in the bin stay there."""
    if not isinstance(document, dict) or document.get("encrypted") is not False:
        raise ImportRefused(_("This Bitwarden export is encrypted. Export again as “.json”, not “.json (Encrypted)”."))
    found, folders = Found("Bitwarden JSON"), _folders(document)
    for number, item in enumerate(_list(document, "items"), start=1):
        if isinstance(item, dict):
            _add(found, item, folders=folders, where=_("entry {number}").format(number=number))
    return found


def _add(found: Found, item: Mapping[str, Any], *, folders: Mapping[str, str], where: str) -> None:
    name, kind = str(item.get("name") or ""), str(item.get("type", ""))
    if kind in (CARD, IDENTITY) or item.get("deletedDate"):
        found.ignored.append(name)
        return
    login = item["login"] if isinstance(item.get("login"), dict) else {}
    hosts = hosts_of(one.get("uri") for one in _list(login, "uris") if isinstance(one, dict))
    fields = _fields(item, login)
    if not fields:
        found.miss(where, _("there is no value in it"))
        return
    of_format = {NOTE: "note", SSH_KEY: "private_key"}.get(kind, "") if len(fields) == 1 else ""
    place = item.get("folderId") or next(iter(item.get("collectionIds") or []), "")
    found.add(name, fields, where=where, kind=of_format, hosts=hosts, folder=folders.get(str(place), ""))
    found.ignored += [f"{name}: {one.get('fileName', '')}" for one in _list(item, "attachments")]


def _fields(item: Mapping[str, Any], login: Mapping[str, Any]) -> dict[str, Secret]:
    texts: dict[str, str] = {}
    if login.get("password"):
        texts = {name: str(login[name]) for name in ("username", "password", "totp") if login.get(name)}
    elif login.get("totp"):
        texts["totp"] = str(login["totp"])
    ssh = item.get("sshKey")
    if isinstance(ssh, dict) and ssh.get("privateKey"):
        texts["private_key"] = str(ssh["privateKey"])
    for field in _list(item, "fields"):
        if isinstance(field, dict) and str(field.get("type")) in (TEXT, HIDDEN) and field.get("value"):
            texts[_free(str(field.get("name") or "field"), texts)] = str(field["value"])
    if not texts and item.get("notes"):
        texts["note"] = str(item["notes"])
    return {name: Secret(text) for name, text in texts.items()}


def _folders(document: Mapping[str, Any]) -> dict[str, str]:
    rows = [*_list(document, "folders"), *_list(document, "collections")]
    return {str(row.get("id")): str(row.get("name") or "") for row in rows if isinstance(row, dict)}


def _list(document: Mapping[str, Any], name: str) -> list[Any]:
    found = document.get(name)
    return found if isinstance(found, list) else []


def _free(name: str, taken: Mapping[str, object]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} {number}"
    return free
