"""One call: what happened, what to do, who; its attempts; request and response, masked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from dashboard.call_words import curl_of, described
from dashboard.names import name_providers
from dashboard.pages.calls.again import offered
from dashboard.pages.calls.moment import moment_of
from dashboard.pages.errors.mending import token_to_change
from dashboard.render import PageRequest, render_page
from dashboard.timeline import steps_of
from integrations.api.knowing import cause_of_row
from integrations.call_log.keeping import Kept
from integrations.causes import explain
from integrations.models import Call, Connection, ErrorGroup
from integrations.models.call import FAILED_OUTCOMES, Source
from secrets_vault.access import can_manage

if TYPE_CHECKING:
    from integrations.causes import Cause


def call(request: PageRequest, pk: UUID) -> HttpResponse:
    """Show one call through the gateway."""
    row = described(get_object_or_404(Call.objects.visible_to(request.user), pk=pk))
    connections = Connection.objects.visible_to(request.user).select_related("client", "environment", "secret")
    connection = connections.filter(pk=row.connection_id).first()
    name_providers([row])
    group = ErrorGroup.objects.visible_to(request.user).filter(pk=row.group_id).first() if row.group_id else None
    context = {
        "call": row,
        "cause": cause_of(row),
        "connection": connection,
        "group": group,
        "steps": steps_of(row),
        "curl": curl_of(row, connection) if connection and row.source == Source.GATEWAY else "",
        "can_manage": connection is not None and can_manage(request.user, connection.client),
        "token_to_change": token_to_change(row, request.user),
        "kept_days": Kept.bodies().days_of(row.client_id),
        "needs_consent": connection is not None and connection.status == Connection.Status.NEEDS_RECONNECTING,
    }
    context |= _neighbours(request, row) | moment_of(row, connection, request.user)
    context |= offered(row, connection if context["can_manage"] else None, context["held"])
    return render_page(request, "dashboard/calls/one.html", context)


def cause_of(call: Call) -> Cause | None:
    """Return why a call failed, or None for one that did not."""
    if call.outcome not in FAILED_OUTCOMES:
        return None
    if call.source != Source.GATEWAY:
        return cause_of_row(call)
    return explain(call.provider_key, call.status, call.response_body, call.code)


def _neighbours(request: PageRequest, call: Call) -> dict[str, Any]:
    """Return the ids of the calls before and after this one in its group."""
    if not call.group_id:
        return {}
    ids = Call.objects.visible_to(request.user).filter(group_id=call.group_id).values_list("pk", flat=True)
    return {
        "older": ids.filter(pk__lt=call.pk).order_by("-pk").first(),
        "newer": ids.filter(pk__gt=call.pk).order_by("pk").first(),
    }
