"""What an endpoint refused, by reason: verified again once the cause is mended, let in by hand, or deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, Max
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from dashboard.choosing import chosen_ids
from dashboard.pages.webhooks.event_list import LIST_FIELDS
from dashboard.pages.webhooks.event_words import REMEDIES, refusal_words
from dashboard.pages.webhooks.glance import glance_of
from dashboard.pages.webhooks.looking import manageable_endpoint, manageable_event, to_event, visible_endpoint
from dashboard.paging import page_of
from dashboard.render import PageRequest, actor_of, render_page
from integrations.models import WebhookEvent
from integrations.webhooks import quarantine
from integrations.webhooks.opening import Forgotten
from integrations.webhooks.releasing import release_by_hand
from secrets_vault.access import can_manage
from secrets_vault.errors import VaultError
from secrets_vault.people.step_up import step_up_required

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpResponse

    from integrations.models import WebhookEndpoint
    from secrets_vault.access import VisibleQuerySet

TEMPLATE = "dashboard/webhooks/quarantine.html"
BULK = [("verify", gettext_lazy("Verify again")), ("delete", gettext_lazy("Delete for good"))]


@dataclass(frozen=True)
class Group:
    """The requests that were refused for one reason."""

    reason: str
    count: int
    newest_at: datetime

    @property
    def words(self) -> str:
        """Return the reason in a sentence."""
        return refusal_words(self.reason)

    @property
    def remedy(self) -> str:
        """Return what to do about it."""
        return str(REMEDIES.get(self.reason, ""))


@login_required
@require_safe
def quarantined(request: PageRequest, slug: str) -> HttpResponse:
    """Show what is in quarantine, the newest first, or only what was refused for one reason."""
    endpoint, now = visible_endpoint(request, slug), timezone.localtime()
    rows = WebhookEvent.objects.visible_to(request.user).filter(endpoint=endpoint, verdict=quarantine.QUARANTINED)
    groups = _groups(rows)
    reason = request.GET.get("reason", "")
    if reason in {group.reason for group in groups}:
        rows = rows.filter(reason=reason)
    page = page_of(rows.only(*LIST_FIELDS), request)
    context = {
        "endpoint": endpoint,
        "tab": "quarantine",
        "glance": glance_of(endpoint, now=now),
        "groups": groups,
        "reason": reason,
        "page": page,
        "events": _worded(page.rows),
        "can_manage": can_manage(request.user, endpoint.client),
        "bulk": BULK,
        "kept_days": quarantine.KEPT.days,
        "most": quarantine.MOST,
    }
    return render_page(request, TEMPLATE, context, part="rows")


def _worded(events: list[Any]) -> list[Any]:
    for event in events:
        event.refusal = refusal_words(event.reason)
    return events


def _groups(rows: VisibleQuerySet) -> list[Group]:
    found = rows.order_by().values_list("reason").annotate(n=Count("pk"), newest=Max("received_at"))
    return sorted((Group(*row) for row in found), key=lambda group: -group.count)


@login_required
@require_POST
def settle(request: PageRequest, slug: str) -> HttpResponse:
    """Verify again, or delete, what was chosen or all of it."""
    endpoint = manageable_endpoint(request, slug)
    do, ids = request.POST.get("do", ""), None if request.POST.get("all") else chosen_ids(request)
    if ids == []:
        messages.error(request, _("Choose at least one request."))
    elif do == "verify":
        verify_again(request, endpoint, ids)
    elif do == "delete":
        count = quarantine.discard(endpoint, actor=actor_of(request), ids=ids)
        messages.success(request, ngettext("{n} request deleted.", "{n} requests deleted.", count).format(n=count))
    else:
        messages.error(request, _("Choose what to do with them."))
    return HttpResponseRedirect(reverse("dashboard:webhook_quarantine", args=[endpoint.slug]))


def verify_again(request: PageRequest, endpoint: WebhookEndpoint, ids: list[UUID] | None) -> quarantine.Outcome | None:
    """Verify again by the endpoint as it is now, and say how many passed."""
    try:
        outcome = quarantine.verify_again(endpoint, actor=actor_of(request), now=timezone.now(), ids=ids)
    except VaultError:
        messages.error(request, _("Nothing was verified: the secret or a request cannot be opened. See Settings."))
        return None
    say = messages.success if outcome.released or outcome.duplicates else messages.warning
    say(request, outcome_words(outcome))
    return outcome


def outcome_words(outcome: quarantine.Outcome) -> str:
    """Return how many passed, were here already, and still prove nothing."""
    said = [_("{n} accepted").format(n=outcome.released)]
    if outcome.duplicates:
        said.append(_("{n} had come again meanwhile").format(n=outcome.duplicates))
    said.append(_("{n} still refused").format(n=outcome.refused))
    return _("Verified again: {counts}.").format(counts=", ".join(said))


@login_required
@require_POST
def verify_one(request: PageRequest, pk: UUID) -> HttpResponse:
    """Verify one refused event again; back to its page, or to the quarantine when it was a copy and is gone."""
    event = manageable_event(request, pk)
    outcome = verify_again(request, event.endpoint, [event.pk])
    if outcome is not None and outcome.duplicates:
        return HttpResponseRedirect(reverse("dashboard:webhook_quarantine", args=[event.endpoint.slug]))
    return to_event(event)


@login_required
@require_POST
@step_up_required
def release(request: PageRequest, pk: UUID) -> HttpResponse:
    """Let one in that was never verified. Who does it says why, and that they know it."""
    event, reason = manageable_event(request, pk), request.POST.get("reason", "").strip()
    if not reason or request.POST.get("knows") != "yes":
        messages.error(request, _("Not released: say why, and tick that you know it was not verified."))
        return to_event(event)
    try:
        is_done = release_by_hand(event, actor=actor_of(request), reason=reason, now=timezone.now())
    except (Forgotten, VaultError):
        messages.error(request, _("Not released: the request is gone, or cannot be opened."))
        return to_event(event)
    if is_done:
        messages.warning(request, _("Released by hand. It was not verified: nothing proves who sent it."))
    else:
        messages.error(request, _("It is not in quarantine any more."))
    return to_event(event)
