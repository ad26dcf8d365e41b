"""Somebody leaves: everything they have seen, to be rotated in one go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.render import PageRequest, actor_of, render_page
from integrations.rotating.revealed import people_who_saw, rotate_all, seen_by
from secrets_vault.models import StoredSecret

if TYPE_CHECKING:
    from django.http import HttpResponse

SHOWN = 200


@login_required
def seen(request: PageRequest) -> HttpResponse:
    """List what one person revealed or copied and nobody rotated since; begin what was chosen."""
    people = people_who_saw(request.user)
    person = request.POST.get("person") or request.GET.get("person", "")
    name = dict(people).get(person, "")
    if request.method == "POST":
        return _begin(request, name)
    rows = seen_by(person, user=request.user) if name else []
    context = {"people": people, "person": person, "name": name, "rows": rows[:SHOWN], "total": len(rows)}
    return render_page(request, "dashboard/rotating/seen.html", context)


def _begin(request: PageRequest, name: str) -> HttpResponse:
    mine = StoredSecret.objects.manageable_by(request.user).filter(deleted_at=None).select_related("client", "current")
    try:
        chosen = list(mine.exclude(kind=StoredSecret.Kind.SYSTEM).filter(pk__in=request.POST.getlist("chosen")[:SHOWN]))
    except (ValidationError, ValueError):
        chosen = []
    if not chosen or not name:
        messages.error(request, _("Nothing was chosen."))
        return HttpResponseRedirect(reverse("dashboard:rotations_seen"))
    reason = _("seen by {name}").format(name=name)
    begun, due = rotate_all(chosen, actor=actor_of(request), now=timezone.now(), reason=reason)
    words = ngettext("{n} rotation is begun.", "{n} rotations are begun.", begun).format(n=begun)
    if due:
        more = ngettext(
            "{n} secret has no steps and is due today.", "{n} secrets have no steps and are due today.", due
        )
        words = f"{words} {more.format(n=due)}"
    messages.success(request, words)
    return HttpResponseRedirect(reverse("dashboard:rotation_list") + "?show=open")
