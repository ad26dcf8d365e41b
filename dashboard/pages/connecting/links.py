"""Connect links of one connection: made, mailed, copied once, their states, and their end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from dashboard.pages.connecting import picker
from dashboard.pages.connecting.forms import LinkTerms
from dashboard.pages.requests.sending import send
from dashboard.render import PageRequest, actor_of, render_page
from integrations.alerts import can_mail
from integrations.links import link_state, make_link, revoke_link
from integrations.links.link import LinkRefused
from integrations.models import ClientLink, Connection
from integrations.providers.gone import shown_provider
from secrets_vault.access import can_manage

if TYPE_CHECKING:
    from secrets_vault.models import User

FRESH = "connect.link"
"""A link's address, kept in the sealed session until it has been shown, once."""
MOST = 50
STATES = {
    "open": ("info", gettext_lazy("Not opened yet")),
    "opened": ("info", gettext_lazy("Opened")),
    "failed": ("bad", gettext_lazy("Did not work")),
    "used": ("ok", gettext_lazy("Used")),
    "revoked": ("", gettext_lazy("Revoked")),
    "ended": ("warn", gettext_lazy("Expired")),
}
FAILURES = {
    "access_denied": gettext_lazy("Consent was not given."),
    "other_account": gettext_lazy("Another account than the expected one was chosen."),
    "provider_down": gettext_lazy("The provider could not be reached."),
    "app_wrong": gettext_lazy("The provider refuses the OAuth app: correct it, then send a new link."),
    "other_browser": gettext_lazy("It was finished in another browser than it was begun in."),
    "expired": gettext_lazy("It took longer than ten minutes."),
    "refused": gettext_lazy("The provider did not accept what was pasted."),
    "busy": gettext_lazy("The provider could not be asked just then."),
    "failing": gettext_lazy("The provider could not be asked just then."),
    "unreachable": gettext_lazy("The provider could not be asked just then."),
    "not_now": gettext_lazy("The connection was being changed just then."),
    "bad_value": gettext_lazy("What was pasted cannot stand in a request."),
    "bad_variable": gettext_lazy("A part of the address was missing or wrong."),
    "warned": gettext_lazy("What was pasted looked wrong, and the client was asked to look again."),
    "same_value": gettext_lazy("The key that is in use already was pasted."),
    "old_value": gettext_lazy("A key that was replaced before was pasted."),
    "not_stored": gettext_lazy("It could not be stored here just then: the vault was locked or the disk full."),
    "cannot": gettext_lazy("The connection cannot take it as it is set up."),
}


@dataclass(frozen=True)
class LinkRow:
    """One link as a page shows it, without its address."""

    link: ClientLink
    tone: str
    word: str
    why: str
    at: datetime
    is_open: bool


def row_of(link: ClientLink, *, now: datetime) -> LinkRow:
    """Return a link with its state in a word and, where it failed, why."""
    state = link_state(link, now=now)
    is_open = state in ("open", "opened")
    failed = is_open and link.failed_at is not None
    tone, word = STATES["failed" if failed else state]
    at = link.used_at or link.revoked_at or link.failed_at or link.opened_at or link.created_at
    reason = FAILURES.get(link.failed_code, _("It can be tried again with the same link.")) if failed else ""
    return LinkRow(link, tone, str(word), str(reason), link.expires_at if state == "ended" else at, is_open)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def links(request: PageRequest, slug: str) -> HttpResponse:
    """Show a connection's links, the new one with its address, once; POST makes another."""
    connection = _connection(request.user, slug)
    can_send = connection.oauth_app_id is not None and can_manage(request.user, connection.client)
    form = LinkTerms(
        request.POST if request.method == "POST" else None, initial={"language": connection.client.language}
    )
    if request.method == "POST":
        if not can_send:
            raise Http404
        if form.is_valid():
            try:
                link = hand_out(request, connection, form.cleaned_data)
            except LinkRefused as refused:
                form.add_error(None, str(refused))
            else:
                send_fresh(request, link)
                return HttpResponseRedirect(reverse("dashboard:connection_links", args=[slug]))
    context = _context(request, connection) | {"form": form, "can_send": can_send}
    return render_page(request, "dashboard/connecting/links.html", context, status=422 if form.is_bound else 200)


def _connection(user: User, slug: str) -> Connection:
    rows = Connection.objects.visible_to(user).select_related("client", "environment", "oauth_app")
    connection: Connection = get_object_or_404(rows, slug=slug)
    return connection


def _context(request: PageRequest, connection: Connection) -> dict[str, Any]:
    now = timezone.now()
    rows = ClientLink.objects.visible_to(request.user).filter(connection=connection).select_related("created_by")
    kept = request.session.pop(FRESH, None)
    is_play = connection.is_sandbox or connection.client.is_sandbox or connection.client.is_demo
    return {
        "connection": connection,
        "provider": shown_provider(connection),
        "steps": picker.steps(4) if kept else [],
        "fresh": kept if kept and kept["slug"] == connection.slug else None,
        "rows": [row_of(link, now=now) for link in rows[:MOST]],
        "is_https": settings.IS_HTTPS,
        "can_mail": can_mail() and not is_play,
        "is_play": is_play,
    }


def hand_out(request: PageRequest, connection: Connection, terms: dict[str, Any]) -> ClientLink:
    """Make a link and keep its address for one look. `send_fresh` mails it, after the commit."""
    now = timezone.now()
    link, url = make_link(
        connection,
        actor=actor_of(request),
        now=now,
        days=int(terms["days"]),
        sent_to=terms["sent_to"],
        language=terms["language"],
        reminds=terms["reminds"],
    )
    request.session[FRESH] = {"slug": connection.slug, "url": url}
    return link


def send_fresh(request: PageRequest, link: ClientLink) -> None:
    """Mail the link that was just made, outside any transaction, and say how it went."""
    send(request, link, request.session[FRESH]["url"])


@login_required
@require_POST
def revoke(request: PageRequest, slug: str, pk: UUID) -> HttpResponse:
    """End a link before its time."""
    rows = ClientLink.objects.manageable_by(request.user).select_related("connection__client")
    link = get_object_or_404(rows, pk=pk, connection__slug=slug)
    revoke_link(link, actor=actor_of(request), now=timezone.now())
    if link.revoked_at:
        messages.success(request, _("The link is revoked. Whoever opens it now is told to ask for a new one."))
    else:
        messages.info(request, _("The link was used already."))
    return HttpResponseRedirect(reverse("dashboard:connection_links", args=[slug]))
