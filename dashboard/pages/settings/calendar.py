"""One's own calendar feed, and a client's: an address that is shown once, made anew, or ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from dashboard.render import PageRequest, actor_of, render_page
from integrations.calendar.feeds import end_feed, feed_of, make_feed
from secrets_vault.models import Client

if TYPE_CHECKING:
    from django.http import HttpResponse

FRESH = "fresh_calendar"
"""A feed's address, kept in the sealed session until it has been shown, once."""


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def calendar(request: PageRequest) -> HttpResponse:
    """Show one's own feed; POST makes it, makes it anew, or ends it."""
    if request.method == "POST":
        _change(request, None)
        return HttpResponseRedirect(reverse("dashboard:settings_calendar"))
    context = feed_context(request, None) | {"tab": "calendar"}
    return render_page(request, "dashboard/settings/calendar.html", context)


@login_required
@require_POST
def client_calendar(request: PageRequest, slug: str) -> HttpResponse:
    """Make a client's feed, make it anew, or end it."""
    client = get_object_or_404(Client.objects.manageable_by(request.user), slug=slug)
    _change(request, client)
    return HttpResponseRedirect(reverse("dashboard:client_edit", args=[slug]))


def _change(request: PageRequest, client: Client | None) -> None:
    whose: dict[str, Any] = {"client": client} if client is not None else {"user": request.user}
    feed = feed_of(**whose)
    if request.POST.get("do") == "end":
        if feed is not None:
            end_feed(feed, actor=actor_of(request))
        messages.success(request, _("The calendar address is ended."))
        return
    url = make_feed(actor=actor_of(request), **whose)
    request.session[FRESH] = {"of": str(client.pk) if client else "", "url": url}


def feed_context(request: PageRequest, client: Client | None) -> dict[str, Any]:
    """Return what the card about a feed shows: whether there is one, and its address, once."""
    whose: dict[str, Any] = {"client": client} if client is not None else {"user": request.user}
    kept = request.session.get(FRESH) or {}
    fresh = kept["url"] if kept.get("of") == (str(client.pk) if client else "") else ""
    if fresh:
        del request.session[FRESH]
    return {"feed": feed_of(**whose), "fresh_feed": fresh, "is_https": settings.IS_HTTPS}
