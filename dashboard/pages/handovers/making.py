"""Making a one-time link: of a secret's values, or of a text. The address is shown once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from dashboard.pages.handovers.forms import HandOutForm, ShareTextForm
from dashboard.pages.vault.one import manageable_secret
from dashboard.render import PageRequest, actor_of, render_page
from integrations.handover import HandoverRefused, hand_out_secret, share_text
from secrets_vault.errors import VaultError
from secrets_vault.models import Client
from secrets_vault.people.step_up import step_up_required
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from django import forms

    from integrations.models import Handover

FRESH = "handover.link"
"""A link's address, kept in the sealed session until it has been shown, once."""
TEMPLATE = "dashboard/handovers/new.html"


@sensitive_post_parameters("passphrase")
@step_up_required
def hand_out(request: PageRequest, pk: UUID) -> HttpResponse:
    """Hand values of a secret out by a one-time link."""
    stored = manageable_secret(request, pk)
    back = reverse("dashboard:secret", args=[stored.pk])
    if stored.current is None or stored.deleted_at is not None or not stored.current.fields.exists():
        messages.error(request, _("There is no value here that could be handed out."))
        return HttpResponseRedirect(back)
    initial = {"chosen": [request.GET.get("field", "")], "label": stored.label, "language": _language(stored.client)}
    form = HandOutForm(request.POST or None, stored=stored, initial=initial)
    context = {"form": form, "stored": stored, "back": back}

    def make() -> tuple[Handover, str]:
        names = form.cleaned_data["chosen"]
        return hand_out_secret(stored, names, form.terms(), actor=actor_of(request), now=timezone.now())

    return _answer(request, form, make, context)


@sensitive_post_parameters("passphrase", "text")
@step_up_required
def share(request: PageRequest) -> HttpResponse:
    """Share a text by a one-time link."""
    if not request.user.is_owner and not Client.objects.manageable_by(request.user).exists():
        raise PermissionDenied
    form = ShareTextForm(request.POST or None, user=request.user, initial={"client": request.GET.get("client", "")})
    context = {"form": form, "back": reverse("dashboard:handovers")}

    def make() -> tuple[Handover, str]:
        data = form.cleaned_data
        text = Secret(data["text"])
        return share_text(text, form.terms(), client=data["client"], actor=actor_of(request), now=timezone.now())

    return _answer(request, form, make, context)


def _language(client: Client | None) -> str:
    return client.language if client is not None else "en"


def _answer(
    request: PageRequest, form: forms.Form, make: Callable[[], tuple[Handover, str]], context: dict[str, Any]
) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        try:
            handover, url = make()
        except (HandoverRefused, VaultError) as refused:
            form.add_error(None, str(refused))
        else:
            keep_fresh(request, [(handover, url)])
            return HttpResponseRedirect(reverse("dashboard:handovers"))
    return render_page(request, TEMPLATE, context, status=422 if form.is_bound else 200)


def keep_fresh(request: PageRequest, made: list[tuple[Handover, str]]) -> None:
    """Keep the addresses of new links for one look."""
    request.session[FRESH] = [{"label": handover.label, "url": url} for handover, url in made]
