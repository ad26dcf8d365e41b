"""What of the demo leads outward, as far as it goes: a route for alerts, paused, to a host that there is not; and a
token that nobody holds, by which a tool reported errors.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from dashboard.demo_data.webhooks import id_at
from integrations.alerts.kinds import URGENT, WARNING
from integrations.alerts.routes import sealing
from integrations.api import storing
from integrations.api.report import ErrorReport
from integrations.models import AlertDelivery, AlertRoute, ApiToken
from integrations.models.call import Source
from integrations.webhooks.making import new_signing_secret
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from integrations.models import Connection
    from secrets_vault.models import Client

State = AlertDelivery.State
WENT = (
    ("failing", WARNING, "calls through HubSpot fail", 26 * 60, State.SENT, 204),
    ("recovered", WARNING, "calls through HubSpot work again", 25 * 60, State.SENT, 204),
    ("needs_reconnecting", URGENT, "HubSpot must be connected again", 120, State.FAILED, 410),
)
REPORTS = (
    ("Nightly sync", "HubSpot: create a contact", "[429] You have reached your ten secondly limit.", 429),
    ("Nightly sync", "HubSpot: create a contact", "[429] You have reached your ten secondly limit.", 429),
    ("Invoices to Drive", "PDF: render", "Template «invoice-de» has no field «vat_id».", None),
)


def make_route(client: Client, *, now: datetime) -> None:
    """Make a route that is paused, and what went by it before. In the caller's transaction."""
    route = AlertRoute(
        client=client,
        name="DEMO on-call flow",
        channel=AlertRoute.Channel.SIGNED,
        is_paused=True,
        created_at=now - timedelta(days=20),
        last_ok_at=now - timedelta(minutes=25 * 60),
    )
    sealing.seal_address(route, Secret("https://n8n.demo.invalid/webhook/alerts"))
    sealing.seal_signing(route, new_signing_secret())
    route.save(force_insert=True)
    for kind, severity, said, ago_m, state, status in WENT:
        at = now - timedelta(minutes=ago_m)
        AlertDelivery.objects.create(
            id=id_at(at),
            route=route,
            client=client,
            dedupe_key=f"demo:{kind}",
            kind=kind,
            severity=severity,
            subject=f"{client.name}: {said}",
            state=state,
            created_at=at,
            due_at=at,
            attempts=1 if state == State.SENT else 7,
            status=status,
            sent_at=at if state == State.SENT else None,
        )


def make_reports(connection: Connection, *, now: datetime) -> int:
    """Make a token for reports, and reports that came by it; return how many."""
    token = ApiToken.objects.create(
        client=connection.client,
        name="DEMO Make scenarios",
        prefix="kla_DEMO00",
        token_hash=os.urandom(32),  # the hash of nothing: no text opens it
        scopes=[ApiToken.Scope.ERRORS_WRITE],
        tool=Source.MAKE,
        connection=connection,
        last_used_at=now,
        last_used_ip="192.0.2.10",
    )
    for workflow, step, message, status in REPORTS:
        report = ErrorReport(message=message, workflow=workflow, step=step, status=status)
        storing.keep(token, report, now=now, ip="192.0.2.10")
    return len(REPORTS)
