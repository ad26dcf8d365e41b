"""Rotation rules by provider: what the catalogue advises, and what the owner decided instead."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from dashboard.forms import PageForm
from dashboard.names import provider_names
from dashboard.pages.owner import owner_only
from dashboard.render import PageRequest, actor_of, render_page
from integrations import rotation_days
from secrets_vault.models import StoredSecret
from secrets_vault.rotation import DEFAULT_DAYS, RENEWED_BY_MACHINE


class RulesForm(PageForm):
    """One number of days for each provider of which a secret is stored."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        decided = rotation_days.chosen()
        keys = {*_providers_in_use(), *decided}
        names = provider_names(keys)
        for key in sorted(keys, key=lambda key: names[key].casefold()):
            advice = rotation_days.advised(key) or DEFAULT_DAYS
            self.fields[f"days_{key}"] = forms.IntegerField(
                label=names[key],
                required=False,
                min_value=rotation_days.SHORTEST,
                max_value=rotation_days.LONGEST,
                initial=decided.get(key),
                help_text=_("Days. Empty: {advice}, as advised.").format(advice=advice),
            )

    def days(self) -> dict[str, int | None]:
        """Return what was entered, by provider key."""
        return {name.removeprefix("days_"): value for name, value in self.cleaned_data.items()}


def _providers_in_use() -> set[str]:
    rows = StoredSecret.objects.filter(deleted_at=None).exclude(provider_key="").exclude(kind__in=RENEWED_BY_MACHINE)
    return set(rows.order_by().values_list("provider_key", flat=True).distinct())


@owner_only
def rules(request: PageRequest) -> HttpResponse:
    """Show and save the rules."""
    form = RulesForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        rotation_days.choose(form.days(), actor=actor_of(request))
        messages.success(request, _("Saved. A client's or a secret's own rule still comes first."))
        return HttpResponseRedirect(reverse("dashboard:settings_rotation"))
    context = {"tab": "rotation", "form": form, "default": DEFAULT_DAYS}
    return render_page(request, "dashboard/settings/rotation.html", context, status=422 if form.is_bound else 200)
