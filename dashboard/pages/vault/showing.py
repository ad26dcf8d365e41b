"""Showing a value, or copying it unseen: asked for again, written in the book, gone after 30 seconds."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST

from dashboard.pages.vault.one import manageable_secret
from dashboard.render import PageRequest, actor_of, render_page
from secrets_vault import vault
from secrets_vault.errors import Unreadable, VaultError
from secrets_vault.models import SecretVersion, StoredSecret
from secrets_vault.people import login_limits
from secrets_vault.people.step_up import needs_step_up, renew

SHOWN_S = 30
MOST_IN_A_WINDOW = 60


@require_POST
def reveal(request: PageRequest, pk: UUID) -> HttpResponse:
    """Answer with one value, for thirty seconds on the screen."""
    return _answer(request, pk, how=vault.reveal)


@require_POST
def copy(request: PageRequest, pk: UUID) -> HttpResponse:
    """Answer with one value, for the clipboard."""
    return _answer(request, pk, how=vault.copy_value)


@sensitive_variables("value")
def _answer(request: PageRequest, pk: UUID, *, how: object) -> HttpResponse:
    stored = manageable_secret(request, pk)
    if needs_step_up(request):
        return _ask_who(request, stored)
    renew(request)
    field, version = request.POST.get("field", ""), _version(request, stored)
    budget = login_limits.Budget(f"reveal:{request.user.pk}", MOST_IN_A_WINDOW)
    if not login_limits.take(budget, now=timezone.now()):
        return _refuse(request, stored, _("Too many values in a quarter of an hour. Wait a little."), status=429)
    try:
        value = how(stored, field, actor=actor_of(request), version=version)  # type: ignore[operator]
    except Unreadable as refused:
        words = _(
            "This value is unreadable, and is left as it is. {refused} Store it again, or restore a backup."
        ).format(refused=refused)
        return _refuse(request, stored, words, status=409)
    except VaultError as refused:
        return _refuse(request, stored, str(refused), status=409)
    return _show(request, stored, field, value.expose())


def _version(request: PageRequest, stored: StoredSecret) -> SecretVersion | None:
    number = request.POST.get("version", "")
    return get_object_or_404(stored.versions, number=int(number[:9])) if number.isdecimal() else None


def _wants_json(request: PageRequest) -> bool:
    return "application/json" in request.headers.get("Accept", "")


def _ask_who(request: PageRequest, stored: StoredSecret) -> HttpResponse:
    back = urlencode({"next": reverse("dashboard:secret", args=[stored.pk])})
    url = f"{reverse('account_reauthenticate')}?{back}"
    return JsonResponse({"url": url}, status=401) if _wants_json(request) else HttpResponseRedirect(url)


def _refuse(request: PageRequest, stored: StoredSecret, words: str, *, status: int) -> HttpResponse:
    if _wants_json(request):
        return JsonResponse({"message": words}, status=status)
    return render_page(request, "dashboard/vault/shown.html", {"stored": stored, "refused": words}, status=status)


@sensitive_variables("plaintext")
def _show(request: PageRequest, stored: StoredSecret, field: str, plaintext: str) -> HttpResponse:
    if _wants_json(request):
        answer: HttpResponse = JsonResponse({"value": plaintext, "seconds": SHOWN_S})
        answer.headers["Cache-Control"] = "no-store, private"
        return answer
    context = {"stored": stored, "field": field, "plaintext": plaintext, "seconds": SHOWN_S}
    answer = render_page(request, "dashboard/vault/shown.html", context)
    answer.headers["Refresh"] = f"{SHOWN_S};url={reverse('dashboard:secret', args=[stored.pk])}"
    return answer
