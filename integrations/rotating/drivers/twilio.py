"""Twilio: a secondary auth token beside the primary one; promoting it ends the old one.

https://www.twilio.com/docs/iam/api/secondary_authtoken and …/api/authtoken, read 2026-11-22.
There is one secondary token at most, without a name of its own.
"""

from __future__ import annotations

from integrations.rotating.drivers.vendor import DriverFailed, Made, Vendor, text_at
from secrets_vault.secret import Secret

ENDS_OLD_AT_ONCE = False
PRIMARY, SECONDARY = "primary auth token", "secondary auth token"


def old_at_provider(vendor: Vendor) -> str:
    """Say which of the two it is. An API key (SK…) cannot rotate itself: only the account's own token can."""
    if vendor.kind != "basic" or not vendor.plain("username").startswith("AC"):
        raise DriverFailed("not_its_key")
    return PRIMARY


def remove_orphans(vendor: Vendor, *, keep: frozenset[str]) -> None:
    """Delete the secondary token that an attempt of this rotation may have left behind."""
    if SECONDARY not in keep:
        vendor.call("DELETE", "/v1/AuthTokens/Secondary", gone=True)


def make(vendor: Vendor) -> Made:
    """Make the secondary token. Both work from now on."""
    made = vendor.json("POST", "/v1/AuthTokens/Secondary")
    token = Secret(text_at(made, "secondary_auth_token"))
    return Made({"username": vendor.fields["username"], "password": token}, SECONDARY)


def revoke(vendor: Vendor, at_provider: str) -> None:
    """End one of the two: the primary by promoting the other, the secondary by deleting it."""
    if at_provider == PRIMARY:
        vendor.call("POST", "/v1/AuthTokens/Promote")
    else:
        vendor.call("DELETE", "/v1/AuthTokens/Secondary", gone=True)
