"""One secret: what is known about it, its versions, who used it; and the acts upon it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib import messages
from django.db.models import Prefetch, Q
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dashboard.need import url_of
from dashboard.pages.connection.callers import Caller, callers_of
from dashboard.pages.vault.forms import ReplaceForm, SecretDetailsForm
from dashboard.render import PageRequest, actor_of, render_page
from integrations.models import AutomaticRotation, Connection, WebhookEndpoint, WebhookTarget
from integrations.rotating import automatic, guided
from secrets_vault import vault
from secrets_vault.access import can_manage
from secrets_vault.errors import VaultError
from secrets_vault.models import AuditEvent, SecretVersion, StoredSecret
from secrets_vault.people.step_up import step_up_required

if TYPE_CHECKING:
    from secrets_vault.models import User

MOST_SHOWN = 5


def visible_secret(request: PageRequest, pk: UUID) -> StoredSecret:
    """Return a secret this person may look at; anything else is 404."""
    rows = StoredSecret.objects.visible_to(request.user).exclude(kind=StoredSecret.Kind.SYSTEM)
    return get_object_or_404(rows.select_related("client", "environment", "current", "owner"), pk=pk)


def manageable_secret(request: PageRequest, pk: UUID) -> StoredSecret:
    """Return a secret this person may change, use or reveal; anything else is 404."""
    rows = StoredSecret.objects.manageable_by(request.user).exclude(kind=StoredSecret.Kind.SYSTEM)
    return get_object_or_404(rows.select_related("client", "environment", "current"), pk=pk)


def secret(request: PageRequest, pk: UUID) -> HttpResponse:
    """Show one secret. No value is opened."""
    stored = visible_secret(request, pk)
    context = {
        "stored": stored,
        "fields": stored.current.fields.all() if stored.current else [],
        "versions": _versions(stored),
        "same": _same_elsewhere(stored, request.user),
        "connections": (used_in := list(stored.connections.select_related("environment"))),
        "callers": _callers(used_in),
        "endpoints": _endpoints(stored),
        "previous_until": _previous_until(stored) if stored.kind == StoredSecret.Kind.WEBHOOK_SECRET else None,
        "events": AuditEvent.objects.visible_to(request.user).filter(object_id=str(stored.pk))[:20],
        "can_use": can_manage(request.user, stored.client) and stored.deleted_at is None,
        "can_rotate": guided.can_rotate(stored),
        "rotation": guided.under_way(stored),
        "driver": (driver := automatic.driver_of(stored)),
        "driver_ends_old": automatic.ends_old_at_once(driver),
        "is_automatic": AutomaticRotation.objects.filter(secret=stored).exists(),
        "today": timezone.localdate(),
    }
    return render_page(request, "dashboard/vault/one.html", context)


def _callers(connections: list[Connection]) -> list[tuple[Connection, list[Caller]]]:
    """Return who called with this secret in the last seven days, of its first connections."""
    now = timezone.now()
    found = [(each, callers_of(each, list(each.gateway_tokens.all()), now=now)) for each in connections[:MOST_SHOWN]]
    return [(each, callers) for each, callers in found if callers]


def _uses_of(stored: StoredSecret) -> list[str]:
    """Name the connections that send it or sign with it, and the OAuth apps whose proof it is."""
    using = (stored.connections, stored.granted_connections, stored.connections_beside)
    slugs = [slug for rows in using for slug in rows.values_list("slug", flat=True)[:5]]
    return [*slugs, *stored.oauth_apps.values_list("name", flat=True)[:5]]


def _endpoints(stored: StoredSecret) -> list[tuple[WebhookEndpoint, str]]:
    """Return the webhook endpoints that verify with the secret, or sign with it what they hand on, with their pages."""
    if stored.kind != StoredSecret.Kind.WEBHOOK_SECRET:
        return []
    ids = WebhookTarget.objects.filter(signing_secret=stored).values("endpoint")
    rows = WebhookEndpoint.objects.filter(Q(secret=stored) | Q(pk__in=ids))
    return [(endpoint, url_of("webhook", endpoint.slug)) for endpoint in rows]


def _previous_until(stored: StoredSecret) -> datetime | None:
    """Return until when the version before still verifies, None when it does not."""
    rolling = stored.webhook_endpoints.filter(previous_until__gt=timezone.now()).order_by("-previous_until")
    found: datetime | None = rolling.values_list("previous_until", flat=True).first()
    return found


def _versions(stored: StoredSecret) -> list[SecretVersion]:
    rows = stored.versions.select_related("created_by").prefetch_related(Prefetch("fields"))
    return list(rows[:50])


def _same_elsewhere(stored: StoredSecret, user: User) -> list[StoredSecret]:
    """Return the other secrets with an equal value, as far as this person may see them."""
    rows = vault.same_value(stored).visible_to(user)
    return list({row.version.secret_id: row.version.secret for row in rows[:50]}.values())


@step_up_required
def replace(request: PageRequest, pk: UUID) -> HttpResponse:
    """Store a new version: the value as it is now at the provider."""
    stored = manageable_secret(request, pk)
    form = ReplaceForm(request.POST or None, stored=stored, user=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            form.save(actor=actor_of(request))
        except VaultError as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(
                request,
                _("{label}: the new version is in use. The old one stays restorable.").format(label=stored.label),
            )
            return HttpResponseRedirect(reverse("dashboard:secret", args=[stored.pk]))
    context = {"form": form, "stored": stored}
    return render_page(request, "dashboard/vault/replace.html", context, status=422 if form.is_bound else 200)


def edit(request: PageRequest, pk: UUID) -> HttpResponse:
    """Change what is known about a secret: name, owner, where it is used, how often it is due."""
    stored = manageable_secret(request, pk)
    form = SecretDetailsForm(request.POST or None, stored=stored)
    if request.method == "POST" and form.is_valid():
        vault.describe(stored, actor=actor_of(request), **form.cleaned_data)
        messages.success(request, _("{label} is saved.").format(label=stored.label))
        return HttpResponseRedirect(reverse("dashboard:secret", args=[stored.pk]))
    context = {"form": form, "stored": stored}
    return render_page(request, "dashboard/vault/edit.html", context, status=422 if form.is_bound else 200)


@require_POST
def restore(request: PageRequest, pk: UUID, number: int) -> HttpResponse:
    """Make an old version's values current again, as a new version."""
    stored = manageable_secret(request, pk)
    return _do(
        request, stored, _("{label} is restored."), lambda: vault.restore(stored, number, actor=actor_of(request))
    )


@require_POST
def promote(request: PageRequest, pk: UUID, number: int) -> HttpResponse:
    """Make a waiting version the current one."""
    stored = manageable_secret(request, pk)
    version: SecretVersion = get_object_or_404(stored.versions, number=number)
    return _do(request, stored, _("{label} is in use."), lambda: vault.promote(version, actor=actor_of(request)))


@require_POST
@step_up_required
def delete(request: PageRequest, pk: UUID) -> HttpResponse:
    """Put a secret aside. It is out of use at once and can be brought back."""
    stored = manageable_secret(request, pk)
    used_by = ", ".join(_uses_of(stored)[:5])
    endpoints = ", ".join(str(endpoint) for endpoint, _url in _endpoints(stored)[:5])
    if endpoints:
        said = _("{label} is used by the webhook endpoint {used_by}. Give it another secret first, or remove it there.")
        messages.error(request, said.format(label=stored.label, used_by=endpoints))
        return HttpResponseRedirect(reverse("dashboard:secret", args=[stored.pk]))
    if used_by:
        messages.error(
            request,
            _("{label} is used by {used_by}. Disconnect there first.").format(label=stored.label, used_by=used_by),
        )
        return HttpResponseRedirect(reverse("dashboard:secret", args=[stored.pk]))
    return _do(
        request,
        stored,
        _("{label} is deleted. You can bring it back."),
        lambda: vault.delete(stored, actor=actor_of(request)),
    )


@require_POST
def undelete(request: PageRequest, pk: UUID) -> HttpResponse:
    """Bring a deleted secret back."""
    stored = manageable_secret(request, pk)
    return _do(request, stored, _("{label} is back."), lambda: vault.undelete(stored, actor=actor_of(request)))


def _do(request: PageRequest, stored: StoredSecret, words: str, act: object) -> HttpResponse:
    try:
        act()  # type: ignore[operator]
    except VaultError as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, words.format(label=stored.label))
    return HttpResponseRedirect(reverse("dashboard:secret", args=[stored.pk]))
