"""What tools send of their own accord, turned into the fields of a report.

n8n's Error Trigger as its documentation shows it (docs.n8n.io, "Error data", 2026-11-22) and as newer versions fill
it; Make's `error` collection beside its system variables (help.make.com/system-variables); Zapier's `zap_…` fields.
Nothing is guessed: what a shape does not say stays empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Fields = dict[str, Any]
# "404 - {"message": …}": how n8n keeps what the provider answered.
_STATUS_AND_BODY = re.compile(r"\s*(\d{3}) - (.*)", re.DOTALL)


def as_report(document: Any) -> Any:
    """Return the document as fields of a report where it is a tool's own; anything else as it is."""
    if isinstance(document, list) and len(document) == 1:  # n8n hands on lists of items
        document = document[0]
    if not isinstance(document, dict):
        return document
    for is_it, turned in ((_is_n8n, _n8n), (_is_make, _make), (_is_zapier, _zapier)):
        if is_it(document):
            return {name: value for name, value in turned(document).items() if value not in (None, "", {}, [])}
    return document


def _is_n8n(document: Fields) -> bool:
    failed = document.get("execution") or document.get("trigger")
    return isinstance(failed, dict) and isinstance(failed.get("error"), dict) and "workflow" in document


def _n8n(document: Fields) -> Fields:
    failed, workflow = _part(document, "execution") or _part(document, "trigger"), _part(document, "workflow")
    error = _part(failed, "error")
    answer = _part(error, "errorResponse") or error
    request = _part(answer, "context", "request") or _part(error, "context", "request") or _part(error, "options")
    status, body = _answered(answer)
    node = error.get("node")
    return {
        "tool": "n8n",
        "workflow": workflow.get("name") or workflow.get("id"),
        "step": failed.get("lastNodeExecuted") or (node.get("name") if isinstance(node, dict) else node),
        "message": error.get("message") or error.get("name"),
        "code": error.get("code") or error.get("name"),
        "status": answer.get("httpCode") or error.get("httpCode") or status,
        "method": request.get("method"),
        "url": request.get("uri") or request.get("url"),
        "request_excerpt": request.get("body"),
        "response_excerpt": body or error.get("description"),
        "execution_url": failed.get("url"),
        "happened_at": error.get("timestamp"),
        "connection": document.get("connection"),
        "severity": document.get("severity"),
    }


def _answered(answer: Fields) -> tuple[str, Any]:
    """Return the status and body that stand in n8n's `messages`, or in the data beside them."""
    messages = answer.get("messages")
    first = messages[0] if isinstance(messages, list) and messages else messages
    if isinstance(first, str):
        found = _STATUS_AND_BODY.match(first)
        return (found[1], found[2]) if found else ("", first)
    return "", _part(answer, "context").get("data")


def _is_make(document: Fields) -> bool:
    return isinstance(document.get("error"), dict) and ("scenario" in document or "module" in document)


def _make(document: Fields) -> Fields:
    error, scenario, execution = (_part(document, name) for name in ("error", "scenario", "execution"))
    module = document.get("module")
    return {
        "tool": "make",
        "workflow": scenario.get("name") or document.get("scenario") or scenario.get("id"),
        "workflow_url": scenario.get("url"),
        "step": (module.get("name") or module.get("id")) if isinstance(module, dict) else module,
        "message": error.get("message") or error.get("type"),
        "code": error.get("type") or error.get("name"),
        "status": error.get("statusCode") or error.get("status"),
        "response_excerpt": error.get("detail") or error.get("body"),
        "execution_url": execution.get("url"),
        "happened_at": execution.get("startedAt"),
        **{name: document.get(name) for name in ("connection", "severity", "method", "url", "request_excerpt")},
    }


def _is_zapier(document: Fields) -> bool:
    return any(name in document for name in ("zap", "zap_title", "zap_name", "zap_id"))


def _zapier(document: Fields) -> Fields:
    zap, error = _part(document, "zap"), document.get("error")
    said = error.get("message") if isinstance(error, dict) else error
    mine = ("connection", "severity", "method", "url", "status", "code", "request_excerpt", "response_excerpt")
    return {
        "tool": "zapier",
        "workflow": document.get("zap_title") or document.get("zap_name") or zap.get("title") or zap.get("name"),
        "workflow_url": document.get("zap_url") or document.get("zap_link") or zap.get("url"),
        "step": document.get("step_title") or document.get("step_name") or document.get("step"),
        "message": document.get("error_message") or document.get("message") or said,
        "execution_url": document.get("run_url") or document.get("execution_url"),
        "happened_at": document.get("happened_at") or document.get("timestamp"),
        **{name: document.get(name) for name in mine},
    }


def _part(document: Mapping[str, Any], *names: str) -> Fields:
    """Return the object at a path, or an empty one."""
    found: Any = document
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}
