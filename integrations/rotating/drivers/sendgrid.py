"""SendGrid: a new key with the scopes of the old one, which is then deleted.

https://www.twilio.com/docs/sendgrid/api-reference/api-keys/create-api-keys and …/delete-api-keys, read
2026-11-22. The id of a key is its middle part: SG.<id>.<secret>.
"""

from __future__ import annotations

from integrations.rotating.drivers.vendor import DriverFailed, Made, Vendor, text_at
from secrets_vault.secret import Secret

ENDS_OLD_AT_ONCE = False
FIELDS = {"api_key": "api_key", "bearer": "token"}


def old_at_provider(vendor: Vendor) -> str:
    """Return the id of the key in hand."""
    parts = vendor.plain(FIELDS[vendor.kind]).split(".")
    if len(parts) != 3 or parts[0] != "SG" or not parts[1]:
        raise DriverFailed("not_its_key")
    return parts[1]


def remove_orphans(vendor: Vendor, *, keep: frozenset[str]) -> None:
    """Delete keys of this rotation that never came home: their values are known to nobody."""
    for row in vendor.json("GET", "/v3/api_keys").get("result", ()):
        if row.get("name") == vendor.mark and row.get("api_key_id") not in keep:
            revoke(vendor, text_at(row, "api_key_id"))


def make(vendor: Vendor) -> Made:
    """Make a key that may do what the old one may."""
    scopes = vendor.json("GET", f"/v3/api_keys/{old_at_provider(vendor)}").get("scopes")
    made = vendor.json("POST", "/v3/api_keys", {"name": vendor.mark, "scopes": scopes})
    value = Secret(text_at(made, "api_key"))
    return Made({FIELDS[vendor.kind]: value}, text_at(made, "api_key_id"))


def revoke(vendor: Vendor, at_provider: str) -> None:
    """Delete a key; one that is gone is gone."""
    vendor.call("DELETE", f"/v3/api_keys/{at_provider}", gone=True)
