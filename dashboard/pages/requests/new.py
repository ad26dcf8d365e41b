"""A new request link: for whom, what is asked for, and its terms. Its address is shown once, on its own page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from dashboard.pages.connecting import picker
from dashboard.pages.requests.form import NewRequest
from dashboard.pages.requests.sending import send
from dashboard.pages.vault.forms import places
from dashboard.render import PageRequest, actor_of, render_page
from integrations.alerts import can_mail
from integrations.links import Ask, make_request
from integrations.links.link import LinkRefused
from integrations.links.packs import asks_of
from integrations.links.requests import MOST_ITEMS
from integrations.models import ClientLink, Connection
from secrets_vault.models import Environment

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpResponse

FRESH = "request.link"
"""A link's address, kept in the sealed session until it has been shown, once."""


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PageRequest) -> HttpResponse:
    """Ask for the place first, then for everything else."""
    place = picker.find_place(request.user, request.GET.get("place", "")) or _only_place(request)
    if place is None:
        return _ask_place(request)
    initial: dict[str, Any] = {"language": place.client.language}
    if slug := request.GET.get("connection"):
        rows = Connection.objects.manageable_by(request.user).filter(environment=place, slug=slug)
        initial["connections"] = [str(pk) for pk in rows.values_list("pk", flat=True)]
    if template := request.GET.get("template"):
        initial["template"] = template
    form = NewRequest(request.POST if request.method == "POST" else None, place=place, initial=initial)
    if form.is_bound and form.is_valid():
        try:
            return _made(request, form, place)
        except LinkRefused as refused:
            form.add_error(None, str(refused))
    context = {"form": form, "place": place, "can_mail": can_mail()}
    return render_page(request, "dashboard/requests/new.html", context, status=422 if form.is_bound else 200)


def _only_place(request: PageRequest) -> Environment | None:
    """Return the environment that the address means without naming it: a connection's, or a client's only one."""
    rows = Environment.objects.manageable_by(request.user).filter(client__archived_at=None).select_related("client")
    if slug := request.GET.get("connection"):
        place: Environment | None = rows.filter(connections__slug=slug).first()
        return place
    if slug := request.GET.get("client"):
        found = list(rows.filter(client__slug=slug)[:2])
        return found[0] if len(found) == 1 else None
    return None


def _ask_place(request: PageRequest) -> HttpResponse:
    choices = places(request.user)
    if slug := request.GET.get("client"):
        rows = Environment.objects.manageable_by(request.user).filter(client__slug=slug)
        mine = {str(pk) for pk in rows.values_list("pk", flat=True)}
        choices = [pair for pair in choices if pair[0] in mine] or choices
    return render_page(request, "dashboard/requests/place.html", {"choices": choices})


def _made(request: PageRequest, form: NewRequest, place: Environment) -> HttpResponse:
    """Make the link and everything it needs, or nothing."""
    now, actor = timezone.now(), actor_of(request)
    with transaction.atomic():
        asks = form.asks()
        if template := form.cleaned_data.get("template"):
            asks = _without_doubles([*asks, *asks_of(template, place, actor=actor, now=now)])
        if len(asks) > MOST_ITEMS:
            raise LinkRefused(_("One link asks for {n} things at most.").format(n=MOST_ITEMS))
        terms = form.terms()
        if template and not terms["why"]:
            terms["why"] = template.why
        link, url = make_request(place.client, asks, actor=actor, now=now, **terms)
    show_once(request, link, url)
    send(request, link, url)
    return HttpResponseRedirect(reverse("dashboard:request", args=[link.pk]))


def _without_doubles(asks: list[Ask]) -> list[Ask]:
    first: dict[UUID, Ask] = {}
    for ask in asks:
        first.setdefault(ask.connection.pk, ask)
    return list(first.values())


def show_once(request: PageRequest, link: ClientLink, url: str) -> None:
    """Keep an address for one look at the link's page."""
    request.session[FRESH] = {"link": str(link.pk), "url": url}
