"""n8n's credentials: `n8n export:credentials --all --decrypted`, and its encrypted form told from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from integrations.importing.addresses import hosts_of
from integrations.importing.found import Found, ImportRefused
from integrations.importing.guessing import CLIENT_ID, CLIENT_SECRET, CONNECT
from integrations.providers.recognising import guess_by_name
from secrets_vault.secret import Secret

BLANK = "__n8n_BLANK_VALUE_"  # what n8n's pages show instead of a value
# Values that are settings of a credential. What is not named here counts as one to keep.
SETTINGS = frozenset(
    {"url", "baseurl", "host", "domain", "region", "server", "port", "environment", "allowedhttprequestdomains"}
    | {"granttype", "authentication", "scope", "authurl", "accesstokenurl", "authqueryparameters", "headername"}
    | {"serverurl", "notice", "ssl", "allowunauthorizedcerts", "ignoressl", "subdomain", "version", "header"}
)
USER = ("user", "username", "email", "login")
PASSWORD = ("password", "pass")


def is_export(document: Any) -> bool:
    """Tell whether a document is one credential of n8n, or a list of them."""
    rows = document if isinstance(document, list) else [document]
    return bool(rows) and all(isinstance(row, dict) and "type" in row and "data" in row for row in rows)


def read(document: Any) -> Found:
    """Return an item for each credential. Raises ImportRefused for an export that is encrypted."""
    found = Found("n8n")
    rows = document if isinstance(document, list) else [document]
    if any(isinstance(row["data"], str) for row in rows):
        raise ImportRefused(
            _("This n8n export is encrypted. Export again: n8n export:credentials --all --decrypted --output=FILE")
        )
    for number, row in enumerate(rows, start=1):
        _add(found, row, where=_("entry {number}").format(number=number))
    return found


def _add(found: Found, row: Mapping[str, Any], *, where: str) -> None:
    data = row["data"] if isinstance(row["data"], dict) else {}
    flat = dict(_flat(data))
    fields = _fields({name: text for name, text in flat.items() if _is_value(name)})
    name = str(row.get("name") or row.get("type") or "")
    if not fields:
        found.miss(where, _("there is no value in it"))
        return
    of_type = guess_by_name(str(row.get("type", "")))
    hosts = hosts_of(text for name, text in flat.items() if not _is_value(name))
    provider = of_type[0].provider_key if of_type else ""
    kind = CONNECT if {CLIENT_ID, CLIENT_SECRET} <= set(fields) else _kind(fields, of_type)
    found.add(name, fields, where=where, kind=kind, provider_key=provider, hosts=hosts)


def _kind(fields: Mapping[str, Secret], of_type: list[Any]) -> str:
    if set(fields) == {"username", "password"}:
        return "basic"
    kind = of_type[0].kind if of_type else "api_key"
    return (kind if kind in ("api_key", "bearer") else "api_key") if len(fields) == 1 else "key_value_set"


def _fields(flat: Mapping[str, str]) -> dict[str, Secret]:
    """Return the values; a user and a password under the vault's own names, a single one as `value`."""
    users = [name for name in flat if name.lower() in USER]
    passwords = [name for name in flat if name.lower() in PASSWORD]
    if len(flat) == 2 and len(users) == 1 and len(passwords) == 1:
        return {"username": Secret(flat[users[0]]), "password": Secret(flat[passwords[0]])}
    secrets = {name: text for name, text in flat.items() if name != "name" or "value" not in flat}
    if len(secrets) == 1:
        return {"value": Secret(next(iter(secrets.values())))}
    return {name: Secret(text) for name, text in secrets.items()}


def _is_value(name: str) -> bool:
    return name.rpartition(".")[2].lower() not in SETTINGS


def _flat(data: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    for name, value in data.items():
        if isinstance(value, dict) and depth < 5:
            yield from _flat(value, f"{prefix}{name}.", depth + 1)
        elif isinstance(value, str) and value.strip() and not value.startswith(BLANK):
            yield f"{prefix}{name}", value
