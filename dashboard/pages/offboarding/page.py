"""The off-boarding of a client on one page: where it stands, what came of each thing, and the next step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from dashboard.pages.client import find_client, tabs_for
from dashboard.pages.offboarding.forms import ArchiveForm, PackForm, ShredForm
from dashboard.render import PageRequest, render_page
from integrations import offboarding as ends
from integrations.models import Offboarding, OffboardingItem
from integrations.offboarding.inventory import open_handovers
from integrations.offboarding.pdf import as_pdf
from secrets_vault.models import AuditEvent, Client

if TYPE_CHECKING:
    from datetime import datetime

    from django import forms
    from django_stubs_ext import StrOrPromise

TEMPLATE = "dashboard/offboarding/page.html"
MOST_ITEMS = 500
TONES = {
    "waiting": "", "revoked": "ok", "by_hand": "warn", "dead": "ok", "still_works": "bad", "not_possible": "warn",
    "failed": "bad",
}  # fmt: skip
STEPS = (
    gettext_lazy("Inventory"),
    gettext_lazy("Hand over"),
    gettext_lazy("Revoke"),
    gettext_lazy("Export"),
    gettext_lazy("Destroy"),
    gettext_lazy("Certificate"),
)
REACHED = {"begun": 1, "revoking": 2, "revoked": 3, "waiting": 4, "shredding": 4, "done": 5}


@dataclass(frozen=True)
class Step:
    """One step as the head of the page shows it."""

    name: StrOrPromise
    is_done: bool
    is_current: bool


def steps_at(stage: str) -> list[Step]:
    """Return the steps, with where an off-boarding of this stage stands."""
    at = REACHED[stage]
    is_over = stage == "done"
    return [Step(name, n < at or is_over, n == at and not is_over) for n, name in enumerate(STEPS)]


@require_safe
def page(request: PageRequest, slug: str) -> HttpResponse:
    """Show where the off-boarding of a client stands."""
    return show(request, find_client(request, slug))


def show(request: PageRequest, client: Client, *, status: int = 200, **forms_shown: forms.Form) -> HttpResponse:
    """Show the page with these forms in place of empty ones."""
    now, current = timezone.now(), ends.current_of(client)
    context: dict[str, Any] = tabs_for(client, request.user, "client_offboard") | {
        "ending": current,
        "inventory": ends.inventory_of(client, now=now) if _needs_inventory(current) else None,
        "steps": steps_at(current.stage) if current is not None else [],
        "items": _items(current),
        "is_moving": current is not None and current.stage in ("revoking", "shredding"),
    }
    if current is not None and current.stage in ("begun", "revoking", "revoked", "waiting"):
        context |= _what_to_decide(client, current, now=now)
        context |= {"pack": PackForm(client=client), "shred": ShredForm(), "archive": ArchiveForm()}
    return render_page(request, TEMPLATE, context | forms_shown, part="progress", status=status)


def _needs_inventory(current: Offboarding | None) -> bool:
    return current is None or current.stage in ("begun", "revoked", "waiting")


def _items(current: Offboarding | None) -> list[tuple[OffboardingItem, str]]:
    if current is None:
        return []
    return [(item, TONES[item.outcome]) for item in current.items.all()[:MOST_ITEMS]]


def _what_to_decide(client: Client, current: Offboarding, *, now: datetime) -> dict[str, Any]:
    """Return what a person should know before the keys are destroyed."""
    outcomes = list(current.items.values_list("outcome", flat=True))
    newest = AuditEvent.objects.filter(action="backup.made").values_list("at", flat=True).first()
    return {
        "settled": sum(outcome != "waiting" for outcome in outcomes),
        "total": len(outcomes),
        "not_ended": sum(
            outcome in ("waiting", "by_hand", "still_works", "failed", "not_possible") for outcome in outcomes
        ),
        "unread": open_handovers(client, now=now).count(),
        "newest_backup": newest,
        "backup_is_old": newest is not None and now - newest > timedelta(days=30),
    }


@require_safe
def certificate(request: PageRequest, pk: UUID) -> HttpResponse:
    """Download the certificate as JSON, with its signature."""
    found = _finished(request, pk)
    answer = JsonResponse(
        {"certificate": found.certificate, "signature": found.signature}, json_dumps_params={"indent": 2}
    )
    return _as_file(answer, found, "json")


@require_safe
def certificate_pdf(request: PageRequest, pk: UUID) -> HttpResponse:
    """Download the certificate as PDF."""
    found = _finished(request, pk)
    answer = HttpResponse(as_pdf(found.certificate or {}, found.signature), content_type="application/pdf")
    return _as_file(answer, found, "pdf")


def _finished(request: PageRequest, pk: UUID) -> Offboarding:
    rows = Offboarding.objects.visible_to(request.user).select_related("client")
    found: Offboarding = get_object_or_404(rows, pk=pk)
    if found.stage != Offboarding.Stage.DONE:
        raise Http404
    return found


def _as_file(answer: HttpResponse, found: Offboarding, ending: str) -> HttpResponse:
    answer.headers["Content-Disposition"] = f'attachment; filename="offboarding-{found.client.slug}.{ending}"'
    answer.headers["Cache-Control"] = "no-store, private"
    return answer
