"""The one-time link that makes the owner of a new installation."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from secrets_vault import audit, vault
from secrets_vault.actor import COMMAND, Actor
from secrets_vault.models import InstallationSetting, User

KEY = "people.setup_link"
LASTS = timedelta(hours=1)


@dataclass(frozen=True)
class Invitation:
    """Who the link is for: both are empty when it was printed at start."""

    email: str
    name: str


def make_setup_url(*, email: str = "", name: str = "", now: datetime | None = None) -> str:
    """Return a link that makes the owner once, within an hour. An earlier link stops working.

    Only a keyed hash of it is stored.
    """
    token = secrets.token_urlsafe(32)
    value = {
        "hash": vault.keyed_hash("setup-link", token.encode()).hex(),
        "expires_at": ((now or timezone.now()) + LASTS).isoformat(),
        "email": email,
        "name": name,
    }
    InstallationSetting.objects.update_or_create(key=KEY, defaults={"value": value})
    return f"{settings.KEYLODGE_PUBLIC_URL}/setup/{token}"


def find(token: str, *, now: datetime) -> Invitation | None:
    """Return what the link is for, or None when it is unknown, over, or there is an owner already."""
    row = InstallationSetting.objects.filter(key=KEY).first()
    if row is None or User.objects.exists():
        return None
    given = vault.keyed_hash("setup-link", token.encode()).hex()
    is_right = secrets.compare_digest(given, row.value["hash"])
    if not is_right or now >= datetime.fromisoformat(row.value["expires_at"]):
        return None
    return Invitation(row.value["email"], row.value["name"])


def make_owner(*, email: str, name: str, password: str, time_zone: str = "UTC", actor: Actor = COMMAND) -> User | None:
    """Make the owner and use the link up, in one transaction. None when somebody was faster."""
    from allauth.account.models import EmailAddress

    with transaction.atomic():
        InstallationSetting.objects.select_for_update().filter(key=KEY).delete()
        if User.objects.select_for_update().exists():
            return None
        owner = User.objects.create_user(email, password, name=name, is_owner=True, time_zone=time_zone)
        EmailAddress.objects.create(user=owner, email=owner.email, verified=True, primary=True)
        audit.record("user.owner_made", actor=actor, subject=owner, label=owner.name)
    return owner
