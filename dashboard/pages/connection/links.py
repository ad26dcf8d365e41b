"""Connect links: made for a client without an account, shown once, withdrawn."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST

from dashboard.pages.connection.finding import back_to, manageable_connection
from dashboard.pages.connection.forms import LinkForm
from dashboard.pages.connection.one import head_of
from dashboard.render import PageRequest, actor_of, render_page
from integrations.links.link import LinkRefused, make_link, revoke_link
from integrations.links.words import words_in
from integrations.models import ClientLink

if TYPE_CHECKING:
    from django.http import HttpResponse

TEMPLATE = "dashboard/connection/link.html"


@login_required
@require_POST
@sensitive_variables("url", "mail")
def make(request: PageRequest, slug: str) -> HttpResponse:
    """Make a connect link and show its address, this once."""
    connection, now = manageable_connection(request, slug), timezone.now()
    form = LinkForm(request.POST)
    context = head_of(connection, request, now=now) | {"form": form}
    if not form.is_valid():
        return render_page(request, TEMPLATE, context, status=422)
    try:
        link, url = make_link(connection, actor=actor_of(request), now=now, **form.cleaned_data)
    except LinkRefused as refused:
        messages.error(request, f"No link was made: {refused}.")
        return back_to(connection)
    until = link.expires_at.strftime("%Y-%m-%d %H:%M UTC")
    names = {"provider": context["provider"].name, "who": request.user.name, "url": url, "until": until}
    words = words_in(link.language, **names)
    mail = {"subject": words["mail_subject"], "body": words["mail_body"]}
    return render_page(request, TEMPLATE, context | {"link": link, "url": url, "mail": mail})


@login_required
@require_POST
def revoke(request: PageRequest, slug: str, pk: UUID) -> HttpResponse:
    """End a link before its time."""
    connection = manageable_connection(request, slug)
    link: ClientLink = get_object_or_404(connection.links, pk=pk)
    revoke_link(link, actor=actor_of(request), now=timezone.now())
    messages.success(request, "The link no longer works.")
    return back_to(connection)
