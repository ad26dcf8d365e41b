"""Who may see or use what. Every query for a person starts here; a stranger gets 404.

A model names the way to its client once, when it makes its manager:
`objects = VisibleManager("connection__client")`. Pages then read
`Model.objects.visible_to(user)` or `.manageable_by(user)` and never `.get(id=…)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from uuid import UUID

    from secrets_vault.models import Client, User

VIEW_ROLES = ("manager", "viewer")
MANAGE_ROLES = ("manager",)


def _granted(user: User, roles: tuple[str, ...], path: str) -> Q:
    """Return the condition that an active membership of this user gives one of the roles."""
    from secrets_vault.models import Membership

    clients: Any = Membership.objects.filter(user=user, role__in=roles, state="active").values("client_id")
    if path.endswith("_id"):
        # A bare id, not a foreign key: the table may be in another database, where no subquery reaches.
        clients = list(clients.values_list("client_id", flat=True))
    return Q(**{"pk__in" if path == "self" else f"{path}__in": clients})


class VisibleQuerySet(models.QuerySet[Any]):
    """A query that knows which client each row belongs to."""

    client_path = "client"

    def visible_to(self, user: User) -> VisibleQuerySet:
        """Keep the rows that this person may look at."""
        return self._for(user, VIEW_ROLES)

    def manageable_by(self, user: User) -> VisibleQuerySet:
        """Keep the rows that this person may change, use or reveal."""
        return self._for(user, MANAGE_ROLES)

    def _for(self, user: User, roles: tuple[str, ...]) -> VisibleQuerySet:
        if not user.is_authenticated or not user.is_active:
            return self.none()
        if user.is_owner:
            return self
        return self.filter(_granted(user, roles, self.client_path))

    def _clone(self) -> VisibleQuerySet:
        clone = super()._clone()  # type: ignore[misc]
        clone.client_path = self.client_path
        return clone


class VisibleManager(models.Manager.from_queryset(VisibleQuerySet)):  # type: ignore[misc]
    """The manager of everything that belongs to a client. `client_path` is the lookup to it, or "self".

    A row whose client is NULL is the agency's own: only the owner sees it.
    """

    use_in_migrations = False

    def __init__(self, client_path: str = "client") -> None:
        super().__init__()
        self.client_path = client_path

    def get_queryset(self) -> VisibleQuerySet:
        """Return a query that carries the way to the client."""
        rows = super().get_queryset()
        rows.client_path = self.client_path
        return rows


def visible_clients(user: User) -> models.QuerySet[Client]:
    """Return the clients that this person may look at."""
    from secrets_vault.models import Client

    return Client.objects.visible_to(user)


def visible_client_ids(user: User) -> list[UUID]:
    """Return their ids, for tables that hold no foreign key (the call log)."""
    return list(visible_clients(user).values_list("pk", flat=True))


def can_manage(user: User, client: Client | None) -> bool:
    """Tell whether this person may change what belongs to a client; `None` is the agency itself."""
    from secrets_vault.models import Client

    if not user.is_authenticated or not user.is_active:
        return False
    if user.is_owner or client is None:
        return user.is_owner
    return Client.objects.manageable_by(user).filter(pk=client.pk).exists()
