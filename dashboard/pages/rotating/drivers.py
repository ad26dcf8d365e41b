"""Rotation by the provider's API: now, or always when a secret is due."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dashboard.pages.rotating.steps import FAILED
from dashboard.pages.vault.one import manageable_secret
from dashboard.render import PageRequest, actor_of
from integrations.errors import IntegrationError
from integrations.rotating import automatic as by_driver
from integrations.rotating import schedule
from secrets_vault.people.step_up import step_up_required

if TYPE_CHECKING:
    from django.http import HttpResponse

    from secrets_vault.models import StoredSecret


@login_required
@require_POST
@step_up_required
def rotate_now(request: PageRequest, pk: UUID) -> HttpResponse:
    """Begin, and do at once what can be done at once."""
    stored, now = manageable_secret(request, pk), timezone.now()
    try:
        rotation = by_driver.begin(stored, actor=actor_of(request), now=now)
    except IntegrationError as refused:
        messages.error(request, str(refused))
        return _back(stored)
    by_driver.advance(rotation, now=now, actor=actor_of(request))
    rotation.refresh_from_db()
    if rotation.error_code:
        messages.error(request, str(FAILED.get(rotation.error_code, FAILED[""])))
    return HttpResponseRedirect(reverse("dashboard:rotation", args=[rotation.pk]))


@login_required
@require_POST
@step_up_required
def automatic(request: PageRequest, pk: UUID) -> HttpResponse:
    """Switch automatic rotation on or off for one secret."""
    stored = manageable_secret(request, pk)
    if request.POST.get("on") != "yes":
        schedule.switch_off(stored, actor=actor_of(request))
        messages.success(request, _("From now on a person decides when it is rotated."))
        return _back(stored)
    try:
        schedule.switch_on(stored, actor=actor_of(request), now=timezone.now())
    except IntegrationError:
        messages.error(request, _("No API of the provider rotates {label}.").format(label=stored.label))
    else:
        messages.success(request, _("It is rotated by itself when it is due. You hear about it if it stands still."))
    return _back(stored)


def _back(stored: StoredSecret) -> HttpResponse:
    return HttpResponseRedirect(reverse("dashboard:secret", args=[stored.pk]))
