"""A provider that does not answer, on the connection's page: since when, what it cost, and when the next try is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dashboard.counting import count_to_most
from dashboard.pages.connection.finding import back_to, manageable_connection
from dashboard.render import PageRequest, actor_of
from integrations import outages
from integrations.models import Call
from secrets_vault.ids import id_at

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpResponse

    from integrations.models import Connection, Outage


@dataclass(frozen=True)
class ShownOutage:
    """What the page says of an outage. `refused` is counted as `count_to_most` does."""

    row: Outage
    refused: int
    is_trying: bool
    is_due: bool


def shown_outage(connection: Connection, *, now: datetime) -> ShownOutage | None:
    """Return the outage that stops the calls of a connection, or None."""
    row = outages.outage_of(connection)
    if row is None:
        return None
    refused = Call.objects.filter(connection_id=connection.pk, code="breaker_open", pk__gte=id_at(row.opened_at))
    return ShownOutage(
        row,
        refused=count_to_most(refused),
        is_trying=row.trying_until is not None and row.trying_until > now,
        is_due=row.next_try_at <= now,
    )


@login_required
@require_POST
def try_now(request: PageRequest, slug: str) -> HttpResponse:
    """Let the next call be the trial, without waiting for its time."""
    connection = manageable_connection(request, slug)
    if outages.try_now(connection, actor=actor_of(request), now=timezone.now()):
        messages.success(request, _("The next call goes out. If the provider answers it, all others do too."))
    else:
        messages.info(request, _("It answers again already: calls go out."))
    return back_to(connection)


@login_required
@require_POST
def reset(request: PageRequest, slug: str) -> HttpResponse:
    """Let all calls out again."""
    connection = manageable_connection(request, slug)
    if outages.reset(connection, actor=actor_of(request), now=timezone.now()):
        messages.success(request, _("All calls go out again. Ten that fail in a row stop them once more."))
    else:
        messages.info(request, _("It answers again already: calls go out."))
    return back_to(connection)
