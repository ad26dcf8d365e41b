"""How a connection is looked after: how often it is tried, and which of its provider's changes are dealt with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dashboard.pages.connection.finding import back_to, manageable_connection
from dashboard.render import PageRequest, actor_of
from integrations.connections.probing import PAUSES
from integrations.models import Connection
from integrations.providers.registry import ProviderNotFound
from integrations.status import record
from integrations.sunsets import hits, mark_of, settle

if TYPE_CHECKING:
    from typing import Any

    from django.http import HttpResponse

    from integrations.providers.shape import Provider


def changes_of(connection: Connection, provider: Provider) -> list[dict[str, Any]]:
    """Return the provider's announced changes that hit this connection, with whether somebody has dealt with each."""
    return [
        {"sunset": sunset, "mark": mark_of(sunset), "is_done": mark_of(sunset) in connection.sunsets_done}
        for sunset in provider.sunsets
        if hits(sunset, connection.kind)
    ]


@login_required
@require_POST
def schedule(request: PageRequest, slug: str) -> HttpResponse:
    """Choose how often the credential is tried."""
    connection, chosen = manageable_connection(request, slug), request.POST.get("every", "")
    if chosen not in Connection.ProbeEvery.values:
        messages.error(request, _("Choose how often it is tried."))
        return back_to(connection)
    now, pause = timezone.now(), PAUSES.get(chosen)
    with transaction.atomic():
        due_at = min(connection.probe_due_at or now, now + pause) if pause else None
        Connection.objects.filter(pk=connection.pk).update(probe_every=chosen, probe_due_at=due_at)
        record(connection, "connection.probe_schedule", actor=actor_of(request), every=chosen)
    messages.success(request, _("Saved."))
    return back_to(connection)


@login_required
@require_POST
def sunset(request: PageRequest, slug: str) -> HttpResponse:
    """Note that a change of the provider is dealt with for this connection."""
    connection = manageable_connection(request, slug)
    try:
        is_known = settle(connection, request.POST.get("mark", ""), actor=actor_of(request), now=timezone.now())
    except ProviderNotFound:
        is_known = False
    if is_known:
        messages.success(request, _("Noted. It is no longer on Today for this connection."))
    else:
        messages.error(request, _("Nothing was changed: the provider announces no such change."))
    return back_to(connection)
