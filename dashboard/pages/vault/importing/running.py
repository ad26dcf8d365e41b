"""Storing thousands: a batch a request, its progress in the same commit as its secrets.

Two requests at once wait for one another at the session's row and read there how far it is: none stores twice. A
browser that goes away, a restart or a full disk ends between two batches; "Go on" continues.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.pages.vault.importing import drafts, storing
from dashboard.pages.vault.importing.drafts import Draft, Run
from dashboard.pages.vault.importing.rows import environments_of
from dashboard.pages.vault.importing.storing import About, Unit, sort, store
from dashboard.render import PageRequest, actor_of, render_page, wants_part
from secrets_vault.errors import VaultError

if TYPE_CHECKING:
    from secrets_vault.people.sessions import SessionStore

MOST_NAMED = 50
GONE = (ValueError, KeyError)


def run(request: PageRequest) -> HttpResponse:
    """Show how far the storing is; on POST, store the next batch."""
    problem = _advance(request) if request.method == "POST" else ""
    draft = drafts.load(request)
    if draft is None or draft.run is None:
        return HttpResponseRedirect(reverse("dashboard:secret_import"))
    if draft.run.done >= draft.run.total:
        return _finished(request, draft, draft.run)
    context = {"draft": draft, "run": draft.run, "problem": problem}
    return render_page(request, "dashboard/vault/storing.html", context, part="progress")


def _advance(request: PageRequest) -> str:
    """Store one batch; return why it was refused, or nothing. The session is written in the batch's own transaction."""
    session: SessionStore = request.session  # type: ignore[assignment]
    try:
        with transaction.atomic():
            session.read_again()
            draft = drafts.load(request)
            if draft is None or draft.run is None:
                return ""
            _store_next(request, draft, draft.run, leaves_out="leave_out" in request.POST)
            draft.keep(request)
            session.save()
    except VaultError as refused:
        session.read_again()
        return str(refused)
    except GONE:
        session.read_again()
        return _("Something of it is gone. Read the file again.")
    finally:
        session.modified = False  # what this request read is older than what another may write now
    return ""


def _store_next(request: PageRequest, draft: Draft, now_at: Run, *, leaves_out: bool) -> None:
    units = units_of(request, draft)[now_at.done : now_at.done + storing.A_BATCH]
    about = about_of(request, now_at)
    if not leaves_out:
        now_at.stored += store(units, request.user, about=about)
    for unit in units if leaves_out else []:
        try:
            now_at.stored += store([unit], request.user, about=about)
        except VaultError as refused:
            now_at.refused = [*now_at.refused, f"{name_of(unit)}: {refused}"][:MOST_NAMED]
    now_at.done += len(units)


def units_of(request: PageRequest, draft: Draft) -> list[Unit]:
    """Return everything that was chosen, in order. Raises BadInput, KeyError for a place that is gone."""
    rows = [(draft.found.items[number], choice) for number, choice in sorted(draft.choices.items())]
    return sort(rows, environments_of(request.user))


def about_of(request: PageRequest, run: Run) -> About:
    """Return what holds for all of them."""
    made_on = date.fromisoformat(run.made_on) if run.made_on else None
    return About(actor_of(request), made_on, run.set_label, run.is_merged)


def name_of(unit: Unit) -> str:
    """Return what a person knows a unit by."""
    if isinstance(unit, storing.Own):
        return unit.choice.label
    return str(unit.environment) if isinstance(unit, storing.Joined) else unit.items[-1].name


def _finished(request: PageRequest, draft: Draft, run: Run) -> HttpResponse:
    drafts.throw_away(request)
    say_stored(request, run.stored, run.left_out)
    for name in run.refused:
        messages.warning(request, _("Left out: {name}").format(name=name))
    client = draft.place.partition("/")[0]
    response = HttpResponseRedirect(f"{reverse('dashboard:vault')}?client={client}")
    if wants_part(request):
        response = HttpResponse(headers={"HX-Redirect": response.url})  # type: ignore[assignment]
    return response


def say_stored(request: PageRequest, stored: int, left: int) -> None:
    """Say how many were stored, and how many were not."""
    words = ngettext("{n} secret is stored.", "{n} secrets are stored.", stored).format(n=stored)
    if left:
        words += " " + ngettext("{n} row was left out.", "{n} rows were left out.", left).format(n=left)
    messages.success(request, words)


def begin(request: PageRequest, draft: Draft, data: dict[str, Any]) -> HttpResponse:
    """Store what fits one batch at once, or begin a run; of two who press at the same moment, one does.

    Raises VaultError, ValueError and KeyError with nothing stored.
    """
    session: SessionStore = request.session  # type: ignore[assignment]
    try:
        with transaction.atomic():
            session.read_again()
            if not _is_still_there(request, draft):
                return HttpResponseRedirect(reverse("dashboard:secret_import_run"))
            draft.run = _store_first(request, draft, data)
            session.save()
    except BaseException:
        session.read_again()
        draft.run = None
        draft.keep(request)
        raise
    if draft.run.done < draft.run.total:
        return HttpResponseRedirect(reverse("dashboard:secret_import_run"))
    return _finished(request, draft, draft.run)


def _is_still_there(request: PageRequest, draft: Draft) -> bool:
    """Tell whether what was read waits as this request found it: not stored, begun or read anew meanwhile."""
    now_there = drafts.load(request)
    return now_there is not None and now_there.run is None and now_there.read_at == draft.read_at


def _store_first(request: PageRequest, draft: Draft, data: dict[str, Any]) -> Run:
    units = units_of(request, draft)
    left = sum(1 for choice in draft.choices.values() if choice.act == drafts.SKIP)
    made_on = data["made_on"].isoformat() if data["made_on"] else ""
    run = draft.run = Run(made_on, data["set_label"], data["set_how"] != "new", len(units), left)
    if len(units) > storing.A_BATCH:
        draft.keep(request)
        return run
    run.stored, run.done = store(units, request.user, about=about_of(request, run)), len(units)
    drafts.throw_away(request)
    return run
