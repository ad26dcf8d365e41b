"""What is kept of a report: each text masked before anything is stored, by its shape and by all the client holds."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from integrations.api.report import ErrorReport
from integrations.call_log.known import ClientValues
from integrations.call_log.rows import MAX_PATH, masker_for, storable
from secrets_vault.masking import Masker, mask_path, mask_text, mask_url

MAX_MESSAGE = 2_000
MAX_URL = 500
_client_values = ClientValues()
_one_at_a_time = threading.Lock()  # the automata are made for one thread, and pages run in several


@dataclass(frozen=True, slots=True)
class Masked:
    """The texts of a report, masked and bounded."""

    message: str
    workflow: str
    workflow_url: str
    step: str
    execution_url: str
    code: str
    host: str
    path: str
    request: str
    response: str


def masked(report: ErrorReport, *, client_id: UUID) -> Masked:
    """Return the report's texts masked. Raises DatabaseError or VaultError: without the values nothing may be kept."""
    masker = _masker(client_id)
    parts = urlsplit(report.url or "")
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return Masked(
        message=_text(report.message, masker)[:MAX_MESSAGE],
        workflow=_text(report.workflow, masker)[:200],
        workflow_url=_url(report.workflow_url, masker),
        step=_text(report.step, masker)[:200],
        execution_url=_url(report.execution_url, masker),
        code=_text(report.code, masker)[:200],
        host=_text(parts.hostname or "", masker)[:255],
        path=storable(mask_path(path, masker, host=parts.hostname or ""))[:MAX_PATH],
        request=_body(report.request_excerpt, masker),
        response=_body(report.response_excerpt, masker),
    )


def _masker(client_id: UUID) -> Masker:
    with _one_at_a_time:
        values = _client_values.of([client_id])[client_id]
        _client_values.trim()
    return masker_for((), values)


def _text(text: str, masker: Masker) -> str:
    return storable(mask_text(text, known=masker)) if text else ""


def _url(url: str | None, masker: Masker) -> str:
    return storable(mask_url(url, masker))[:MAX_URL] if url else ""


def _body(text: str, masker: Masker) -> str:
    if not text:
        return ""
    media = "application/json" if text.lstrip()[:1] in ("{", "[") else None
    return storable(mask_text(text.encode(), media=media, known=masker))
