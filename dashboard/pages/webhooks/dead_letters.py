"""Dead letters: deliveries that were given up, over all endpoints, and the targets that do not answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from dashboard.choosing import chosen_ids
from dashboard.counting import MOST_COUNTED, count_to_most
from dashboard.forms import FilterForm
from dashboard.pages.webhooks.replaying import carry_out, show_plan
from dashboard.paging import page_of
from dashboard.render import PageRequest, actor_of, render_page
from integrations.models import WebhookDelivery, WebhookEndpoint, WebhookTarget
from integrations.webhooks import dead
from integrations.webhooks.bulk import Selection
from integrations.webhooks.forward import NotSendable, send_now
from integrations.webhooks.outcome import sentence

if TYPE_CHECKING:
    from django.http import HttpResponse

    from secrets_vault.access import VisibleQuerySet

State = WebhookDelivery.State
TEMPLATE = "dashboard/webhooks/dead_letters.html"
BULK = [("plan", gettext_lazy("Send again")), ("discard", gettext_lazy("Discard"))]
MOST_TROUBLED = 20


class LetterFilter(FilterForm):
    """Which target, or which endpoint."""

    target = forms.ChoiceField(label=gettext_lazy("Target"), required=False)
    endpoint = forms.ChoiceField(label=gettext_lazy("Endpoint"), required=False)

    def offer(self, letters: VisibleQuerySet) -> None:
        """Put what there is into the form, with its counts."""
        about = ("target_id", "target__name", "target__url_masked", "endpoint_id", "endpoint__name", "endpoint__slug")
        targets: dict[str, str] = {}
        endpoints: dict[str, list[Any]] = {}
        counted = letters.order_by().values_list(*about).annotate(n=Count("pk"))
        for target_id, name, url, endpoint_id, endpoint_name, slug, n in counted:
            targets[str(target_id)] = f"{name or url} ({n})"
            known = endpoints.setdefault(str(endpoint_id), [endpoint_name or slug, 0])
            known[1] += n
        named = [(pk, f"{name} ({n})") for pk, (name, n) in endpoints.items()]
        self.fields["target"].choices = [("", _("Every target")), *sorted(targets.items(), key=_by_name)]  # type: ignore[attr-defined]
        self.fields["endpoint"].choices = [("", _("Every endpoint")), *sorted(named, key=_by_name)]  # type: ignore[attr-defined]


def _by_name(choice: tuple[str, str]) -> str:
    return choice[1].lower()


@login_required
@require_safe
def dead_letters(request: PageRequest) -> HttpResponse:
    """List what was given up, newest first, and the targets that do not answer."""
    mine = WebhookDelivery.objects.visible_to(request.user).filter(state=State.DEAD)
    filters = LetterFilter(request.GET)
    filters.offer(mine)
    chosen = filters.chosen()
    rows = _narrowed(dead.letters(request.user), chosen)
    page = page_of(rows.defer("target__url_sealed"), request)
    manageable = WebhookEndpoint.objects.manageable_by(request.user)
    context = {
        "filters": filters,
        "is_filtered": bool(chosen),
        "page": page,
        "letters": _worded(page.rows),
        "count": count_to_most(rows),
        "manageable": set(
            manageable.filter(pk__in={row.endpoint_id for row in page.rows}).values_list("pk", flat=True)
        ),
        "troubled": _troubled(request),
        "bulk": BULK,
        "chosen": chosen,
        "now": timezone.now(),
    }
    return render_page(request, TEMPLATE, context, part="rows")


def _narrowed(rows: VisibleQuerySet, chosen: dict[str, Any]) -> VisibleQuerySet:
    wanted = {f"{name}_id": chosen[name] for name in ("target", "endpoint") if name in chosen}
    return rows.filter(**wanted)


def _worded(letters: list[Any]) -> list[Any]:
    for letter in letters:
        letter.why = sentence(letter.last_error, letter.last_status)
    return letters


def _troubled(request: PageRequest) -> list[Any]:
    """Return the targets whose breaker is open, with how much waits for each."""
    rows = WebhookTarget.objects.visible_to(request.user).exclude(breaker_state=WebhookTarget.Breaker.CLOSED)
    found: list[Any] = list(rows.select_related("endpoint__client").defer("url_sealed")[:MOST_TROUBLED])
    waiting = WebhookDelivery.objects.filter(target__in=[target.pk for target in found], state=State.WAITING)
    counts = dict(waiting.order_by().values_list("target").annotate(n=Count("pk")))
    mine = WebhookTarget.objects.manageable_by(request.user).filter(pk__in=[target.pk for target in found])
    manageable = set(mine.values_list("pk", flat=True)) if found else set()
    for target in found:
        target.waiting, target.can_try = counts.get(target.pk, 0), target.pk in manageable
    return found


@login_required
@require_POST
def settle(request: PageRequest) -> HttpResponse:
    """Send again or discard what was chosen; `all` means all that the filter shows."""
    do, reason = request.POST.get("do", ""), request.POST.get("reason", "").strip()
    rows = WebhookDelivery.objects.manageable_by(request.user).filter(state=State.DEAD)
    ids = None if request.POST.get("all") == "yes" else tuple(chosen_ids(request))
    filters = LetterFilter(request.POST)
    filters.offer(rows)
    chosen = filters.chosen()
    rows = _narrowed(rows, chosen) if ids is None else rows.filter(pk__in=ids)
    back = reverse("dashboard:webhooks_dead")
    if ids == ():
        messages.error(request, _("Choose at least one delivery."))
    elif do == "discard":
        _discard(request, rows, reason)
    elif do == "replay":
        carry_out(request, _selections(rows, chosen, ids=ids))
    elif do == "plan":
        fields = {"all": ["yes"], **{name: [str(value)] for name, value in chosen.items()}}
        sent = fields if ids is None else {"chosen": [str(pk) for pk in ids]}
        return show_plan(request, _selections(rows, chosen, ids=ids), url=request.path, back=back, fields=sent)
    else:
        messages.error(request, _("Choose what to do with them."))
    return HttpResponseRedirect(back)


def _selections(rows: VisibleQuerySet, chosen: dict[str, Any], *, ids: tuple[UUID, ...] | None) -> list[Selection]:
    """Return one selection for each endpoint that is concerned."""
    endpoints = WebhookEndpoint.objects.filter(pk__in=rows.order_by().values("endpoint_id")).select_related("client")
    target = WebhookTarget.objects.filter(pk=chosen["target"]).first() if ids is None and "target" in chosen else None
    return [Selection(endpoint=endpoint, target=target, ids=ids) for endpoint in endpoints]


def _discard(request: PageRequest, rows: VisibleQuerySet, reason: str) -> None:
    if not reason:
        messages.error(request, _("Say why they shall not be sent."))
        return
    count = dead.discard(rows.order_by("pk")[:MOST_COUNTED], actor=actor_of(request), reason=reason, now=timezone.now())
    messages.success(request, ngettext("{n} delivery discarded.", "{n} deliveries discarded.", count).format(n=count))


@login_required
@require_POST
def try_target(request: PageRequest, pk: UUID) -> HttpResponse:
    """Send a target that does not answer the oldest delivery that waits for it, at once."""
    target = get_object_or_404(WebhookTarget.objects.manageable_by(request.user), pk=pk)
    waiting = WebhookDelivery.objects.filter(target=target, state__in=(State.WAITING, State.DEAD))
    oldest = waiting.select_related("event", "target", "endpoint").order_by("-state", "pk").first()
    back = HttpResponseRedirect(reverse("dashboard:webhooks_dead"))
    if oldest is None:
        messages.error(request, _("Nothing waits for this target: the next event tries it."))
        return back
    try:
        attempt = send_now(oldest, actor=actor_of(request))
    except NotSendable as why:
        messages.error(request, str(why))
        return back
    is_good = attempt.status is not None and attempt.status < 300 and not attempt.error
    (messages.success if is_good else messages.warning)(request, sentence(attempt.error, attempt.status))
    return back
