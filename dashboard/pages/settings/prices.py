"""What models cost: the list that comes with Keylodge, the agency's own prices, and models that have none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from dashboard.forms import PageForm
from dashboard.names import provider_names
from dashboard.pages.limits.money_forms import DollarField, typed_dollars
from dashboard.pages.owner import owner_only
from dashboard.paging import page_of
from dashboard.render import PageRequest, actor_of, render_page
from integrations.models import Connection, SpendDay
from integrations.usage.prices import PARTS, listed, own_prices, remove_price, set_price
from integrations.usage.used import MODEL

UNPRICED_DAYS = 30
MOST_UNPRICED = 20
MOST_READ = 2000


class PriceForm(PageForm):
    """A model and what a million of its tokens cost."""

    provider = forms.ChoiceField(label=gettext_lazy("Provider"))
    model = forms.RegexField(
        rf"\A(?:{MODEL.pattern})\Z", label=gettext_lazy("Model"), max_length=120, strip=True,
        help_text=gettext_lazy("As answers name it, for example gpt-5.4-mini."),
        error_messages={"invalid": gettext_lazy("Letters, digits and . - _ : / @ + only.")},
    )  # fmt: skip
    input = DollarField(label=gettext_lazy("Input, US dollars for a million tokens"))
    cached = DollarField(label=gettext_lazy("Input from a cache"))
    written = DollarField(label=gettext_lazy("Written to a cache"))
    written_long = DollarField(label=gettext_lazy("Written to a cache for an hour"))
    output = DollarField(label=gettext_lazy("Output"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        keys = set(Connection.objects.order_by().values_list("provider_key", flat=True).distinct())
        names = provider_names(keys | {provider for provider, _model in listed()})
        choices = sorted(names.items(), key=lambda row: row[1].casefold())
        self.fields["provider"].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Ask for one price at least."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors and all(data.get(part) is None for part in PARTS):
            self.add_error("input", _("Give at least one price."))
        return data


@owner_only
def prices(request: PageRequest) -> HttpResponse:
    """Show every price; POST sets one of the agency's own."""
    form = PriceForm(request.POST or None, initial=_initial(request))
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        amounts = {part: data[part] for part in PARTS}
        set_price(data["provider"], data["model"], amounts, user=request.user, actor=actor_of(request))
        messages.success(request, _("{model} has your price from the next call on.").format(model=data["model"]))
        return HttpResponseRedirect(reverse("dashboard:settings_prices"))
    page = page_of(own_prices(), request)
    unpriced = _unpriced(request)
    shown = [*page.rows, *unpriced]
    names = provider_names({row.provider_key for row in page.rows} | {key for key, _m, _n in unpriced}) if shown else {}
    context = {
        "tab": "prices",
        "form": form,
        "page": page,
        "rows": [(row, names[row.provider_key], [typed_dollars(getattr(row, f"{p}_nano")) for p in PARTS])
                 for row in page.rows],
        "unpriced": [(key, names[key], model, calls) for key, model, calls in unpriced],
        "listed": _listed(),
    }  # fmt: skip
    return render_page(request, "dashboard/settings/prices.html", context, status=422 if form.is_bound else 200)


@owner_only
@require_POST
def remove(request: PageRequest, pk: Any) -> HttpResponse:
    """Take one of the agency's own prices away: the list holds again, where it has the model."""
    row = get_object_or_404(own_prices(), pk=pk)
    remove_price(row, actor=actor_of(request))
    messages.success(request, _("Your price of {model} is gone.").format(model=row.model))
    return HttpResponseRedirect(reverse("dashboard:settings_prices"))


def _initial(request: PageRequest) -> dict[str, str]:
    return {name: request.GET[name][:120] for name in ("provider", "model") if name in request.GET}


def _unpriced(request: PageRequest) -> Sequence[tuple[str, str, int]]:
    """Return the models that were called lately and have no price, most calls first: provider, model, calls."""
    since = (timezone.now() - timedelta(days=UNPRICED_DAYS)).date()
    days = SpendDay.objects.visible_to(request.user).filter(day__gte=since, unpriced_calls__gt=0)
    rows = list(days.values_list("connection_id", "model", "unpriced_calls").order_by()[:MOST_READ])
    keys = dict(Connection.objects.filter(pk__in={row[0] for row in rows}).values_list("pk", "provider_key"))
    sums: dict[tuple[str, str], int] = {}
    for pk, model, calls in rows:
        if pk in keys and model:
            sums[keys[pk], model] = sums.get((keys[pk], model), 0) + calls
    return sorted(((*key, calls) for key, calls in sums.items()), key=lambda row: -row[2])[:MOST_UNPRICED]


def _listed() -> list[tuple[str, Any]]:
    """Return the list that comes with Keylodge, with the providers' names."""
    lines = {id(line): line for line in listed().values()}.values()
    names = provider_names({line.provider for line in lines})
    return [(names[line.provider], line) for line in lines]
