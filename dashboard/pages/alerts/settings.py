"""Settings, Alerts: one's own hours, and the routes that one may manage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from dashboard.pages.alerts.forms import HoursForm
from dashboard.render import PageRequest, render_page
from integrations.alerts import can_mail
from integrations.models import AlertHours, AlertRoute
from secrets_vault.models import Client

if TYPE_CHECKING:
    from django.http import HttpResponse


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def alerts(request: PageRequest) -> HttpResponse:
    """Show and save one's own hours; list where else alerts go."""
    own = AlertHours.objects.filter(pk=request.user.pk).first() or AlertHours(user=request.user)
    form = HoursForm(request.POST or None, instance=own)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return HttpResponseRedirect(reverse("dashboard:settings_alerts"))
    status = 422 if form.is_bound else 200
    context = {"tab": "alerts", "form": form, "can_mail": can_mail()} | _routes(request)
    return render_page(request, "dashboard/alerts/settings.html", context, status=status)


def _routes(request: PageRequest) -> dict[str, Any]:
    rows = AlertRoute.objects.manageable_by(request.user).select_related("client", "connection")
    chosen = Client.objects.visible_to(request.user).filter(slug=request.GET.get("client", "")).first()
    if chosen is not None:
        rows = rows.filter(client=chosen)
    may_add = request.user.is_owner or Client.objects.manageable_by(request.user).exists()
    return {"routes": list(rows), "chosen": chosen, "may_add": may_add}
