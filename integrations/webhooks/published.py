"""What vendors publish: the addresses they send from, and the public keys they sign with. Fetched, kept, refreshed.

Verifying fetches nothing. The sweep keeps the address lists fresh; a key is fetched when a request first names it,
from a place that the scheme's own facts allow, and through `outbound`, which vets every address it connects to.
"""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.db import transaction
from django.utils import timezone

from integrations.caller_networks import networks
from integrations.models import WebhookEndpoint
from integrations.outbound import OutboundError, send
from integrations.webhooks.schemes.registry import UnknownScheme, get_scheme
from secrets_vault import generation
from secrets_vault.models import InstallationSetting

logger = logging.getLogger(__name__)

RANGES = "webhooks.ranges."
KEYS = "webhooks.key."
RANGES_LAST = timedelta(hours=6)
MOST_KEYS = 64
KEY_LASTS = timedelta(days=1)
KEY_FORGOTTEN_AFTER = timedelta(days=30)
LONGEST_KEY_BYTES = 64 * 1024
LONGEST_LIST_BYTES = 1024 * 1024
MOST_RANGES = 5_000
WIDEST_V4, WIDEST_V6 = 8, 19  # a list that names more than this of the internet narrows nothing
FETCH_WITHIN_S = 5.0
ADDRESS = re.compile(r"[0-9A-Fa-f:.]{2,45}(?:/\d{1,3})?")


class BadList(Exception):
    """What was fetched is no list of addresses."""


def ranges(scheme_key: str) -> list[str]:
    """Return the addresses a vendor published, as they were last read; none where they never were."""
    found = InstallationSetting.objects.filter(key=RANGES + scheme_key).first()
    return list(found.value["ranges"]) if found is not None else []


def refresh(now: datetime) -> int:
    """Read the lists that endpoints narrow by, new ones at once and each again after six hours.

    Return how many changed. A failure leaves the list as it was, and is tried again with the next sweep.
    """
    wanted = WebhookEndpoint.objects.filter(uses_published_ips=True, disabled_at=None)
    keys = set(wanted.values_list("scheme_key", flat=True))
    fresh = InstallationSetting.objects.filter(key__startswith=RANGES, updated_at__gt=now - RANGES_LAST)
    have = {key.removeprefix(RANGES) for key in fresh.values_list("key", flat=True)}
    changed = sum(_refresh_one(key, now=now) for key in sorted(keys - have))
    _forget_old_keys(now)
    return changed


def _refresh_one(scheme_key: str, *, now: datetime) -> bool:
    try:
        url = get_scheme(scheme_key).sender.ip_list_url
    except UnknownScheme:
        return False
    if not url:
        return False
    try:
        found = read_ranges(_fetched(url, most=LONGEST_LIST_BYTES), where=url.partition("#")[2])
    except (OutboundError, BadList) as failed:
        logger.warning("address list of %s not read: %s", scheme_key, type(failed).__name__)
        return False
    return _keep_ranges(scheme_key, found, now=now)


def _keep_ranges(scheme_key: str, found: list[str], *, now: datetime) -> bool:
    is_new = found != ranges(scheme_key)
    value = {"ranges": found, "read_at": now.isoformat()}
    with transaction.atomic():
        InstallationSetting.objects.update_or_create(key=RANGES + scheme_key, defaults={"value": value})
        if is_new:
            generation.bump()
    return is_new


def read_ranges(body: bytes, *, where: str = "") -> list[str]:
    """Return the addresses in a text of lines, or in JSON under the dotted path `where`. Raises BadList."""
    try:
        texts = list(_texts(body, where))
        found = sorted({str(network) for network in networks(texts)})
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadList from None
    if not 0 < len(found) <= MOST_RANGES or any(_is_too_wide(text) for text in found):
        raise BadList
    return found


def _texts(body: bytes, where: str) -> Iterable[str]:
    text = body.decode("utf-8")
    if text.lstrip().startswith(("{", "[")):
        value: Any = json.loads(text)
        for name in filter(None, where.split(".")):
            value = value[name]
        return _strings(value)
    return [line.split("#")[0].strip() for line in text.splitlines() if line.split("#")[0].strip()]


def _strings(value: Any) -> Iterable[str]:
    """Yield the addresses in a JSON value, however deep; other words are passed over."""
    if isinstance(value, str):
        if ADDRESS.fullmatch(value) and (":" in value or value.count(".") == 3):
            yield value
    elif isinstance(value, list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


def _is_too_wide(text: str) -> bool:
    (network,) = networks([text])
    return network.prefixlen < (WIDEST_V4 if network.version == 4 else WIDEST_V6)


def key(url: str, *, now: datetime) -> bytes | None:
    """Return the key that came from an address, None where it was not fetched within a day."""
    found = InstallationSetting.objects.filter(key=_key_name(url)).first()
    if found is None or found.value["url"] != url or now - found.updated_at > KEY_LASTS:
        return None
    return base64.b64decode(found.value["body"])


def fetch_key(url: str) -> bytes | None:
    """Fetch and keep the key at an address that the scheme allows; None where there is none to be had.

    An old one still counts while the vendor's place does not answer.
    """
    try:
        body = _fetched(url, most=LONGEST_KEY_BYTES)
    except OutboundError as failed:
        logger.warning("published key not fetched: %s", failed.code)
        return key(url, now=timezone.now() - KEY_FORGOTTEN_AFTER + KEY_LASTS)
    if InstallationSetting.objects.filter(key__startswith=KEYS).exclude(key=_key_name(url)).count() < MOST_KEYS:
        value = {"url": url, "body": base64.b64encode(body).decode()}
        InstallationSetting.objects.update_or_create(key=_key_name(url), defaults={"value": value})
    return body


def _fetched(url: str, *, most: int) -> bytes:
    """Return what stands at an address. Only https, no redirect, no private address; raises OutboundError."""
    address = url.partition("#")[0]
    headers = {"User-Agent": "Keylodge", "Accept": "*/*"}
    answer = send("GET", address, headers=headers, deadline_s=FETCH_WITHIN_S, max_bytes=most)
    if answer.status != 200:
        raise OutboundError(f"answered {answer.status}")
    return answer.body


def _key_name(url: str) -> str:
    return KEYS + sha256(url.encode()).hexdigest()[:40]


def _forget_old_keys(now: datetime) -> None:
    InstallationSetting.objects.filter(key__startswith=KEYS, updated_at__lt=now - KEY_FORGOTTEN_AFTER).delete()
