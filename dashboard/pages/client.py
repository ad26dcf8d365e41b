"""One client: what it has and how it is doing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404

from dashboard.health import health_of
from dashboard.render import PageRequest, render_page
from secrets_vault.models import Client

if TYPE_CHECKING:
    from django.http import HttpResponse


@login_required
def overview(request: PageRequest, slug: str) -> HttpResponse:
    """Show how a client is doing, on a page that can be shared on a screen: no secrets, nobody else's name."""
    client = get_object_or_404(Client.objects.visible_to(request.user), slug=slug)
    context = {"client": client, "health": health_of([client], request.user)[client.pk]}
    return render_page(request, "dashboard/client.html", context)
