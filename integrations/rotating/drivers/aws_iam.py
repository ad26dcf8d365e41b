"""AWS IAM: a second access key of the user that the first one belongs to; the first is then deleted.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccessKey.html, …_ListAccessKeys, …_DeleteAccessKey, read
2026-11-22. A user has two keys at most, and they have no names: a second one that is there before we asked for any is
somebody's, and stays.
"""

from __future__ import annotations

import re

from integrations.providers.injection import Injection
from integrations.rotating.drivers.vendor import DriverFailed, Made, Vendor
from secrets_vault.secret import Secret

ENDS_OLD_AT_ONCE = False
INJECTION = Injection(in_="sigv4", service="iam", region="us-east-1")  # IAM is one service for all regions
API_URL = "https://iam.amazonaws.com"
VERSION = "2010-05-08"
KEY_ID = re.compile(r"<AccessKeyId>\s*(\w{16,128})\s*</AccessKeyId>")
SECRET = re.compile(r"<SecretAccessKey>\s*([^<\s]+)\s*</SecretAccessKey>")


def old_at_provider(vendor: Vendor) -> str:
    """Return the id of the access key in hand: it is the user name of the pair."""
    if vendor.kind != "basic":
        raise DriverFailed("not_its_key")
    return vendor.plain("username")


def remove_orphans(vendor: Vendor, *, keep: frozenset[str]) -> None:
    """Delete the second key: the caller knows that this rotation has asked for one and has never seen it."""
    for key_id in _key_ids(vendor):
        if key_id not in keep:
            revoke(vendor, key_id)


def check_room(vendor: Vendor) -> None:
    """Raise DriverFailed where the user has two keys already: which of them may go is a person's decision."""
    if len(_key_ids(vendor)) > 1:
        raise DriverFailed("in_the_way")


def check(vendor: Vendor) -> None:
    """Raise DriverFailed unless the key lives: AWS has no call that every service and key knows."""
    _key_ids(vendor)


def make(vendor: Vendor) -> Made:
    """Make a second key."""
    text = _asked(vendor, "CreateAccessKey")
    key_id, secret = KEY_ID.search(text), SECRET.search(text)
    if key_id is None or secret is None:
        raise DriverFailed("unclear", was_sent=True)
    return Made({"username": Secret(key_id[1]), "password": Secret(secret[1])}, key_id[1])


def revoke(vendor: Vendor, at_provider: str) -> None:
    """Delete a key; one that is gone is gone (NoSuchEntity comes with 404)."""
    _asked(vendor, "DeleteAccessKey", f"&AccessKeyId={at_provider}", gone=True)


def _key_ids(vendor: Vendor) -> list[str]:
    return KEY_ID.findall(_asked(vendor, "ListAccessKeys"))


def _asked(vendor: Vendor, action: str, more: str = "", *, gone: bool = False) -> str:
    return vendor.call("GET", f"/?Action={action}{more}&Version={VERSION}", gone=gone).decode("utf-8", "replace")
