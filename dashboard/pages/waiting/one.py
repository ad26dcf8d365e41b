"""One waiting call: what it is, why it waits, what happened to it, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from dashboard.pages.waiting.words import TONES, events_of, why
from dashboard.render import PageRequest, actor_of, render_page
from integrations.gateway.held import acts
from integrations.gateway.held.acts import UNSENT
from integrations.gateway.held.showing import shown
from integrations.models import Call, HeldCall, HeldRun

if TYPE_CHECKING:
    from django.http import HttpResponse

State = HeldCall.State


@login_required
@require_safe
def held_call(request: PageRequest, pk: UUID) -> HttpResponse:
    """Show one call."""
    rows = HeldCall.objects.visible_to(request.user).select_related("client", "environment", "connection", "token")
    call = get_object_or_404(rows, pk=pk)
    beside = HeldCall.objects.visible_to(request.user).filter(connection_id=call.connection_id)
    can_manage = HeldCall.objects.manageable_by(request.user).filter(pk=call.pk).exists()
    context = {
        "call": call,
        "why": why(call),
        "tone": TONES.get(call.state, ""),
        "events": list(events_of(call)),
        "shown": shown(call),
        "can_manage": can_manage,
        "can_act": can_manage and call.state in UNSENT,
        "can_put_back": can_manage and call.state == State.DISCARDED and call.forgotten_at is None,
        "run": HeldRun.objects.filter(pk=call.run_id, made_by=request.user).first(),
        "first_call": Call.objects.visible_to(request.user).filter(pk=call.pk).exists(),
        "older": beside.filter(pk__lt=call.pk).order_by("-pk").values_list("pk", flat=True).first(),
        "newer": beside.filter(pk__gt=call.pk).order_by("pk").values_list("pk", flat=True).first(),
    }
    return render_page(request, "dashboard/waiting/one.html", context)


def _mine(request: PageRequest, pk: UUID) -> HeldCall:
    found: HeldCall = get_object_or_404(
        HeldCall.objects.manageable_by(request.user).select_related("connection"), pk=pk
    )
    return found


def _back(call: HeldCall) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("dashboard:held_call", args=[call.pk]))


@login_required
@require_POST
def replay(request: PageRequest, pk: UUID) -> HttpResponse:
    """Approve one more sending."""
    call = _mine(request, pk)
    try:
        acts.replay(call, actor=actor_of(request), now=timezone.now())
        messages.success(request, _("It goes as soon as its lane may send."))
    except acts.NotNow as why_not:
        messages.error(request, str(why_not))
    return _back(call)


@login_required
@require_POST
def discard(request: PageRequest, pk: UUID) -> HttpResponse:
    """Have it never be sent, with a reason."""
    call, reason = _mine(request, pk), request.POST.get("reason", "").strip()
    if not reason:
        messages.error(request, _("Say why it shall not be sent."))
        return _back(call)
    try:
        acts.discard(call, reason=reason, actor=actor_of(request), now=timezone.now())
        messages.success(request, _("Discarded. It can be put back as long as it is kept."))
    except acts.NotNow as why_not:
        messages.error(request, str(why_not))
    return _back(call)


@login_required
@require_POST
def put_back(request: PageRequest, pk: UUID) -> HttpResponse:
    """Take a discard back."""
    call = _mine(request, pk)
    try:
        acts.put_back(call, actor=actor_of(request), now=timezone.now())
        messages.success(request, _("Put back. It is sent when you say so."))
    except acts.NotNow as why_not:
        messages.error(request, str(why_not))
    return _back(call)
