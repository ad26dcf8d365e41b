"""A report becomes a row beside the calls and counts in a group of errors: once, in one transaction."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from integrations.api import knowing
from integrations.api.masking import Masked, masked
from integrations.api.problems import ApiProblem
from integrations.api.report import ErrorReport
from integrations.call_log.groups import count_in_group
from integrations.call_log.record import CallRecord
from integrations.call_log.rows import CallRow
from integrations.causes import Cause, path_template
from integrations.models import ApiReceipt, ApiToken, Call, Connection
from integrations.models.call import Outcome, Source
from integrations.models.router import calls_alias
from secrets_vault import vault
from secrets_vault.ids import uuid7

_MAKES_STATUS = re.compile(r"\[([1-5]\d\d)\]")  # "[429] You have reached …", as Make's own apps write it
Answer = dict[str, Any]


def keep(
    token: ApiToken, report: ErrorReport, *, now: datetime, ip: str = "", key: str = "", body: bytes = b""
) -> Answer:
    """Keep a report and return the answer. The same `key` again gets the same answer, and nothing is kept twice.

    Raises ApiProblem, and DatabaseError or VaultError while nothing can be kept.
    """
    if key and (known := _answered(token, key, body)) is not None:
        return known
    connection = _connection(token, report)
    row = _row(token, report, connection, masked(report, client_id=token.client_id), now=now)
    row.caller_ip = ip[:45]
    with transaction.atomic(using=calls_alias()):
        if not key:
            return _write(row)
        receipt, is_new = _receipts(token, key).get_or_create(
            defaults={
                "client_id": token.client_id,
                "token_id": token.pk,
                "key_hash": _hash(key),
                "body_hash": _digest(body),
                "answer": {},
                "at": now,
            }
        )
        if not is_new:  # another request with this key was a moment sooner
            return _same(receipt, body)
        receipt.answer = _write(row)
        receipt.save(update_fields=["answer"])
        answer: Answer = receipt.answer
        return answer


def _answered(token: ApiToken, key: str, body: bytes) -> Answer | None:
    receipt = _receipts(token, key).first()
    return None if receipt is None else _same(receipt, body)


def _receipts(token: ApiToken, key: str) -> Any:
    return ApiReceipt.objects.filter(token_id=token.pk, key_hash=_hash(key))


def _same(receipt: ApiReceipt, body: bytes) -> Answer:
    if bytes(receipt.body_hash) != _digest(body):
        raise ApiProblem("key_reused")
    answer: Answer = receipt.answer
    return answer


def _hash(key: str) -> bytes:
    return vault.keyed_hash("api-idempotency", key.encode())


def _digest(body: bytes) -> bytes:
    return vault.keyed_hash("api-body", body)


def _connection(token: ApiToken, report: ErrorReport) -> Connection | None:
    """Return what the report is about. A connection of another client is as unknown as one that never was."""
    if not report.connection:
        return token.connection
    found: Connection | None = Connection.objects.filter(client_id=token.client_id, slug=report.connection).first()
    if found is None:
        problem = {"field": "connection", "problem": "no connection of this client has this slug"}
        raise ApiProblem("field_refused", errors=[problem])
    return found


def _row(token: ApiToken, report: ErrorReport, connection: Connection | None, said: Masked, *, now: datetime) -> Call:
    source = report.tool or token.tool or Source.OTHER
    provider_key = connection.provider_key if connection else knowing.provider_at(said.host)
    status = report.status or _status_in(said.message, source)
    kept = {name: value for name, value in asdict(said).items() if value and name in _REPORTED}
    kept |= {"severity": report.severity, "token": str(token.pk)}
    if report.happened_at is not None:
        kept["happened_at"] = report.happened_at.isoformat(timespec="seconds")
    return Call(
        id=uuid7(),
        at=now,
        client_id=token.client_id,
        environment_id=connection.environment_id if connection else None,
        connection_id=connection.pk if connection else None,
        token_name=token.name,
        provider_key=provider_key,
        method=report.method or "",
        host=said.host,
        path=said.path,
        status=status,
        outcome=knowing.outcome_of(status, report.code, said.response),
        request_body=said.request,
        response_body=said.response,
        source=source,
        reported=kept,
    )


_REPORTED = ("message", "workflow", "workflow_url", "step", "execution_url", "code")


def _status_in(message: str, source: str) -> int | None:
    found = _MAKES_STATUS.match(message) if source == Source.MAKE else None
    return int(found[1]) if found else None


def _write(row: Call) -> Answer:
    """Count the row in its group and write it. In the caller's transaction."""
    cause = knowing.cause_of_row(row)
    row.group_id = group_id = _counted(row, cause)
    # The words of an unknown cause say nothing: the message does, and a search for it must find the row.
    row.cause = cause.cause if cause.is_known else cause.title
    row.save(force_insert=True)
    return {
        "id": str(row.pk),
        "url": _page("call", row.pk),
        "group": str(group_id),
        "group_url": _page("error", group_id),
        "title": cause.title,
        "is_known": cause.is_known,
    }


def _counted(row: Call, cause: Cause) -> UUID:
    record = CallRecord(
        id=row.pk,
        at=row.at,
        client_id=row.client_id,
        environment_id=row.environment_id,
        connection_id=row.connection_id,
        provider_key=row.provider_key,
        method=row.method,
        outcome=Outcome(row.outcome),
    )
    return count_in_group(_key(row, cause), [(record, _as_row(row), cause)], source=row.source)


def _as_row(row: Call) -> CallRow:
    names = CallRow.__slots__
    return CallRow(**{name: getattr(row, name) for name in names})


def _key(row: Call, cause: Cause) -> bytes:
    """Return what makes two reports the same error: the tool, the workflow, the step, and the cause or its message."""
    said = row.reported or {}
    why = cause.code if cause.is_known else knowing.alike(said.get("message", ""))
    where = (row.source, str(row.connection_id), said.get("workflow", ""), said.get("step", ""))
    call = (str(row.status), row.method, path_template(row.path))
    return sha256("\0".join(("reported", str(row.client_id), *where, why, *call)).encode()).digest()


def _page(name: str, pk: UUID) -> str:
    return settings.KEYLODGE_PUBLIC_URL + reverse(f"dashboard:{name}", args=[pk])
