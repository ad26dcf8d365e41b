"""Every call, newest first; live when that is switched on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.counting import MOST_COUNTED, counted_words, is_more
from dashboard.names import provider_names
from dashboard.pages.calls.export import FORMATS, export
from dashboard.pages.calls.filters import CallFilter, Known, criteria_of
from dashboard.paging import Page
from dashboard.render import PageRequest, render_page, wants_part
from integrations.call_log.search import Criteria, Found, counted, find, nearest
from integrations.call_log.search.words import has_index
from integrations.models import Call
from secrets_vault.ids import moment_of

if TYPE_CHECKING:
    from datetime import datetime

    from secrets_vault.access import VisibleQuerySet

LIST_FIELDS = (
    "id", "at", "client_id", "connection_id", "token_id", "token_name", "provider_key", "method", "path", "status",
    "outcome", "code", "attempts", "total_ms", "group_id", "caller_ip", "jwt_issuer", "jwt_subject", "agent",
    "source", "cause",
)  # fmt: skip


def calls(request: PageRequest) -> HttpResponseBase:
    """List the calls, newest first: the failed ones unless others are asked for."""
    known = Known.to(request.user)
    filters = CallFilter(request.GET)
    known.offer(filters, client=request.GET.get("client", ""))
    chosen = filters.chosen()
    rows = Call.objects.visible_to(request.user)
    wanted = criteria_of(chosen, known, now=timezone.now())
    if request.GET.get("format") in FORMATS:
        return export(request, rows, wanted, known=known, chosen=chosen)
    after, before = _key_in(request, "after"), _key_in(request, "before")
    moment: datetime | None = None if after or before else chosen.get("around")
    thin = rows.only(*LIST_FIELDS)
    found = nearest(thin, wanted, moment) if moment else find(thin, wanted, after=after, before=before)
    newest = str(found.rows[0].pk) if found.rows else ""
    if wants_part(request) and "newest" in request.GET and request.GET["newest"] == newest:
        return HttpResponse(status=204)  # a live list in which nothing is new is left alone
    fresh = _fresh(request, found)
    context = {
        "filters": filters,
        "page": _page(found),
        "rows": _shown(found.rows, known),
        "count_words": _counted(rows, wanted, found) if moment is None else "",
        "around": moment,
        "nearest": min(found.rows, key=lambda row: abs(row.at - moment)).pk if moment and found.rows else None,
        "looked_back_to": moment_of(found.reached) if found.reached else None,
        "outcome": chosen.get("outcome", ""),
        "is_live": bool(chosen.get("live")) and found.is_first,
        "is_filtered": bool(set(chosen) - {"live", "outcome"}),
        "newest": newest,
        "news": ngettext("{n} new call", "{n} new calls", fresh).format(n=fresh) if fresh else "",
        "has_word_index": has_index(),
        "problems": [str(error[0]) for error in filters.errors.values()],
        "now": timezone.now(),
    }
    return render_page(request, "dashboard/calls/list.html", context, part="rows")


def _key_in(request: PageRequest, name: str) -> UUID | None:
    """Return the key that an address gives, or None: a typed one that is none means the first page."""
    try:
        return UUID(request.GET[name])
    except (KeyError, ValueError):
        return None


def _fresh(request: PageRequest, found: Found) -> int:
    """Mark the calls that a live list has not shown yet; return how many."""
    seen = _key_in(request, "newest")
    for call in found.rows:
        call.is_new = seen is not None and call.pk > seen
    return sum(call.is_new for call in found.rows)


def _page(found: Found) -> Page[Any]:
    older, newer = (str(key) if key else "" for key in (found.older, found.newer))
    return Page(rows=found.rows, after=older, is_first=found.is_first, before="" if found.is_first else newer)


def _counted(rows: VisibleQuerySet, wanted: Criteria, found: Found) -> str:
    """Say how many calls match, counting no further than a thousand, and on the first page only."""
    if not found.is_first:
        return _("Older calls")
    number, is_all = counted(found, rows, wanted, most=MOST_COUNTED + 1)
    if not number and not is_all:
        return _("none so far")
    if is_all or is_more(number):
        words = ngettext("{n} call", "{n} calls", number)
    else:
        words = ngettext("at least {n} call", "at least {n} calls", number)
    return words.format(n=counted_words(number))


def _shown(calls: list[Any], known: Known) -> list[Any]:
    """Give each call the names that the list shows."""
    names = provider_names({call.provider_key for call in calls if call.provider_key})
    for call in calls:
        slug, _key, _client, environment, is_production, _id = known.connections.get(
            call.connection_id, ("", "", None, "", False, None)
        )
        call.connection_slug, call.environment = slug, {"slug": environment, "is_production": is_production}
        call.client_name = known.clients.get(call.client_id, "")
        call.provider_name = names.get(call.provider_key, "")
    return calls
