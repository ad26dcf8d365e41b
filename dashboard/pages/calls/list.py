"""Every call, newest first; live when that is switched on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from dashboard.csv import csv_response
from dashboard.names import provider_names
from dashboard.pages.calls.filters import CallFilter, Known, filtered
from dashboard.paging import page_of
from dashboard.render import PageRequest, actor_of, render_page, wants_part
from integrations.models import Call
from secrets_vault import audit

if TYPE_CHECKING:
    from secrets_vault.access import VisibleQuerySet

MOST_COUNTED = 1_000
MOST_EXPORTED = 10_000
LIST_FIELDS = (
    "id", "at", "client_id", "connection_id", "token_id", "token_name", "provider_key", "method", "path", "status",
    "outcome", "code", "attempts", "total_ms", "group_id", "caller_ip", "jwt_issuer", "jwt_subject", "agent",
)  # fmt: skip
CSV_HEADER = (
    "request id", "at", "client", "connection", "environment", "provider", "token", "caller", "method", "path",
    "status", "outcome", "code", "attempts", "milliseconds", "jwt issuer", "jwt subject", "program",
)  # fmt: skip


def calls(request: PageRequest) -> HttpResponseBase:
    """List the calls, newest first: the failed ones unless others are asked for."""
    known = Known.to(request.user)
    filters = CallFilter(request.GET)
    known.offer(filters, client=request.GET.get("client", ""))
    chosen = filters.chosen()
    rows = filtered(Call.objects.visible_to(request.user), chosen, known, now=timezone.now())
    if request.GET.get("format") == "csv":
        return _export(request, rows, known)
    page = page_of(rows.only(*LIST_FIELDS), request)
    newest = str(page.rows[0].pk) if page.rows else ""
    if wants_part(request) and "newest" in request.GET and request.GET["newest"] == newest:
        return HttpResponse(status=204)  # a live list in which nothing is new is left alone
    context = {
        "filters": filters,
        "page": page,
        "rows": _shown(page.rows, known),
        "outcome": chosen.get("outcome", ""),
        "is_live": bool(chosen.get("live")) and page.is_first,
        "is_filtered": bool(set(chosen) - {"live", "outcome"}),
        "newest": newest,
        "problems": [str(error[0]) for error in filters.errors.values()],
        "now": timezone.now(),
    } | _counted(rows, is_first=page.is_first, has_more=page.has_more, shown=len(page.rows))
    return render_page(request, "dashboard/calls/list.html", context, part="rows")


def _counted(rows: VisibleQuerySet, *, is_first: bool, has_more: bool, shown: int) -> dict[str, str]:
    """Say how many calls match, counting no further than a thousand."""
    count = shown if is_first and not has_more else rows.order_by()[: MOST_COUNTED + 1].count()
    words = (
        f"more than {MOST_COUNTED:,} calls" if count > MOST_COUNTED else f"{count:,} call{'' if count == 1 else 's'}"
    )
    return {"count_words": words}


def _shown(calls: list[Any], known: Known) -> list[Any]:
    """Give each call the names that the list shows."""
    names = provider_names({call.provider_key for call in calls if call.provider_key})
    for call in calls:
        slug, _, _, environment, is_production = known.connections.get(call.connection_id, ("", "", None, "", False))
        call.connection_slug, call.environment = slug, {"slug": environment, "is_production": is_production}
        call.client_name = known.clients.get(call.client_id, "")
        call.provider_name = names.get(call.provider_key, "")
    return calls


def _export(request: PageRequest, rows: VisibleQuerySet, known: Known) -> HttpResponseBase:
    """Return the calls as CSV, at most ten thousand, and say so in the book."""
    with transaction.atomic():
        audit.record("export.made", actor=actor_of(request), label="Calls as CSV")
    return csv_response("calls", CSV_HEADER, _lines(rows, known))


def _lines(rows: VisibleQuerySet, known: Known) -> Iterator[tuple[object, ...]]:
    for call in rows.only(*LIST_FIELDS).order_by("-pk")[:MOST_EXPORTED].iterator():
        slug, _, _, environment, _ = known.connections.get(call.connection_id, ("", "", None, "", False))
        yield (
            call.pk, call.at.isoformat(), known.clients.get(call.client_id, ""), slug, environment, call.provider_key,
            call.token_name, call.caller_ip, call.method, call.path, call.status, call.get_outcome_display(), call.code,
            call.attempts, call.total_ms, call.jwt_issuer, call.jwt_subject, call.agent,
        )  # fmt: skip
