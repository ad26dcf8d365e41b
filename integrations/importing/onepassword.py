"""1Password's 1PUX: `export.data` inside the archive (its format's page, version 3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from integrations.importing.addresses import hosts_of
from integrations.importing.found import Found, ImportRefused
from secrets_vault.secret import Secret

# Cards, identities, memberships and papers are nobody's API.
NOT_OURS = frozenset({"002", "004", "006", "100", "103", "104", "105", "106", "107", "108", "115"})
SHOWN = ("concealed", "string", "url", "email", "phone", "totp", "creditCardNumber")


def is_export(document: Any) -> bool:
    """Tell whether a document is what a 1PUX holds."""
    accounts = document.get("accounts") if isinstance(document, dict) else None
    return isinstance(accounts, list) and all(isinstance(one, dict) and "vaults" in one for one in accounts)


def read(document: Any) -> Found:
    """Return an item for each entry that holds a value. Attachments and what is no credential stay there, named."""
    if not is_export(document):
        raise ImportRefused(_("This is no export of 1Password. Export again as 1PUX."))
    found = Found("1Password 1PUX")
    for number, (vault, item) in enumerate(_items(document), start=1):
        _add(found, item, vault=vault, where=_("entry {number}").format(number=number))
    return found


def _items(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for account in document["accounts"]:
        for vault in _list(account, "vaults"):
            name = str(_dict(vault, "attrs").get("name") or "")
            for row in _list(vault, "items"):
                if isinstance(row, dict):
                    yield name, _dict(row, "item") or row  # older exports wrap each entry once more


def _add(found: Found, item: Mapping[str, Any], *, vault: str, where: str) -> None:
    overview, details = _dict(item, "overview"), _dict(item, "details")
    name = str(overview.get("title") or "")
    if str(item.get("categoryUuid")) in NOT_OURS or item.get("trashed") in (True, "Y"):
        found.ignored.append(name)
        return
    texts = _texts(details)
    files = [one for one in _files(details) if one]
    found.ignored += [f"{name}: {one}" for one in files]
    if not texts:
        found.miss(where, _("there is no value in it"))
        return
    kind = "note" if set(texts) == {"note"} else "private_key" if set(texts) == {"private_key"} else ""
    urls = [overview.get("url"), *(one.get("url") for one in _list(overview, "urls") if isinstance(one, dict))]
    fields = {label: Secret(text) for label, text in texts.items()}
    found.add(name, fields, where=where, kind=kind, hosts=hosts_of(urls), folder=vault)


def _texts(details: Mapping[str, Any]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for field in _list(details, "loginFields"):
        if isinstance(field, dict) and field.get("designation") in ("username", "password") and field.get("value"):
            texts[str(field["designation"])] = str(field["value"])
    if isinstance(details.get("password"), str) and details["password"]:
        texts.setdefault("password", details["password"])
    for label, text in _section_texts(details):
        texts[_free(label, texts)] = text
    if "password" not in texts and set(texts) <= {"username"}:
        texts = {}
    if not texts and details.get("notesPlain"):
        texts["note"] = str(details["notesPlain"])
    return texts


def _section_texts(details: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for field in _section_fields(details):
        value = _dict(field, "value")
        label = str(field.get("title") or field.get("id") or "field")
        if key := _dict(value, "sshKey").get("privateKey"):
            yield "private_key", str(key)
        for kind in SHOWN:
            if isinstance(value.get(kind), str) and value[kind]:
                yield label, value[kind]


def _files(details: Mapping[str, Any]) -> Iterator[str]:
    yield str(_dict(details, "documentAttributes").get("fileName") or "")
    for field in _section_fields(details):
        yield str(_dict(_dict(field, "value"), "file").get("fileName") or "")


def _section_fields(details: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for section in _list(details, "sections"):
        if isinstance(section, dict):
            yield from (field for field in _list(section, "fields") if isinstance(field, dict))


def _dict(row: Any, name: str) -> Mapping[str, Any]:
    found = row.get(name) if isinstance(row, dict) else None
    return found if isinstance(found, dict) else {}


def _list(row: Any, name: str) -> list[Any]:
    found = row.get(name) if isinstance(row, dict) else None
    return found if isinstance(found, list) else []


def _free(name: str, taken: Mapping[str, object]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} {number}"
    return free
