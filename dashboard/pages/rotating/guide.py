"""One rotation, step by step. The row says where it stands, so the page can be closed and opened again anywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from dashboard.names import name_providers
from dashboard.pages.rotating.forms import NewValueForm
from dashboard.pages.rotating.steps import FAILED, PROVED, TRIED, steps_of
from dashboard.pages.vault.one import manageable_secret
from dashboard.paging import page_of
from dashboard.render import PageRequest, actor_of, render_page
from integrations.connections import BadValue
from integrations.errors import IntegrationError
from integrations.models import SecretRotation
from integrations.providers.registry import ProviderNotFound, get_provider
from integrations.rotating import automatic, guided
from integrations.rotating.trying import NO_PROBE, REFUSED, WORKS
from integrations.rotating.watching import watch
from secrets_vault.access import can_manage
from secrets_vault.errors import VaultError
from secrets_vault.people.step_up import step_up_required
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from django.http import HttpResponse

    from integrations.providers.shape import Provider
    from secrets_vault.access import VisibleQuerySet

TEMPLATE = "dashboard/rotating/guide.html"
Step = SecretRotation.Step


def visible_rotation(request: PageRequest, pk: UUID) -> SecretRotation:
    """Return a rotation this person may look at; anything else is 404."""
    return _found(SecretRotation.objects.visible_to(request.user), pk)


def manageable_rotation(request: PageRequest, pk: UUID) -> SecretRotation:
    """Return a rotation this person may go on with; anything else is 404."""
    return _found(SecretRotation.objects.manageable_by(request.user), pk)


def _found(rows: VisibleQuerySet, pk: UUID) -> SecretRotation:
    loaded = rows.select_related("client", "secret__environment", "secret__current", "secret__client", "connection")
    found: SecretRotation = get_object_or_404(loaded.select_related("old_version", "new_version"), pk=pk)
    return found


def provider_of_secret(rotation: SecretRotation) -> Provider | None:
    """Return the facts of the provider that the secret is for, where they are known."""
    key = rotation.connection.provider_key if rotation.connection else rotation.secret.provider_key
    try:
        return get_provider(key) if key else None
    except ProviderNotFound:
        return None


@login_required
@require_safe
def listing(request: PageRequest) -> HttpResponse:
    """List the rotations, newest first: those under way and those that ended."""
    rows = SecretRotation.objects.visible_to(request.user)
    loaded = rows.select_related("client", "secret__environment", "new_version", "old_version")
    if is_open := request.GET.get("show") == "open":
        loaded = loaded.filter(ended_at=None)
    page = page_of(loaded, request)
    name_providers([row.secret for row in page])
    context = {"page": page, "is_filtered": is_open}
    return render_page(request, "dashboard/rotating/list.html", context, part="rows")


@login_required
@require_POST
def start(request: PageRequest, pk: UUID) -> HttpResponse:
    """Begin the rotation of a secret, or go to the one under way."""
    stored = manageable_secret(request, pk)
    try:
        rotation = guided.start(stored, actor=actor_of(request), now=timezone.now())
    except IntegrationError as refused:
        messages.error(request, str(refused))
        return HttpResponseRedirect(reverse("dashboard:secret", args=[stored.pk]))
    return _to(rotation)


@login_required
@require_safe
def guide(request: PageRequest, pk: UUID) -> HttpResponse:
    """Show the steps; while real calls are watched, htmx asks for that step alone."""
    rotation = visible_rotation(request, pk)
    context = {
        "rotation": rotation,
        "stored": rotation.secret,
        "provider": provider_of_secret(rotation),
        "steps": steps_of(rotation),
        "watched": watch(rotation),
        "failed": FAILED.get(rotation.error_code, FAILED[""]) if rotation.error_code else "",
        "can_manage": can_manage(request.user, rotation.client),
        "again": "again",
        "is_provable": rotation.probe_outcome != NO_PROBE,
    }
    return render_page(request, TEMPLATE, context, part="watched")


@sensitive_post_parameters()
@sensitive_variables("form", "fields")
@login_required
@step_up_required
def store(request: PageRequest, pk: UUID) -> HttpResponse:
    """Take the new value and try it at once. The gateway goes on with the old one."""
    rotation = manageable_rotation(request, pk)
    form = NewValueForm(request.POST or None, stored=rotation.secret)
    if request.method == "POST" and form.is_valid():
        fields = {name: Secret(form.cleaned_data[name]) for name in form.names}
        try:
            guided.keep_new(
                rotation,
                fields,
                actor=actor_of(request),
                now=timezone.now(),
                made_on=form.cleaned_data["made_on"],
                expires_at=form.cleaned_data["expires_at"],
            )
        except BadValue as refused:
            form.add_error(refused.field if refused.field in form.fields else None, f"{refused}.")
        except (IntegrationError, VaultError) as refused:
            form.add_error(None, str(refused))
        else:
            return _do(request, rotation, "probe")
    context = {"form": form, "rotation": rotation, "stored": rotation.secret, "provider": provider_of_secret(rotation)}
    return render_page(request, "dashboard/rotating/store.html", context, status=422 if form.is_bound else 200)


@login_required
@require_POST
def act(request: PageRequest, pk: UUID) -> HttpResponse:
    """Do the step that was asked for: probe, switch, revoked, prove, give_up, undo or again."""
    return _do(request, manageable_rotation(request, pk), request.POST.get("do", ""))


def _do(request: PageRequest, rotation: SecretRotation, name: str) -> HttpResponse:
    step = ACTS.get(name)
    if step is None:
        messages.error(request, _("Nothing was done: there is no such step."))
        return _to(rotation)
    try:
        is_good, words = step(rotation, actor=actor_of(request), now=timezone.now())
    except (IntegrationError, VaultError) as refused:
        messages.error(request, str(refused))
    else:
        (messages.success if is_good else messages.warning)(request, words)
    return _to(rotation)


def _probe(rotation: SecretRotation, **about: Any) -> tuple[bool, str]:
    outcome = guided.try_new(rotation, **about).outcome
    return outcome in (WORKS, NO_PROBE), _("Stored beside the old one. {result}").format(result=TRIED[outcome])


def _switch(rotation: SecretRotation, **about: Any) -> tuple[bool, str]:
    guided.switch(rotation, **about)
    return True, _("Switched. Every call uses the new one from now on; the old one still works.")


def _revoked(rotation: SecretRotation, **about: Any) -> tuple[bool, str]:
    guided.say_revoked(rotation, **about)
    return _prove(rotation, **about)


def _prove(rotation: SecretRotation, **about: Any) -> tuple[bool, str]:
    guided.prove(rotation, **about)
    return rotation.proof in (REFUSED, guided.BY_HAND), str(PROVED[rotation.proof])


def _give_up(rotation: SecretRotation, **about: Any) -> tuple[bool, str]:
    guided.give_up(rotation, **about)
    return True, _(
        "Given up. The one in use was in use all the time. A new one made at the provider still lives there."
    )


def _undo(rotation: SecretRotation, **about: Any) -> tuple[bool, str]:
    guided.undo(rotation, **about)
    return True, _("Undone. The old value is in use again; revoke the new one at the provider.")


def _again(rotation: SecretRotation, **about: Any) -> tuple[bool, str]:
    automatic.again(rotation, now=about["now"])
    automatic.advance(rotation, **about)
    rotation.refresh_from_db()
    words = FAILED.get(rotation.error_code, FAILED[""]) if rotation.error_code else _("It goes on.")
    return not rotation.error_code, str(words)


ACTS: dict[str, Callable[..., tuple[bool, str]]] = {
    "probe": _probe,
    "switch": _switch,
    "revoked": _revoked,
    "prove": _prove,
    "give_up": _give_up,
    "undo": _undo,
    "again": _again,
}


def _to(rotation: SecretRotation) -> HttpResponse:
    return HttpResponseRedirect(reverse("dashboard:rotation", args=[rotation.pk]))
