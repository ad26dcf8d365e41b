"""Which connection a page is about, as far as this person may look at it or change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext_lazy

from integrations.models import Connection

if TYPE_CHECKING:
    from dashboard.render import PageRequest
    from secrets_vault.access import VisibleQuerySet

CHANGED = gettext_lazy("Somebody changed this connection at the same moment. Look at it, then decide again.")


def visible_connection(request: PageRequest, slug: str) -> Connection:
    """Return a connection this person may look at; anything else is 404."""
    return _found(Connection.objects.visible_to(request.user), slug)


def manageable_connection(request: PageRequest, slug: str) -> Connection:
    """Return a connection this person may change or use; anything else is 404."""
    return _found(Connection.objects.manageable_by(request.user), slug)


def _found(rows: VisibleQuerySet, slug: str) -> Connection:
    loaded = rows.select_related("client", "environment", "oauth_app__secret", "secret__current")
    connection: Connection = get_object_or_404(loaded, slug=slug)
    return connection


def back_to(connection: Connection) -> HttpResponseRedirect:
    """Return to the connection's own page."""
    return HttpResponseRedirect(reverse("dashboard:connection", args=[connection.slug]))
