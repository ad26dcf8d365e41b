"""What a report may say: its fields and bounds, and what tools send of their own accord."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from django.test import RequestFactory
from pydantic import ValidationError

from integrations.api.knowing import alike, outcome_of, provider_at
from integrations.api.problems import ApiProblem
from integrations.api.reading import StrictParser
from integrations.api.report import ErrorReport
from integrations.api.shapes import as_report
from integrations.models.call import Outcome

pytestmark = pytest.mark.matrix  # no database: one engine is enough
PLAIN = {"message": "The step failed", "workflow": "Lead intake", "tool": "script"}
# As docs.n8n.io shows it under "Error data" (2026-11-22).
N8N = {
    "execution": {
        "id": "231",
        "url": "https://n8n.example.com/execution/231",
        "retryOf": "34",
        "error": {"message": "Example Error Message", "stack": "Stacktrace"},
        "lastNodeExecuted": "Node With Error",
        "mode": "manual",
    },
    "workflow": {"id": "1", "name": "Example Workflow"},
}


def parsed(body, media="application/json"):
    return StrictParser().parse_body(RequestFactory().post("/api/v1/errors", body, content_type=media))


def report(document):
    return ErrorReport.model_validate(document)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("message", "a\0b"),
        ("message", "x" * 16_001),
        ("message", ["no", "text"]),
        ("workflow", "w" * 201),
        ("status", 99),
        ("status", 10**60),
        ("status", "many"),
        ("method", "GET /x"),
        ("url", "javascript:alert(1)"),
        ("url", "https://[::1"),
        ("workflow_url", "//evil.example"),
        ("execution_url", "https://a b"),
        ("happened_at", "yesterday"),
        ("happened_at", "1999-01-01T00:00:00Z"),
        ("happened_at", 1e300),
        ("severity", "fatal"),
        ("tool", "gateway"),
        ("response_excerpt", "x" * 65_537),
        ("response_excerpt", {"a": "\ud800"}),
        ("request_excerpt", "a\0b"),
        ("nonsense", "x"),
    ],
)
def test_a_field_that_cannot_be_taken_is_refused_by_its_name(field, value):
    with pytest.raises(ValidationError) as refused:
        ErrorReport.model_validate({**PLAIN, field: value})
    assert [one["loc"] for one in refused.value.errors()] == [(field,)]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff\xfe{}",
        b'{"message": NaN}',
        b'{"message": "a", "status": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 33 + b"1" + b"}" * 33,
        b'{"message": [' + b"1," * 20_001 + b"1]}",
    ],
    ids=["cut", "not utf-8", "nan", "digits", "very deep", "deep", "many"],
)
def test_what_is_not_json_or_not_small_is_refused_in_words(body):
    with pytest.raises(ApiProblem) as refused:
        parsed(body)
    assert refused.value.code == "body_not_json"
    assert refused.value.detail.startswith("The body cannot be read as JSON. ")
    assert len(refused.value.detail) > 40


def test_a_deep_body_does_not_break_a_thread_with_a_small_stack():
    said = []

    def reading():
        try:
            parsed(b"[" * 262_000)
        except ApiProblem as problem:
            said.append(problem.code)

    thread = threading.Thread(target=reading)
    thread.start()
    thread.join(20)
    assert said == ["body_not_json"]


def test_a_byte_order_mark_and_spaces_are_no_obstacle():
    assert parsed(b"\xef\xbb\xbf {} ") == {}


def test_empty_fields_count_as_absent_and_numbers_as_text():
    found = report({"message": 4711, "workflow": 12, "status": "", "url": None, "happened_at": 1_795_000_000})
    assert (found.message, found.workflow, found.status, found.url) == ("4711", "12", None, None)
    assert found.happened_at == datetime(2026, 11, 18, 11, 6, 40, tzinfo=UTC)


def test_a_time_without_a_zone_is_utc():
    assert report({**PLAIN, "happened_at": "2026-11-22T14:03:00"}).happened_at == datetime(
        2026, 11, 22, 14, 3, tzinfo=UTC
    )


@pytest.mark.parametrize("document", [N8N, [N8N]], ids=["one", "in a list"])
def test_the_documented_error_data_of_n8n_is_understood(document):
    found = report(document)
    assert (found.tool, found.workflow, found.step) == ("n8n", "Example Workflow", "Node With Error")
    assert (found.message, found.execution_url) == ("Example Error Message", N8N["execution"]["url"])


def test_what_newer_n8n_knows_of_the_failed_call_is_understood():
    answered = '{"status":"error","message":"Invalid input JSON"}'
    error = {
        "message": "Bad request - please check your parameters",
        "name": "NodeApiError",
        "timestamp": 1_795_000_000_000,
        "node": {"name": "Create contact", "type": "n8n-nodes-base.httpRequest"},
        "errorResponse": {
            "httpCode": "400",
            "messages": [f"400 - {answered}"],
            "context": {"request": {"method": "POST", "uri": "https://api.hubapi.com/crm/v3/objects/contacts"}},
        },
    }
    found = report({"execution": {"id": "2212", "error": error, "mode": "webhook"}, "workflow": {"name": "Lead"}})
    assert (found.status, found.method, found.step) == (400, "POST", "Create contact")
    assert (found.url, found.response_excerpt) == ("https://api.hubapi.com/crm/v3/objects/contacts", answered)
    assert found.happened_at == datetime(2026, 11, 18, 11, 6, 40, tzinfo=UTC)


def test_an_n8n_trigger_that_fails_has_no_execution():
    found = report({"trigger": {"error": {"message": "401 - refused"}, "mode": "trigger"}, "workflow": {"id": "7"}})
    assert (found.tool, found.workflow, found.message) == ("n8n", "7", "401 - refused")


def test_makes_error_beside_its_system_variables_is_understood():
    found = report(
        {
            "error": {"type": "RateLimitError", "message": "[429] Too many requests."},
            "scenario": {"id": 12, "name": "Nightly sync", "url": "https://eu1.make.com/1/scenarios/12"},
            "execution": {"id": "ab", "startedAt": "2026-11-22T14:03:00Z"},
            "module": {"id": 4, "name": "HubSpot CRM"},
            "connection": "acme-hubspot",
        }
    )
    assert (found.tool, found.workflow, found.step, found.code) == (
        "make",
        "Nightly sync",
        "HubSpot CRM",
        "RateLimitError",
    )
    assert (found.workflow_url, found.connection) == ("https://eu1.make.com/1/scenarios/12", "acme-hubspot")


def test_zapiers_fields_are_understood():
    found = report({"zap_title": "Lead to CRM", "zap_id": 5, "step": "Create", "error_message": "The app returned 500"})
    assert (found.tool, found.workflow, found.step, found.message) == (
        "zapier",
        "Lead to CRM",
        "Create",
        "The app returned 500",
    )


@pytest.mark.parametrize(
    "document", [{}, [], [[]], "x", 1, None, {"execution": [], "workflow": 1}, {"zap": {"zap": []}}]
)
def test_a_stranger_shape_is_refused_and_breaks_nothing(document):
    with pytest.raises(ValidationError):
        report(as_report(document))


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (429, "", Outcome.LIMITED),
        (401, "", Outcome.AUTH),
        (404, "", Outcome.CLIENT_ERROR),
        (503, "", Outcome.UPSTREAM_ERROR),
        (None, "ETIMEDOUT", Outcome.TIMEOUT),
        (None, "ECONNREFUSED", Outcome.UNREACHABLE),
        (None, "RateLimitError", Outcome.LIMITED),
        (None, "", Outcome.UPSTREAM_ERROR),
        (200, "", Outcome.UPSTREAM_ERROR),
    ],
)
def test_how_it_ended_is_what_the_report_says(status, code, outcome):
    assert outcome_of(status, code, "") == outcome


def test_messages_of_one_error_are_alike_and_of_another_are_not():
    first = alike("Record 4711 of 'Acme' (id 01902f6e-7c1a-7b31-9c1e-000000000001) was not found")
    assert first == alike("Record 12 of 'Beta' (id 01902f6e-7c1a-7b31-9c1e-00000000abcd) was not found")
    assert first != alike("Record 12 of 'Beta' was locked")


def test_a_host_of_several_providers_names_none():
    assert provider_at("API.HubApi.com") == "hubspot"
    assert provider_at("example.com") == ""
    assert provider_at("") == ""
