"""Messages: everything Keylodge had to tell this person, mailed or not."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from dashboard.paging import page_of
from dashboard.render import PageRequest, render_page
from integrations.alerts import can_mail
from integrations.models import Message

BULK = [("read", gettext_lazy("Mark as read"))]


def mailbox(request: PageRequest) -> HttpResponse:
    """List one's own messages, newest first."""
    rows = Message.objects.filter(user=request.user).select_related("client").defer("body")
    unread = rows.filter(read_at=None).count()
    context = {"page": page_of(rows, request), "unread": unread, "can_mail": can_mail(), "bulk": BULK}
    return render_page(request, "dashboard/messages/list.html", context, part="rows")


def message(request: PageRequest, pk: UUID) -> HttpResponse:
    """Show one message. Looking changes nothing; "read" is a button, or comes with the next one."""
    found = get_object_or_404(Message.objects.filter(user=request.user).select_related("client"), pk=pk)
    older = Message.objects.filter(user=request.user, pk__lt=found.pk).order_by("-pk").first()
    return render_page(request, "dashboard/messages/one.html", {"message": found, "older": older})


@require_POST
def mark_read(request: PageRequest) -> HttpResponse:
    """Mark one message as read, or those chosen, or all of mine."""
    rows = Message.objects.filter(user=request.user, read_at=None)
    which = request.POST.get("which", "")
    if chosen := request.POST.getlist("chosen"):
        rows = rows.filter(pk__in=_ids(chosen))
    elif which != "all":
        rows = rows.filter(pk=_mine(request, which).pk)
    rows.update(read_at=timezone.now())
    return HttpResponseRedirect(reverse("dashboard:messages"))


def _ids(chosen: list[str]) -> list[UUID]:
    """Return the ids that a form sent; whatever else it sent is 404."""
    try:
        return [UUID(one) for one in chosen]
    except ValueError:
        raise Http404 from None


def _mine(request: PageRequest, which: str) -> Message:
    """Return one of my messages by the id that a form sent; whatever else it sent is 404."""
    try:
        return get_object_or_404(Message.objects.filter(user=request.user), pk=UUID(which))
    except ValueError:
        raise Http404 from None
