"""Who I am here: name, time zone, keys, digest."""

from __future__ import annotations

import zoneinfo
from functools import cache

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.forms import PageModelForm
from dashboard.render import PageRequest, actor_of, render_page
from secrets_vault import audit
from secrets_vault.models import User
from secrets_vault.people.language import shown_to


@cache
def _zones() -> list[str]:
    """Return the zones by name. Finding them opens 600 files, so it is done once."""
    return ["UTC", *sorted(name for name in zoneinfo.available_timezones() if "/" in name and "Etc" not in name)]


class ProfileForm(PageModelForm):
    """What a person may change about themselves."""

    time_zone = forms.ChoiceField(label=gettext_lazy("Time zone"), choices=lambda: [(z, z) for z in _zones()])
    language = forms.ChoiceField(
        label=gettext_lazy("Language"),
        required=False,
        choices=lambda: [*settings.LANGUAGES, ("", _("As my browser says"))],
    )

    class Meta:
        model = User
        fields = ("name", "time_zone", "language", "wants_digest", "has_single_key_shortcuts")
        labels = {
            "name": gettext_lazy("Name"),
            "wants_digest": gettext_lazy("Mail me on Mondays what is due to be rotated"),
            "has_single_key_shortcuts": gettext_lazy("Single keys move and open things (j, k, x, g c, …)"),
        }


def profile(request: PageRequest) -> HttpResponse:
    """Show and save one's own settings."""
    form = ProfileForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            person = form.save()
            audit.record(
                "user.changed", actor=actor_of(request), subject=person, label=person.name, details=_changed(form)
            )
        with translation.override(shown_to(request)):
            messages.success(request, _("Saved."))
        response = HttpResponseRedirect(reverse("dashboard:settings"))
        if "language" in form.changed_data:
            # The choice of the sign-in page was this browser's; from here on it is the person's.
            response.delete_cookie(settings.LANGUAGE_COOKIE_NAME)
        return response
    status = 422 if form.is_bound else 200
    return render_page(request, "dashboard/settings/profile.html", {"form": form, "tab": "profile"}, status=status)


def _changed(form: ProfileForm) -> dict[str, list[str]]:
    return {"changed": sorted(form.changed_data)}
