"""Sending many events again: first the sentence that says what it would be, then the deed, then the way to stop it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from dashboard.choosing import chosen_ids
from dashboard.pages.webhooks.looking import manageable_endpoint, to_endpoint
from dashboard.render import PageRequest, actor_of, render_page
from integrations.models import WebhookDelivery, WebhookReplay
from integrations.webhooks import bulk
from integrations.webhooks.bulk import PER_S, Plan, Selection

if TYPE_CHECKING:
    from django.http import HttpResponse

    from integrations.models import WebhookEndpoint

State = WebhookDelivery.State
TEMPLATE = "dashboard/webhooks/replay.html"
# What a person who chooses an event means: not what a filter left out, nor what somebody discarded.
OF_EVENTS = (State.DEAD.value, State.DELIVERED.value)


@dataclass(frozen=True)
class Running:
    """A replay that is under way, and how much of it is left."""

    replay: WebhookReplay
    left: int


def plan_of(selections: Iterable[Selection]) -> Plan:
    """Return what sending several selections again would be; their endpoints send side by side."""
    plans = [bulk.plan(selection) for selection in selections]
    return Plan(
        events=sum(plan.events for plan in plans),
        targets=sum(plan.targets for plan in plans),
        deliveries=sum(plan.deliveries for plan in plans),
        about_s=max((plan.about_s for plan in plans), default=0),
        forgotten=sum(plan.forgotten for plan in plans),
    )


def show_plan(
    request: PageRequest, selections: list[Selection], *, url: str, back: str, fields: dict[str, list[str]]
) -> HttpResponse:
    """Say what would be sent, and ask. `fields` are sent along with the yes."""
    context = {
        "plan": plan_of(selections),
        "per_s": PER_S,
        "endpoints": [selection.endpoint for selection in selections],
        "url": url,
        "back": back,
        "fields": [(name, value) for name, values in fields.items() for value in values],
    }
    return render_page(request, TEMPLATE, context)


def carry_out(request: PageRequest, selections: Iterable[Selection]) -> int:
    """Send them again and say how many; return how many."""
    actor, now = actor_of(request), timezone.now()
    count = sum(bulk.replay(selection, actor=actor, now=now).deliveries for selection in selections)
    if count:
        said = ngettext("{n} delivery goes out again.", "{n} deliveries go out again.", count)
        messages.success(request, said.format(n=count))
    else:
        messages.error(request, _("Nothing was sent: none of them can be sent again now."))
    return count


@login_required
@require_POST
def replay(request: PageRequest, slug: str) -> HttpResponse:
    """Send the chosen events of an endpoint to its targets again; first only say what that would be."""
    endpoint, events = manageable_endpoint(request, slug), tuple(chosen_ids(request))
    if not events:
        messages.error(request, _("Choose at least one event."))
        return to_endpoint(endpoint)
    selections = [Selection(endpoint=endpoint, states=OF_EVENTS, events=events)]
    if request.POST.get("do") != "replay":
        chosen = [str(pk) for pk in events]
        back = to_endpoint(endpoint).url
        return show_plan(request, selections, url=request.path, back=back, fields={"chosen": chosen})
    carry_out(request, selections)
    return to_endpoint(endpoint)


@login_required
@require_POST
def stop(request: PageRequest, pk: UUID) -> HttpResponse:
    """Take back what a replay has not sent yet."""
    row = get_object_or_404(WebhookReplay.objects.manageable_by(request.user).select_related("endpoint"), pk=pk)
    count = bulk.stop(row, actor=actor_of(request), now=timezone.now())
    said = ngettext("Stopped. {n} delivery was taken back.", "Stopped. {n} deliveries were taken back.", count)
    messages.success(request, said.format(n=count))
    return to_endpoint(row.endpoint)


def running_of(endpoint: WebhookEndpoint) -> Running | None:
    """Return the newest replay of an endpoint while something of it is left."""
    newest: Any = WebhookReplay.objects.filter(endpoint=endpoint, stopped_at=None).order_by("-pk").first()
    left = bulk.left(newest) if newest is not None else 0
    return Running(newest, left) if left else None
