"""One client: its tabs. Changing it is in `client_changes.py`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext_lazy

from dashboard.day import hours_of
from dashboard.health import by_trouble, health_of, lightly
from dashboard.names import name_providers
from dashboard.pages.webhooks.state import rows_of
from dashboard.paging import page_of
from dashboard.render import PageRequest, render_page
from dashboard.webhook_needs import webhook_needs
from integrations import rotation_days
from integrations.models import Connection, ErrorGroup, GatewayToken, WebhookEndpoint
from secrets_vault import rotation
from secrets_vault.access import can_manage
from secrets_vault.models import AuditEvent, Client, StoredSecret, User

if TYPE_CHECKING:
    from django.http import HttpResponse

EVENTS = 12
TABS = (
    ("client", gettext_lazy("Overview")),
    ("client_connections", gettext_lazy("Connections")),
    ("client_secrets", gettext_lazy("Secrets")),
    ("client_tokens", gettext_lazy("Gateway tokens")),
    ("client_reporting", gettext_lazy("Reported errors")),
    ("client_webhooks", gettext_lazy("Webhooks")),
    ("client_requests", gettext_lazy("Requests sent")),
    ("client_access", gettext_lazy("Access")),
    ("client_edit", gettext_lazy("Settings")),
    ("client_offboard", gettext_lazy("Off-board")),
)


def find_client(request: PageRequest, slug: str) -> Client:
    """Return a client that this person may look at; for a stranger it does not exist."""
    return get_object_or_404(Client.objects.visible_to(request.user).prefetch_related("environments"), slug=slug)


def tabs_for(client: Client, user: User, current: str) -> dict[str, Any]:
    """Return what the head of each tab needs: the client, the tabs, and whether this person may change it."""
    may_manage = can_manage(user, client)
    shown = [(name, label) for name, label in TABS if name != "client_edit" or may_manage]
    return {"client": client, "tabs": shown, "current": current, "can_manage": may_manage}


@login_required
def overview(request: PageRequest, slug: str) -> HttpResponse:
    """Show how a client is doing, on a page that can be shared on a screen: no secrets, nobody else's name."""
    client = find_client(request, slug)
    now = timezone.now()
    context = tabs_for(client, request.user, "client") | {
        "health": health_of([client], request.user)[client.pk],
        "hours": hours_of([client.pk], now=now)[client.pk],
        "groups": ErrorGroup.objects.filter(client_id=client.pk, last_seen_at__gte=now - timedelta(days=7))[:5],
        "due": secrets_due(client, request.user)[:5],
        "needs": [waiting.words() for waiting in webhook_needs(request.user, now=now, client=client)],
    }
    return render_page(request, "dashboard/client.html", context)


def secrets_due(client: Client, user: User) -> list[tuple[StoredSecret, rotation.Due | None]]:
    """Return a client's secrets with their due dates, soonest first; those never rotated by a person come last."""
    today = timezone.localdate()
    rows = StoredSecret.objects.visible_to(user).filter(client=client, deleted_at=None)
    loaded = rows.select_related("client", "environment", "current", "owner").exclude(kind=StoredSecret.Kind.SYSTEM)
    days = rotation_days.by_provider()
    dated = [(stored, rotation.due(stored, today, provider_days=days)) for stored in name_providers(loaded)]
    return sorted(dated, key=lambda row: (row[1] is None, row[1].on if row[1] else today, row[0].label))


@login_required
def connections(request: PageRequest, slug: str) -> HttpResponse:
    """List a client's connections, the troubled first."""
    client = find_client(request, slug)
    rows = name_providers(lightly(Connection.objects.visible_to(request.user).filter(client=client)))
    context = tabs_for(client, request.user, "client_connections") | {"connections": sorted(rows, key=by_trouble)}
    return render_page(request, "dashboard/client_connections.html", context)


@login_required
def secrets(request: PageRequest, slug: str) -> HttpResponse:
    """List a client's stored secrets by when they are due; never a value."""
    client = find_client(request, slug)
    context = tabs_for(client, request.user, "client_secrets") | {"secrets": secrets_due(client, request.user)}
    return render_page(request, "dashboard/client_secrets.html", context)


@login_required
def tokens(request: PageRequest, slug: str) -> HttpResponse:
    """List what a client's automations hold instead of credentials."""
    client = find_client(request, slug)
    rows = GatewayToken.objects.visible_to(request.user).filter(client=client).prefetch_related("connections")
    context = tabs_for(client, request.user, "client_tokens") | {"page": page_of(rows, request)}
    return render_page(request, "dashboard/client_tokens.html", context, part="list")


@login_required
def webhooks(request: PageRequest, slug: str) -> HttpResponse:
    """List the addresses that vendors post a client's events to."""
    client = find_client(request, slug)
    rows = WebhookEndpoint.objects.visible_to(request.user).filter(client=client)
    page = page_of(rows.select_related("client", "environment", "secret__current"), request)
    shown = {"page": page, "rows": rows_of(page.rows, now=timezone.now()), "today": timezone.localdate()}
    context = tabs_for(client, request.user, "client_webhooks") | shown
    return render_page(request, "dashboard/client_webhooks.html", context, part="list")


@login_required
def access(request: PageRequest, slug: str) -> HttpResponse:
    """Say who may see this client, and what was done lately."""
    client = find_client(request, slug)
    members = client.memberships.select_related("user").order_by("user__name")
    context = tabs_for(client, request.user, "client_access") | {
        "members": members,
        "owners": User.objects.filter(is_owner=True, is_active=True),
        "events": AuditEvent.objects.visible_to(request.user).filter(client_id=client.pk)[:EVENTS],
    }
    return render_page(request, "dashboard/client_access.html", context)
