"""What a report of an error says: its fields, their bounds, and the words in which each is refused."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from integrations.api.shapes import as_report

MAX_EXCERPT = 65_536
_METHOD = re.compile(r"[A-Za-z]{1,16}\Z")
_UNWRITABLE = re.compile("[\0\ud800-\udfff]")
Tool = Literal["make", "zapier", "n8n", "script", "other"]
Severity = Literal["warning", "error", "critical"]


def _plain(value: Any) -> Any:
    """Take numbers as text where a tool writes an id as one."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _writable(text: str) -> str:
    if _UNWRITABLE.search(text):
        raise ValueError("holds a NUL or half of a surrogate pair, which cannot be stored")
    return text


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _web_address(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_web = False
    if not is_web or not text.isprintable() or " " in text:
        raise ValueError("must be a whole address, beginning with https:// or http://")
    return text


def _method(text: str) -> str:
    if not _METHOD.match(text):
        raise ValueError("must be a method such as GET or POST")
    return text.upper()


def _excerpt(value: Any) -> str:
    """Return an excerpt as text, whether it came as text or as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) > MAX_EXCERPT:
        raise ValueError(f"must have at most {MAX_EXCERPT} characters")
    return text


def _moment(value: datetime) -> datetime:
    if not 2000 <= value.year <= 2100:
        raise ValueError("must lie between the years 2000 and 2100")
    return value if value.tzinfo else value.replace(tzinfo=UTC)


Text = Annotated[str, BeforeValidator(_plain), AfterValidator(_writable)]
Line = Annotated[Text, AfterValidator(_one_line), Field(max_length=200)]
WebAddress = Annotated[Text, AfterValidator(_web_address), Field(max_length=2_000)]
Excerpt = Annotated[str, BeforeValidator(_excerpt), AfterValidator(_writable)]


class ErrorReport(BaseModel):
    """An error that another tool saw. Empty fields count as absent.

    n8n's Error Trigger, Make's error collection and Zapier's zap_… fields are understood as they come.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "tool": "make",
                    "workflow": "Nightly sync",
                    "step": "HubSpot: create a contact",
                    "message": "[429] You have reached your ten secondly limit.",
                    "status": 429,
                    "connection": "acme-hubspot",
                },
                {
                    "execution": {
                        "id": "231",
                        "url": "https://n8n.example.com/workflow/1/executions/231",
                        "error": {"message": "Bad request - please check your parameters", "httpCode": "400"},
                        "lastNodeExecuted": "HTTP Request",
                        "mode": "trigger",
                    },
                    "workflow": {"id": "1", "name": "Lead intake"},
                },
            ]
        },
    )

    message: Annotated[Text, Field(min_length=1, max_length=16_000, description="What the tool says went wrong.")]
    tool: Annotated[Tool | None, Field(description="Which tool saw it; by default what the token is for.")] = None
    workflow: Annotated[Line, Field(description="Name of the scenario, Zap, workflow or script.")] = ""
    workflow_url: Annotated[WebAddress | None, Field(description="Where it can be opened.")] = None
    step: Annotated[Line, Field(description="The module, node or step that failed.")] = ""
    execution_url: Annotated[WebAddress | None, Field(description="Where this one run can be looked at.")] = None
    happened_at: Annotated[
        Annotated[datetime, AfterValidator(_moment)] | None,
        Field(description="When it failed, RFC 3339 or seconds since 1970; without a zone it is UTC."),
    ] = None
    severity: Annotated[Severity, Field(description="How bad the tool thinks it is.")] = "error"
    connection: Annotated[
        Line, Field(description="Slug of the connection it is about; by default the token's own, if it has one.")
    ] = ""
    method: Annotated[Annotated[Text, AfterValidator(_method)] | None, Field(description="Of the failed call.")] = None
    url: Annotated[
        Annotated[WebAddress, Field(max_length=4_000)] | None, Field(description="Address of the failed call.")
    ] = None
    status: Annotated[
        Annotated[int, Field(ge=100, le=599)] | None, Field(description="HTTP status of the failed call.")
    ] = None
    code: Annotated[Line, Field(description="The tool's or provider's error code or type.")] = ""
    request_excerpt: Annotated[Excerpt, Field(description="What was sent: text or JSON.")] = ""
    response_excerpt: Annotated[
        Excerpt, Field(description="What came back: text or JSON. The cause is recognised by it.")
    ] = ""

    @model_validator(mode="before")
    @classmethod
    def _understood(cls, document: Any) -> Any:
        """Turn a tool's own shape into fields, and drop what is empty: mapped fields often are."""
        report = as_report(document)
        if not isinstance(report, dict):
            raise ValueError("the body must be a JSON object")
        return {name: value for name, value in report.items() if value is not None and value != ""}


class Accepted(BaseModel):
    """What became of a report."""

    id: Annotated[str, Field(description="Id of the reported error.")]
    url: Annotated[str, Field(description="Its page in Keylodge.")]
    group: Annotated[str, Field(description="Id of the group of errors it was counted in.")]
    group_url: Annotated[str, Field(description="Page of the group.")]
    title: Annotated[str, Field(description="What the group is called: the recognised cause, or the message.")]
    is_known: Annotated[bool, Field(description="Whether the cause was recognised.")]


class FieldProblem(BaseModel):
    """One field that cannot be taken."""

    field: str
    problem: str


class Problem(BaseModel):
    """Problem details (RFC 9457). `code` is stable."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldProblem] = []
    request_id: str
