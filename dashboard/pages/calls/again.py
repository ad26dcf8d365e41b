"""One call of the log made again: at once where all of it is known, else completed by hand in the test console."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import F
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from dashboard.names import name_providers
from dashboard.pages.calls.twice import lacks_of, words_of
from dashboard.pages.connection.console import shown
from dashboard.render import PageRequest, actor_of, render_page
from integrations.gateway.again import Again, AlreadyMade, Left, first_of, key_of, left_of
from integrations.gateway.console import try_call
from integrations.gateway.problems import Problem
from integrations.models import Call, CallAgain, Connection, HeldCall
from secrets_vault.ids import uuid7

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase

TEMPLATE = "dashboard/calls/again.html"
MOST_LINKS = 5


@login_required
def again(request: PageRequest, pk: UUID) -> HttpResponseBase:
    """Say what may happen twice, and make the call again once that is confirmed."""
    call, connection = manageable_call(request, pk)
    left = left_of(call, connection)
    held = HeldCall.objects.manageable_by(request.user).filter(pk=first_of(call), connection=connection).first()
    if held is not None:
        return HttpResponseRedirect(reverse("dashboard:held_call", args=[held.pk]))
    if left is None:
        return HttpResponseRedirect(reverse("dashboard:call", args=[call.pk]))
    if not left.is_whole:
        return HttpResponseRedirect(console_url(call, connection))
    name_providers([connection])
    context = {"call": call, "connection": connection, "left": left, "words": words_of(left), "approval": uuid7()}
    if request.method != "POST":
        return render_page(request, TEMPLATE, context)
    return _made(request, call, connection, left=left, context=context)


def _made(
    request: PageRequest, call: Call, connection: Connection, *, left: Left, context: dict[str, Any]
) -> HttpResponseBase:
    """Send the call once for the approval of the form; the same form sent twice shows what came of the first."""
    try:
        approval = UUID(request.POST.get("approval", ""))
    except ValueError:
        messages.error(request, _("Confirm on this page that the call is to be made again."))
        return render_page(request, TEMPLATE, context, status=422)
    asked = Again(call, key_of(call))
    what = {"method": left.method, "path": left.path, "body": left.body, "headers": left.headers}
    try:
        tried = try_call(connection, actor=actor_of(request), approval=approval, again=asked, **what)  # type: ignore[arg-type]
    except AlreadyMade as made:
        return _as_before(request, call, made.call_id)
    except Problem as problem:
        messages.error(request, str(problem))
        return render_page(request, TEMPLATE, context, status=409)
    return render_page(request, TEMPLATE, context | shown(tried))


def _as_before(request: PageRequest, call: Call, made_id: UUID) -> HttpResponseRedirect:
    """Lead to the call that came of an approval; one that is still under way is in no log yet."""
    if Call.objects.visible_to(request.user).filter(pk=made_id).exists():
        messages.info(request, _("This was confirmed before and is made once only. This is the call that came of it."))
        return HttpResponseRedirect(reverse("dashboard:call", args=[made_id]))
    messages.info(request, _("This was confirmed before and is made once only. What came of it will be named here."))
    return HttpResponseRedirect(reverse("dashboard:call", args=[call.pk]))


def manageable_call(request: PageRequest, pk: UUID) -> tuple[Call, Connection]:
    """Return a call that this person may make, and its connection; anything else is 404."""
    call: Call = get_object_or_404(Call.objects.manageable_by(request.user), pk=pk)
    rows = Connection.objects.manageable_by(request.user).select_related("client", "environment", "secret__current")
    connection: Connection = get_object_or_404(rows, pk=call.connection_id)
    return call, connection


def console_url(call: Call, connection: Connection) -> str:
    """Return the address of the console with what is left of a call in it."""
    address = reverse("dashboard:connection_call", args=[connection.slug])
    return f"{address}?{urlencode({'earlier': str(call.pk)})}"


def offered(call: Call, connection: Connection | None, held: HeldCall | None) -> dict[str, Any]:
    """Return what a call's page offers to who may manage its connection, and between which calls it stands."""
    left = left_of(call, connection) if connection is not None and held is None else None
    return {"left": left, "left_lacks": lacks_of(left) if left else [], **_links(call)}


def _links(call: Call) -> dict[str, Any]:
    """Return the call that this one made again, and those that made this one again, the newest first."""
    rows = CallAgain.objects.filter(client_id=call.client_id).exclude(of_id=F("call_id"))  # one that is no other again
    first = rows.filter(call_id=call.pk).first()
    later = rows.filter(of_id=call.pk).values_list("call_id", "at")[:MOST_LINKS]
    return {"made_again_of": first.of_id if first else None, "made_again": list(later)}
