"""Rotations: one board over all clients, what is due, and snoozing."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from dashboard.csv import csv_response
from dashboard.due import light_board
from dashboard.ending_grants import ending_grants
from dashboard.forms import FilterForm, PageForm
from dashboard.light import seen_clients
from dashboard.render import PageRequest, actor_of, render_page
from secrets_vault import rotation
from secrets_vault.access import visible_clients
from secrets_vault.errors import VaultError
from secrets_vault.models import Client, StoredSecret, User
from secrets_vault.rotation import BoardRow, Rule, State

SHOWN_ROWS = 100
RULES = {
    Rule.DATE: gettext_lazy("a date you set"),
    Rule.SECRET: gettext_lazy("this secret's rule"),
    Rule.CLIENT: gettext_lazy("the client's rule"),
    Rule.PROVIDER: gettext_lazy("the provider's rule"),
    Rule.DEFAULT: gettext_lazy("every 90 days"),
    Rule.EXPIRY: gettext_lazy("it expires then"),
    Rule.AGE_UNKNOWN: gettext_lazy("its age is not known"),
}
TONES = {State.OVERDUE: "bad", State.DUE_SOON: "warn", State.FINE: "ok", State.SNOOZED: "info"}
WORDS = {
    State.OVERDUE: gettext_lazy("due"),
    State.DUE_SOON: gettext_lazy("due soon"),
    State.FINE: gettext_lazy("fine"),
    State.SNOOZED: gettext_lazy("snoozed"),
}


class BoardFilter(FilterForm):
    """Narrow the board by client and by state."""

    client = forms.ChoiceField(required=False)
    state = forms.ChoiceField(
        required=False, choices=[("", gettext_lazy("Every state")), *((s.value, WORDS[s]) for s in State)]
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        clients = visible_clients(user).values_list("slug", "name")
        self.fields["client"].choices = [("", _("Every client")), *clients]  # type: ignore[attr-defined]


class SnoozeForm(PageForm):
    """Until when, and why. A reason is not asked for."""

    days = forms.ChoiceField(
        choices=[("7", gettext_lazy("a week")), ("14", gettext_lazy("two weeks")), ("30", gettext_lazy("a month"))],
        initial="7",
    )
    reason = forms.CharField(max_length=200, required=False)


def rotations(request: PageRequest) -> HttpResponseBase:
    """Show what is due, soonest first."""
    filters = BoardFilter(request.GET, user=request.user)
    board = light_board(request.user, seen_clients(request.user), timezone.localdate())
    rows = _matching(board, filters.chosen())
    if request.GET.get("format") == "csv":
        return csv_response("rotations", CSV_HEADER, (_csv_row(row) for row in rows))
    start = _start(request.GET.get("from", ""), len(rows))
    states = Counter(row.due.state.value for row in board)
    manageable = set(Client.objects.manageable_by(request.user).values_list("pk", flat=True))
    context = {
        "filters": filters,
        "rows": [
            _shown(row, can_manage=request.user.is_owner or row.stored.client_id in manageable)
            for row in rows[start : start + SHOWN_ROWS]
        ],
        "total": len(rows),
        "next": start + SHOWN_ROWS if start + SHOWN_ROWS < len(rows) else None,
        "start": start,
        "counts": {state.value: states[state.value] for state in State},
        "strip": [(row.due.on, row.stored.label) for row in board if row.due.state != State.SNOOZED],
        "snooze": SnoozeForm(),
        "ending": ending_grants(request.user, now=timezone.now()),
        "is_filtered": bool(filters.chosen()),
    }
    return render_page(request, "dashboard/rotations.html", context, part="board")


def _start(text: str, total: int) -> int:
    """Return where the shown part begins. The board is sorted in memory, so a number is its key."""
    return min(int(text), total) if text.isdecimal() and len(text) < 10 else 0


def _matching(board: list[BoardRow], chosen: dict[str, Any]) -> list[BoardRow]:
    slug, state = chosen.get("client"), chosen.get("state")
    return [
        row
        for row in board
        if (not slug or (row.stored.client is not None and row.stored.client.slug == slug))
        and (not state or row.due.state == state)
    ]


def _shown(row: BoardRow, *, can_manage: bool) -> dict[str, Any]:
    """Return what `rotation_row` draws."""
    due = row.due
    return {
        "can_manage": can_manage,
        "stored": row.stored,
        "due": due,
        "tone": TONES[due.state],
        "word": WORDS[due.state],
        "rule": RULES[due.rule],
        "when": _when(due),
    }


def _when(due: rotation.Due) -> str:
    if due.rule == Rule.AGE_UNKNOWN:
        return "now"
    if due.days_left == 0:
        return "today"
    days = abs(due.days_left)
    word = "day" if days == 1 else "days"
    return f"{days} {word} over" if due.days_left < 0 else f"in {days} {word}"


CSV_HEADER = (
    "client",
    "environment",
    "secret",
    "kind",
    "owner",
    "age_days",
    "due_on",
    "rule",
    "state",
    "snoozed_until",
)


def _csv_row(row: BoardRow) -> tuple[object, ...]:
    stored, due = row.stored, row.due
    return (
        stored.client.name if stored.client else "",
        stored.environment.slug if stored.environment else "",
        stored.label,
        stored.kind,
        stored.owner_name,
        "unknown" if due.age_days is None else due.age_days,
        due.on.isoformat(),
        due.rule.value,
        due.state.value,
        due.snoozed_until.isoformat() if due.snoozed_until else "",
    )


@require_POST
def snooze(request: PageRequest) -> HttpResponse:
    """Snooze the chosen secrets, or everything of one client; or wake them."""
    form = SnoozeForm(request.POST)
    if request.POST.get("do") == "wake":
        return _wake(request)
    if not form.is_valid():
        messages.error(request, _("Choose for how long."))
        return _back(request)
    today = timezone.localdate()
    until = today + timedelta(days=int(form.cleaned_data["days"]))
    targets = _targets(request)
    try:
        with transaction.atomic():
            for target in targets:
                rotation.snooze(target, until, actor=actor_of(request), today=today, reason=form.cleaned_data["reason"])
    except VaultError as refused:
        messages.error(request, str(refused))
        return _back(request)
    messages.success(request, _snoozed(targets, date_format(until, _("j M Y"))))
    return _back(request)


def _wake(request: PageRequest) -> HttpResponse:
    for target in _targets(request):
        rotation.wake(target, actor=actor_of(request))
    messages.success(request, _("Awake again."))
    return _back(request)


def _targets(request: PageRequest) -> list[StoredSecret | Client]:
    """Return what was chosen, as far as this person may manage it; a whole client by its slug."""
    if slug := request.POST.get("client"):
        return [get_object_or_404(Client.objects.manageable_by(request.user), slug=slug)]
    rows = StoredSecret.objects.manageable_by(request.user).filter(deleted_at=None).select_related("client")
    try:
        return list(rows.filter(pk__in=request.POST.getlist("chosen")[:500]))
    except (ValueError, forms.ValidationError):
        return []


def _snoozed(targets: list[StoredSecret | Client], until: str) -> str:
    if len(targets) == 1 and isinstance(targets[0], Client):
        said = _("Everything of {name} is snoozed until {until}. The age goes on counting.")
        return said.format(name=targets[0].name, until=until)
    said = ngettext(
        "{n} secret is snoozed until {until}. The age goes on counting.",
        "{n} secrets are snoozed until {until}. The age goes on counting.",
        len(targets),
    )
    return said.format(n=len(targets), until=until)


def _back(request: PageRequest) -> HttpResponse:
    query = request.POST.get("back", "")
    return HttpResponseRedirect(reverse("dashboard:rotations") + (f"?{query}" if query else ""))
