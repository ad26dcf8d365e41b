"""One link: its address once, what it asks for and what has come, and what can be done about it."""

from __future__ import annotations

from smtplib import SMTPException
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from dashboard.pages.connecting.links import FAILURES
from dashboard.pages.requests.new import FRESH, show_once
from dashboard.pages.requests.sending import send
from dashboard.pages.requests.state import loaded, rows_of
from dashboard.pages.settings.mail import why
from dashboard.render import PageRequest, actor_of, render_page
from integrations import connections
from integrations.errors import IntegrationError
from integrations.links import nudging, renewing
from integrations.links.handing import take_into_use
from integrations.links.link import LinkRefused, revoke_link
from integrations.links.telling import arrived
from integrations.links.words import catalogues
from integrations.models import ClientLink, LinkItem
from secrets_vault.access import can_manage
from secrets_vault.errors import VaultError
from secrets_vault.models import AuditEvent

if TYPE_CHECKING:
    from django.http import HttpResponse

NO_NUDGE = {
    "over": gettext_lazy("This link is over. Make a new one."),
    "copied": gettext_lazy("This link was copied by hand, so there is no address to mail it to."),
    "play": gettext_lazy("The sandbox and the demo mail nobody."),
    "no_mail": gettext_lazy("No mail server is set up."),
    "lately": gettext_lazy("The client was reminded less than twelve hours ago."),
}
EVENTS = 12


@login_required
@require_http_methods(["GET", "HEAD"])
def one(request: PageRequest, pk: UUID) -> HttpResponse:
    """Show one link."""
    link, now = _link(request, pk), timezone.now()
    row = rows_of([link], now=now)[0]
    kept = request.session.get(FRESH)
    if kept and kept["link"] == str(link.pk):
        del request.session[FRESH]
    context: dict[str, Any] = {
        "link": link,
        "row": row,
        "found": [(one, FAILURES.get(one.item.failed_code, "")) for one in arrived(link)],
        "fresh": kept["url"] if kept and kept["link"] == str(link.pk) else "",
        "language": catalogues()[link.language]["language"] if link.language in catalogues() else link.language,
        "is_https": settings.IS_HTTPS,
        "can_manage": can_manage(request.user, link.client),
        "no_nudge": NO_NUDGE.get(nudging.may_nudge(link, now=now), ""),
        "events": AuditEvent.objects.visible_to(request.user).filter(object_id=str(link.pk))[:EVENTS],
    }
    return render_page(request, "dashboard/requests/one.html", context)


def _link(request: PageRequest, pk: UUID) -> ClientLink:
    return get_object_or_404(loaded(ClientLink.objects.visible_to(request.user)), pk=pk)


def _mine(request: PageRequest, pk: UUID) -> ClientLink:
    rows = ClientLink.objects.manageable_by(request.user).select_related("client", "created_by", "connection__client")
    link: ClientLink = get_object_or_404(rows, pk=pk)
    return link


def _back(link: ClientLink) -> HttpResponse:
    return HttpResponseRedirect(reverse("dashboard:request", args=[link.pk]))


@login_required
@require_POST
def revoke(request: PageRequest, pk: UUID) -> HttpResponse:
    """End a link before its time."""
    link = _mine(request, pk)
    revoke_link(link, actor=actor_of(request), now=timezone.now())
    if link.revoked_at:
        messages.success(request, _("The link is revoked. Whoever opens it now is told to ask for a new one."))
    else:
        messages.info(request, _("The link was used already."))
    return _back(link)


@login_required
@require_POST
def nudge(request: PageRequest, pk: UUID) -> HttpResponse:
    """Mail the same address once more."""
    link = _mine(request, pk)
    try:
        nudging.nudge(link, actor=actor_of(request), now=timezone.now())
    except LinkRefused as refused:
        messages.info(request, NO_NUDGE.get(str(refused), str(refused)))
    except VaultError as problem:
        messages.warning(request, str(problem))
    except (OSError, SMTPException) as problem:
        messages.warning(request, why(problem))
    else:
        messages.success(request, _("Reminded: mailed to {sent_to}.").format(sent_to=link.sent_to))
    return _back(link)


@login_required
@require_POST
def renew(request: PageRequest, pk: UUID) -> HttpResponse:
    """Give what is still open a new address; the old one ends."""
    link, now = _mine(request, pk), timezone.now()
    try:
        url = renewing.renew(link, actor=actor_of(request), now=now)
    except LinkRefused as refused:
        messages.info(request, str(refused))
    else:
        show_once(request, link, url)
        send(request, link, url)
    return _back(link)


@login_required
@require_POST
def use(request: PageRequest, pk: UUID) -> HttpResponse:
    """Take a key into use that waits, then try it."""
    rows = LinkItem.objects.manageable_by(request.user).select_related("version__secret", "connection", "link")
    item = get_object_or_404(rows, pk=pk)
    now, actor = timezone.now(), actor_of(request)
    try:
        take_into_use(item, actor=actor, now=now)
    except (IntegrationError, VaultError) as refused:
        messages.error(request, str(refused))
    else:
        result = connections.probe(item.connection, actor=actor, now=now)
        messages.success(request, _("In use now. {sentence}").format(sentence=result.sentence))
    return _back(item.link)
