"""How clients and connections are doing, in one word, for lists of many of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Count
from django.utils.translation import gettext_lazy

from dashboard.light import LightConnection, SeenClient, light_connections
from dashboard.names import name_providers
from dashboard.navigation import OPEN_STATES
from dashboard.words import STATUS_TONES
from integrations.models import Connection, ErrorGroup

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from secrets_vault.models import Client, User

RANK = {"bad": 0, "warn": 1, "info": 2, "ok": 3, "": 4}
WORDS = {
    "bad": gettext_lazy("Broken"),
    "warn": gettext_lazy("Attention"),
    "info": gettext_lazy("Setting up"),
    "ok": gettext_lazy("Healthy"),
    "": gettext_lazy("No connections"),
}
SHOWN = (
    "slug", "label", "kind", "provider_key", "status", "status_since", "account_id", "account_name",
    "refresh_expires_at", "slow_down_percent", "client__slug", "client__name", "client__archived_at",
    "environment__slug", "environment__is_production",
)  # fmt: skip


@dataclass
class Health:
    """The state of one client: its connections and how many error groups are open."""

    connections: list[LightConnection] = field(default_factory=list)
    open_errors: int = 0

    @property
    def tone(self) -> str:
        """Return the tone of the worst connection; open errors alone ask for attention."""
        tones = [STATUS_TONES.get(connection.status, "") for connection in self.connections]
        worst = min(tones, key=lambda tone: RANK[tone], default="")
        return "warn" if self.open_errors and RANK[worst] > RANK["warn"] else worst

    @property
    def word(self) -> str:
        """Return the state in a word."""
        return str(WORDS[self.tone])


def health_of(
    clients: Iterable[Client | SeenClient], user: User, *, errors: Mapping[UUID, int] | None = None
) -> dict[UUID, Health]:
    """Return the health of each client, in two queries however many there are.

    `errors`: how many groups are open for each client, where the caller knows already.
    """
    ids = [client.pk for client in clients]
    found: defaultdict[UUID, Health] = defaultdict(Health)
    found.update({pk: Health() for pk in ids})
    rows = Connection.objects.visible_to(user).filter(client_id__in=ids)
    for connection in name_providers(light_connections(rows)):
        found[connection.client_id].connections.append(connection)
    counted = error_counts(ids) if errors is None else errors
    for client_id, health in found.items():
        health.open_errors = counted.get(client_id, 0)
        health.connections.sort(key=by_trouble)
    return dict(found)


def by_trouble(connection: Connection | LightConnection) -> int:
    """Return a number to sort connections by, the most troubled first."""
    return RANK[STATUS_TONES.get(connection.status, "")]


def lightly(rows: QuerySet[Connection]) -> QuerySet[Any]:
    """Read of connections only what lists show: a fifth of the columns, and none that is JSON."""
    return rows.select_related("client", "environment").only(*SHOWN)


def error_counts(client_ids: Iterable[UUID]) -> Counter[UUID]:
    """Count the open error groups of clients that the caller has already found visible."""
    rows = ErrorGroup.objects.filter(client_id__in=list(client_ids), state__in=OPEN_STATES)
    return Counter(dict(rows.order_by().values_list("client_id").annotate(n=Count("id"))))
