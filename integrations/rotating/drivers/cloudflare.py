"""Cloudflare: a new user token with the policies of the old one, which is then deleted.

https://developers.cloudflare.com/fundamentals/api/how-to/create-via-api/ and /api/resources/user/subresources/tokens/,
read 2026-11-22. The token needs the permission to create tokens.
"""

from __future__ import annotations

from integrations.rotating.drivers.vendor import Made, Vendor, text_at, time_at
from secrets_vault.secret import Secret

ENDS_OLD_AT_ONCE = False
FIELDS = {"api_key": "api_key", "bearer": "token"}
COPIED = ("policies", "condition")


def old_at_provider(vendor: Vendor) -> str:
    """Return the id of the token in hand."""
    return text_at(vendor.json("GET", "/user/tokens/verify"), "result", "id")


def remove_orphans(vendor: Vendor, *, keep: frozenset[str]) -> None:
    """Delete tokens of this rotation that never came home: their values are known to nobody."""
    for row in vendor.json("GET", "/user/tokens?per_page=50").get("result") or ():
        if row.get("name") == vendor.mark and row.get("id") not in keep:
            revoke(vendor, text_at(row, "id"))


def make(vendor: Vendor) -> Made:
    """Make a token that may do what the old one may. An end of the old one is not copied: it may be near."""
    old = vendor.json("GET", f"/user/tokens/{old_at_provider(vendor)}").get("result") or {}
    wanted = {name: old[name] for name in COPIED if old.get(name)}
    made = vendor.json("POST", "/user/tokens", {"name": vendor.mark, **wanted})
    value = Secret(text_at(made, "result", "value"))
    return Made({FIELDS[vendor.kind]: value}, text_at(made, "result", "id"), time_at(made, "result", "expires_on"))


def revoke(vendor: Vendor, at_provider: str) -> None:
    """Delete a token; one that is gone is gone."""
    vendor.call("DELETE", f"/user/tokens/{at_provider}", gone=True)
