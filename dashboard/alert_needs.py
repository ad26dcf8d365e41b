"""What about alerts needs a person: a route by which nothing arrives."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from dashboard.need import Need, Waiting
from dashboard.words import ago_words
from integrations.models import AlertRoute

if TYPE_CHECKING:
    from secrets_vault.models import User


def alert_needs(user: User, *, now: datetime) -> Iterator[Waiting]:
    """Yield the routes that a person may change and that take nothing, in one query."""
    rows = AlertRoute.objects.manageable_by(user).filter(trouble_told_at__isnull=False, is_paused=False)
    for route in rows.select_related("client").order_by("trouble_told_at"):
        yield Waiting(2, partial(_need, route, now=now))


def _need(route: AlertRoute, *, now: datetime) -> Need:
    title = _("Alerts to {route} do not arrive").format(route=route)
    text = _("Nobody reads them there. Messages and mail do not depend on it.")
    since = ago_words(route.trouble_told_at, now=now) if route.trouble_told_at else ""
    routes = [("alert_route", str(route.pk)), ("settings_alerts",)]
    whose = route.client.name if route.client else ""
    return Need("warn", title, text, routes, _("See the route"), since, client_name=whose)
