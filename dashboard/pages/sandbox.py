"""The sandbox: three providers on this machine, the troubles they can be put in, and the webhooks they send."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from dashboard.need import url_of
from dashboard.render import PageRequest, actor_of, render_page
from integrations import sandbox_control
from integrations.sandbox_control import HOOKS, TROUBLES, SandboxFailed
from integrations.sandbox_control.facts import KEYS, NAMES
from secrets_vault.access import can_manage

if TYPE_CHECKING:
    from django.http import HttpResponse

SHOWN_KEYS = {
    "openai_api_key": gettext_lazy("API key of OpenAI (sandbox)"),
    "stripe_api_key": gettext_lazy("API key of Stripe (sandbox)"),
}


@login_required
@require_http_methods(["GET", "POST"])
def sandbox(request: PageRequest) -> HttpResponse:
    """Show the panel; start, stop or trouble the sandbox. It belongs to the agency: only an owner finds it."""
    if not can_manage(request.user, None):
        raise Http404
    if request.method == "POST":
        _act(request)
        return redirect("dashboard:sandbox")
    found = sandbox_control.status()
    context = {
        "found": found,
        "troubles": TROUBLES,
        "hooks": HOOKS,
        "webhooks_url": url_of("webhooks"),
        "providers": [(KEYS[name], NAMES[name]) for name in KEYS],
        "keys": [(name, label, found.keys[name]) for name, label in SHOWN_KEYS.items() if name in found.keys],
    }
    return render_page(request, "dashboard/sandbox.html", context)


def _act(request: PageRequest) -> None:
    actor, wanted = actor_of(request), request.POST.get("do", "")
    try:
        if wanted == "start":
            sandbox_control.start(actor)
            messages.success(request, _("The sandbox runs. Its three providers can be chosen when you connect."))
        elif wanted == "stop":
            sandbox_control.stop(actor)
            messages.success(request, _("The sandbox was stopped."))
        elif wanted in TROUBLES:
            made = sandbox_control.trouble(wanted, actor=actor)
            messages.success(request, f"{made.words}. {made.next}")
        elif wanted in HOOKS:
            hook = sandbox_control.send(wanted, actor=actor)
            messages.success(request, _("Sent. {next}").format(next=hook.next))
        else:
            messages.error(request, _("Choose one of the buttons."))
    except SandboxFailed as error:
        messages.error(request, str(error))
