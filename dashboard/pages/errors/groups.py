"""Errors: the groups beside the chosen one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone

from dashboard.call_words import described
from dashboard.counting import count_to_most
from dashboard.csv import csv_response
from dashboard.failures import failures_of
from dashboard.health import lightly
from dashboard.names import name_providers
from dashboard.pages.errors.filters import (
    Facets,
    GroupFilter,
    connections_asked_for,
    failing_in,
    in_state,
    narrowed,
)
from dashboard.pages.errors.mending import token_to_change
from dashboard.pages.errors.queued import count_queued
from dashboard.pages.errors.states import BULK, settled_before
from dashboard.paging import page_by_time
from dashboard.render import PageRequest, actor_of, render_page
from dashboard.timeline import steps_of
from integrations.call_log import refused
from integrations.call_log.recovered import recovered_like
from integrations.causes import is_confirmed
from integrations.models import Call, Connection, ErrorGroup
from secrets_vault import audit
from secrets_vault.models import Client

if TYPE_CHECKING:
    from secrets_vault.access import VisibleQuerySet
    from secrets_vault.models import User

SHOWN = 25
MOST_EXPORTED = 10_000
# Codes that end only when somebody consents again.
ENDED_CONSENT = frozenset({"needs_reconnecting", "invalid_grant", refused.CODE})
CSV_HEADER = (
    "id", "state", "status", "code", "title", "client", "connection", "provider", "method", "path", "count",
    "first seen", "last seen", "who must act", "cause", "remedy", "seen by",
)  # fmt: skip


def errors(request: PageRequest) -> HttpResponseBase:
    """List the groups that nobody has settled, newest first, beside the first of them."""
    return _show(request, None)


def error(request: PageRequest, pk: UUID) -> HttpResponseBase:
    """Show one group, beside the list it was chosen from."""
    return _show(request, get_object_or_404(ErrorGroup.objects.visible_to(request.user), pk=pk))


def _show(request: PageRequest, group: ErrorGroup | None) -> HttpResponseBase:
    now, user = timezone.now(), request.user
    rows, filters, facets = _asked_for(request, now=now)
    if request.GET.get("format") == "csv":
        return _export(request, rows)
    page = page_by_time(rows, request, column="last_seen_at", size=SHOWN)
    chosen = filters.chosen()
    count = count_to_most(rows)
    shown: Any = group or (page.rows[0] if page.rows else None)
    if shown is not None:
        shown.client_name = facets.client_names.get(shown.client_id, "")
    context = {
        "page": page,
        "groups": _with_connections(page.rows, facets, request.user),
        "filters": filters,
        "is_filtered": bool(set(chosen) - {"state", "days"}),
        "state": chosen.get("state", ""),
        "count": count,
        "failures": failures_of(
            user,
            days=int(chosen.get("days", 1)),
            now=timezone.localtime(now),
            client=chosen.get("client"),
            connections=connections_asked_for(chosen, user),
        ),
        "problems": [str(error[0]) for error in filters.errors.values()],
        "is_chosen": group is not None,
        "bulk": BULK,
        "settled": settled_before(request),
        "now": now,
    }
    return render_page(request, "dashboard/errors/groups.html", context | _article(request, shown), part="groups")


def _asked_for(request: PageRequest, *, now: datetime) -> tuple[VisibleQuerySet, GroupFilter, Facets]:
    """Return the groups that the filters ask for, the filters, and what there is to choose from."""
    filters = GroupFilter(request.GET)
    state = filters.chosen().get("state", "")
    visible = in_state(ErrorGroup.objects.visible_to(request.user), state, now=now)
    facets = Facets(visible, request.user)
    filters = GroupFilter(request.GET)
    facets.offer(filters)
    chosen = filters.chosen()
    rows = narrowed(visible, chosen, facets.environments)
    return (rows.filter(pk__in=failing_in(chosen["when"], request.user)) if "when" in chosen else rows), filters, facets


def _with_connections(groups: list[Any], facets: Facets, user: User) -> list[Any]:
    """Give each group its connection and the names that the list shows, in one query."""
    found = lightly(Connection.objects.visible_to(user)).in_bulk({group.connection_id for group in groups})
    count_queued(groups, user)
    for group in name_providers(groups):
        group.connection = found.get(group.connection_id)
        group.client_name = facets.client_names.get(group.client_id, "")
        group.environment_slug = facets.environments.get(group.environment_id, "")
    return groups


def _article(request: PageRequest, group: ErrorGroup | None) -> dict[str, Any]:
    """Return what the chosen group's article shows."""
    if group is None:
        return {"group": None}
    connection = lightly(Connection.objects.filter(pk=group.connection_id)).first()
    call = Call.objects.visible_to(request.user).filter(pk=group.last_call_id).first()
    name_providers([group])
    needs_consent = (group.code in ENDED_CONSENT and group.state != ErrorGroup.State.RESOLVED) or (
        connection is not None and connection.status == Connection.Status.NEEDS_RECONNECTING
    )
    can_manage = ErrorGroup.objects.manageable_by(request.user).filter(pk=group.pk).exists()
    return {
        "group": group,
        "is_confirmed": is_confirmed(group.provider_key, group.status, group.code),
        "connection": connection,
        "call": described(call) if call else None,
        "steps": steps_of(call) if call else [],
        "children": refused.children(group) if group.code == refused.CODE else [],
        "recovered": recovered_like(group),
        "needs_consent": needs_consent,
        "can_manage": can_manage,
        "token_to_change": token_to_change(call, request.user),
    }


def _export(request: PageRequest, rows: VisibleQuerySet) -> HttpResponseBase:
    """Return the groups as CSV, at most ten thousand, and say so in the book."""
    with transaction.atomic():
        audit.record("export.made", actor=actor_of(request), label="Errors as CSV")
    names = dict(Client.objects.visible_to(request.user).values_list("pk", "name"))
    slugs = dict(Connection.objects.visible_to(request.user).values_list("pk", "slug"))
    return csv_response("errors", CSV_HEADER, _lines(rows, names, slugs))


def _lines(rows: VisibleQuerySet, names: dict[UUID, str], slugs: dict[UUID, str]) -> Iterator[tuple[object, ...]]:
    for row in rows.order_by("-last_seen_at", "-pk")[:MOST_EXPORTED].iterator():
        yield (
            row.pk, row.get_state_display(), row.status, row.code, row.title, names.get(row.client_id, ""),
            slugs.get(row.connection_id, ""), row.provider_key, row.method, row.path_template, row.count,
            row.first_seen_at.isoformat(), row.last_seen_at.isoformat(), row.who, row.cause, row.remedy,
            row.get_source_display(),
        )  # fmt: skip
