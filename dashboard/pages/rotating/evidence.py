"""What remains of a rotation: who did what and when, fingerprints and statuses. As a page, JSON and CSV."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from dashboard.csv import csv_response
from dashboard.pages.rotating.guide import visible_rotation
from dashboard.pages.rotating.steps import PROVED, TRIED
from dashboard.render import PageRequest, render_page
from integrations.rotating.evidence import events_of, evidence_of, signed_evidence_of

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase


HEADER = ("at", "action", "by", "details", "seq", "hash")


@login_required
@require_safe
def evidence(request: PageRequest, pk: UUID) -> HttpResponseBase:
    """Show the evidence, or hand it out as a file."""
    rotation = visible_rotation(request, pk)
    found, name = evidence_of(rotation), f"rotation-{rotation.pk}"
    wanted = request.GET.get("format")
    if wanted == "json":
        headers = {"Content-Disposition": f'attachment; filename="{name}.json"', "Cache-Control": "no-store, private"}
        signed = json.dumps(signed_evidence_of(rotation), indent=2)
        return HttpResponse(signed, content_type="application/json", headers=headers)
    if wanted == "csv":
        return csv_response(name, HEADER, (_row(event) for event in found["events"]))
    words = {"tried": TRIED.get(rotation.probe_outcome, ""), "proved": PROVED.get(rotation.proof, "")}
    events = [(event, bytes(event.hash).hex()[:16]) for event in events_of(rotation)]
    context = {"rotation": rotation, "stored": rotation.secret, "found": found, "events": events, **words}
    return render_page(request, "dashboard/rotating/evidence.html", context)


def _row(event: dict[str, Any]) -> tuple[object, ...]:
    return tuple(json.dumps(event[name]) if name == "details" else event[name] for name in HEADER)
