"""Who I am here: name, time zone, keys, digest."""

from __future__ import annotations

import zoneinfo

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse

from dashboard.forms import PageModelForm
from dashboard.render import PageRequest, actor_of, render_page
from secrets_vault import audit
from secrets_vault.models import User


class ProfileForm(PageModelForm):
    """What a person may change about themselves."""

    time_zone = forms.ChoiceField(label="Time zone", choices=lambda: [(z, z) for z in _zones()])

    class Meta:
        model = User
        fields = ("name", "time_zone", "wants_digest", "has_single_key_shortcuts")
        labels = {
            "wants_digest": "Mail me on Mondays what is due to be rotated",
            "has_single_key_shortcuts": "Single keys move and open things (j, k, x, g c, …)",
        }


def _zones() -> list[str]:
    return ["UTC", *sorted(name for name in zoneinfo.available_timezones() if "/" in name and "Etc" not in name)]


def profile(request: PageRequest) -> HttpResponse:
    """Show and save one's own settings."""
    form = ProfileForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            person = form.save()
            audit.record(
                "user.changed", actor=actor_of(request), subject=person, label=person.name, details=_changed(form)
            )
        messages.success(request, "Saved.")
        return HttpResponseRedirect(reverse("dashboard:settings"))
    status = 422 if form.is_bound else 200
    return render_page(request, "dashboard/settings/profile.html", {"form": form, "tab": "profile"}, status=status)


def _changed(form: ProfileForm) -> dict[str, list[str]]:
    return {"changed": sorted(form.changed_data)}
