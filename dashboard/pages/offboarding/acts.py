"""The steps of an off-boarding that a person takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib import messages
from django.http import FileResponse, Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from dashboard.pages.client_changes import find_managed
from dashboard.pages.handovers.making import keep_fresh
from dashboard.pages.offboarding.forms import MOST_AT_ONCE, ArchiveForm, PackForm, ShredForm
from dashboard.pages.offboarding.page import show
from dashboard.render import PageRequest, actor_of
from integrations import offboarding as ends
from integrations.errors import IntegrationError
from integrations.handover import hand_out_secret
from integrations.models import Handover, Offboarding, OffboardingItem
from integrations.offboarding import archive
from integrations.tasks import tick
from secrets_vault.errors import VaultError
from secrets_vault.people.step_up import step_up_required
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase

    from secrets_vault.models import Client, StoredSecret


@require_POST
@step_up_required
def begin(request: PageRequest, slug: str) -> HttpResponse:
    """Begin: list what is to be ended. Nothing is changed yet."""
    client = find_managed(request, slug)
    return _do(request, client, lambda: ends.begin(client, actor=actor_of(request), now=timezone.now()))


@require_POST
@step_up_required
def revoke(request: PageRequest, slug: str) -> HttpResponse:
    """Have every access ended, in the background."""
    client, current = _current(request, slug)
    answer = _do(request, client, lambda: ends.start_revoking(current, actor=actor_of(request), now=timezone.now()))
    tick.ring()
    return answer


@require_POST
def check(request: PageRequest, slug: str) -> HttpResponse:
    """Call the provider with a key that should be dead."""
    client, current = _current(request, slug)
    item = _item(current, request.POST.get("item", ""))
    if item is None:
        messages.error(request, _("Somebody else went on meanwhile. Look at where it stands, then decide."))
        return _back(client)
    outcome = ends.check_item(item, actor=actor_of(request), now=timezone.now())
    said = {
        "dead": (messages.success, _("{what}: confirmed dead. The provider refuses it.")),
        "still_works": (messages.error, _("{what} still works. Revoke it at the provider, then check again.")),
    }.get(outcome, (messages.warning, _("{what}: the provider could not tell. Check again later.")))
    said[0](request, said[1].format(what=item.label))
    return _back(client)


def _item(current: Offboarding, wanted: str) -> OffboardingItem | None:
    """Return the key of this off-boarding that is meant, None for anything else."""
    try:
        found: OffboardingItem | None = current.items.filter(kind="key", pk=UUID(wanted)).first()
    except ValueError:
        return None
    return found


@sensitive_post_parameters("passphrase")
@require_POST
@step_up_required
def hand_over(request: PageRequest, slug: str) -> HttpResponse:
    """Make a one-time link for each chosen secret, and show them once."""
    client, _ending = _current(request, slug)
    form = PackForm(request.POST, client=client)
    if not form.is_valid():
        return show(request, client, status=422, pack=form)
    form.cleaned_data["label"] = ""
    try:
        made = [_link_of(request, stored, form) for stored in form.cleaned_data["chosen"][:MOST_AT_ONCE]]
    except (IntegrationError, VaultError) as refused:
        form.add_error(None, str(refused))
        return show(request, client, status=422, pack=form)
    keep_fresh(request, made)
    return HttpResponseRedirect(reverse("dashboard:handovers"))


def _link_of(request: PageRequest, stored: StoredSecret, form: PackForm) -> tuple[Handover, str]:
    terms = replace(form.terms(), label=stored.label)
    names = list(stored.current.fields.values_list("name", flat=True)) if stored.current else []
    return hand_out_secret(stored, names, terms, actor=actor_of(request), now=timezone.now())


@sensitive_post_parameters("passphrase")
@require_POST
@step_up_required
def export(request: PageRequest, slug: str) -> HttpResponseBase:
    """Download what the client is given."""
    client, current = _current(request, slug)
    form = ArchiveForm(request.POST)
    if not form.is_valid():
        return show(request, client, status=422, archive=form)
    passphrase = Secret(form.cleaned_data["passphrase"]) if form.cleaned_data["passphrase"] else None
    file = archive.write(current, passphrase=passphrase, actor=actor_of(request), now=timezone.now())
    name = f"{client.slug}.zip.age" if passphrase is not None else f"{client.slug}.zip"
    answer = FileResponse(file, as_attachment=True, filename=name, content_type="application/octet-stream")
    answer.headers["Cache-Control"] = "no-store, private"
    return answer


@require_POST
@step_up_required
def shred(request: PageRequest, slug: str) -> HttpResponse:
    """Ask for the keys to be destroyed, once the client's name was typed."""
    client, current = _current(request, slug)
    form = ShredForm(request.POST)
    if form.is_valid():
        typed, at_once = form.cleaned_data["name"], form.cleaned_data["is_at_once"]
        try:
            ends.ask_to_shred(
                current, typed_name=typed, is_at_once=at_once, actor=actor_of(request), now=timezone.now()
            )
        except ends.NotNow as refused:
            form.add_error("name", str(refused))
        else:
            tick.ring()
            return _back(client)
    return show(request, client, status=422, shred=form)


@require_POST
def undo(request: PageRequest, slug: str) -> HttpResponse:
    """Take the destruction back while it waits."""
    client, current = _current(request, slug)
    return _do(request, client, lambda: ends.undo(current, actor=actor_of(request), now=timezone.now()))


@require_POST
def cancel(request: PageRequest, slug: str) -> HttpResponse:
    """Give the off-boarding up."""
    client, current = _current(request, slug)
    return _do(request, client, lambda: ends.cancel(current, actor=actor_of(request), now=timezone.now()))


def _current(request: PageRequest, slug: str) -> tuple[Client, Offboarding]:
    client = find_managed(request, slug)
    current = ends.current_of(client)
    if current is None:
        raise Http404
    return client, current


def _do(request: PageRequest, client: Client, act: Callable[[], object]) -> HttpResponse:
    try:
        act()
    except ends.NotNow as refused:
        messages.error(request, str(refused))
    return _back(client)


def _back(client: Client) -> HttpResponse:
    return HttpResponseRedirect(reverse("dashboard:client_offboard", args=[client.slug]))
