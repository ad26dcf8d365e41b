"""Which connections draw on the same quota, as far as the viewer may know of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Q

from dashboard.health import lightly
from integrations.models import Connection

if TYPE_CHECKING:
    from integrations.providers.shape import Provider
    from secrets_vault.models import User

MOST_SHOWN = 20


def sharing_with(connection: Connection, provider: Provider | None, user: User) -> list[Any]:
    """Return the other connections whose calls count against a quota of this one's, by the provider's facts.

    Of clients that the viewer may not see nothing is said, not even that they are there.
    """
    asked = _asked_for(connection, {limit.scope for limit in provider.limits} if provider else set())
    if not asked:
        return []
    others = Connection.objects.visible_to(user).filter(asked, provider_key=connection.provider_key)
    found = others.exclude(pk=connection.pk).filter(client__archived_at=None).order_by("client__name", "slug")
    return list(lightly(found)[:MOST_SHOWN])


def _asked_for(connection: Connection, scopes: set[str]) -> Q:
    """Return the condition that a connection shares a quota of one of these scopes."""
    is_same_account = Q(account_id=connection.account_id) if connection.account_id else None
    is_same_app = Q(oauth_app_id=connection.oauth_app_id) if connection.oauth_app_id else None
    asked = Q()
    if "account" in scopes and is_same_account is not None:
        asked |= is_same_account
    if "app" in scopes and is_same_app is not None:
        asked |= is_same_app
    if "app_account" in scopes and is_same_app is not None and is_same_account is not None:
        asked |= is_same_app & is_same_account
    return asked
