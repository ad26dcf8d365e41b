"""POST /api/v1/errors: who may, what is refused in which words, and what is kept of a report."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.db import DatabaseError
from django.test import Client as Browser
from django.utils import timezone

from integrations import tokens as gateway_tokens
from integrations import watch
from integrations.api import storing, tokens
from integrations.models import ApiReceipt, ApiToken, Call, CallHour, ErrorGroup, LimitReading
from integrations.models.call import Outcome
from secrets_vault.actor import SYSTEM
from tests.factories import make_client
from tests.integrations.test_tokens import connect

pytestmark = pytest.mark.django_db
PLAIN = {"message": "The step failed", "workflow": "Lead intake", "tool": "script"}
HUBSPOT_LIMIT = {
    "status": "error",
    "message": "You have reached your secondly limit.",
    "errorType": "RATE_LIMIT",
    "policyName": "TEN_SECONDLY_ROLLING",
}


def codes(answer):
    return answer.status_code, answer.json()["code"]


def test_a_report_becomes_a_row_and_a_group(post, acme):
    answer = post(PLAIN)
    call, group = Call.objects.get(), ErrorGroup.objects.get()
    assert answer.status_code == 201
    assert answer.json() == {
        "id": str(call.pk),
        "url": f"http://localhost:8000/calls/{call.pk}/",
        "group": str(group.pk),
        "group_url": f"http://localhost:8000/errors/{group.pk}/",
        "title": "The step failed",
        "is_known": False,
    }
    assert (call.client_id, call.source, call.connection_id) == (acme.pk, "script", None)
    assert call.reported["workflow"] == "Lead intake"
    assert (group.source, group.count, group.connection_id, group.title) == ("script", 1, None, "The step failed")


def test_a_report_about_a_connection_is_explained_by_the_providers_own_answer(post, acme):
    connection = connect(acme)
    answer = post({**PLAIN, "connection": "acme-hubspot", "status": 429, "response_excerpt": HUBSPOT_LIMIT})
    call = Call.objects.get()
    assert answer.json()["is_known"]
    assert (call.connection_id, call.environment_id) == (connection.pk, connection.environment_id)
    assert (call.provider_key, call.outcome) == ("hubspot", Outcome.LIMITED)


def test_the_provider_is_known_by_the_host_of_the_call(post):
    post({**PLAIN, "url": "https://api.hubapi.com/crm/v3/objects/contacts?limit=1", "method": "get", "status": "429"})
    call = Call.objects.get()
    assert (call.provider_key, call.method, call.host) == ("hubspot", "GET", "api.hubapi.com")
    assert call.path == "/crm/v3/objects/contacts?limit=1"


def test_the_token_says_what_a_report_leaves_out(post, acme, made):
    connection = connect(acme)
    ApiToken.objects.filter(pk=made[0].pk).update(tool="make", connection=connection)
    post({"message": "[429] slow down", "workflow": "", "status": None})
    call = Call.objects.get()
    assert (call.source, call.connection_id, call.status, call.outcome) == ("make", connection.pk, 429, "limited")


def test_the_same_error_is_counted_and_another_is_another(post):
    for number in (1, 2):
        post({**PLAIN, "message": f"Record {number}4711 of 'Acme {number}' was not found"})
    post({**PLAIN, "message": "Something else"})
    post({**PLAIN, "step": "Other step"})
    counts = ErrorGroup.objects.values_list("count", flat=True)
    assert sorted(counts) == [1, 1, 2]


def test_a_resolved_error_that_is_reported_again_came_back(post):
    post(PLAIN)
    ErrorGroup.objects.update(state="resolved", state_changed_at=timezone.now() - timedelta(minutes=1))
    post(PLAIN)
    assert ErrorGroup.objects.get().state == "came_back"


def test_reports_are_no_traffic(post, acme):
    connection = connect(acme)
    for _ in range(6):
        post({**PLAIN, "connection": connection.slug, "status": 500})
    assert not CallHour.objects.exists()
    assert not LimitReading.objects.exists()
    assert watch.look(timezone.now()) == 0  # five failed calls of our own would have been mailed about


def test_the_token_notes_when_and_whence_it_was_used(post, made):
    post(PLAIN)
    made[0].refresh_from_db()
    assert made[0].last_used_ip == "127.0.0.1"
    assert timezone.now() - made[0].last_used_at < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({}, "token_missing"),
        ({"authorization": "Bearer"}, "token_missing"),
        ({"authorization": "Basic a2xhXw=="}, "token_missing"),
        ({"authorization": "Bearer kla_" + "x" * 49}, "token_invalid"),
        ({"authorization": "Bearer nonsense"}, "token_invalid"),
        ({"authorization": "Bearer kla_ä"}, "token_invalid"),
    ],
)
def test_who_shows_no_living_token_is_told_so(db, header, code):
    answer = Browser(SERVER_NAME="localhost").post("/api/v1/errors", "{}", "application/json", headers=header)
    assert codes(answer) == (401, code)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_gateway_token_is_told_which_token_it_is(post, acme):
    _token, text = gateway_tokens.make(acme, "n8n", [connect(acme)], actor=SYSTEM)
    assert codes(post(PLAIN, text=text.expose())) == (401, "wrong_token")
    assert not Call.objects.exists()


def test_a_revoked_token_reports_nothing_from_the_next_request_on(post, made):
    tokens.revoke(made[0], actor=SYSTEM, now=timezone.now())
    assert codes(post(PLAIN)) == (401, "token_invalid")


def test_a_token_without_the_right_is_refused(post, made):
    ApiToken.objects.filter(pk=made[0].pk).update(scopes=[])
    assert codes(post(PLAIN)) == (403, "scope_missing")


def test_a_token_that_has_used_its_minute_waits(post, made):
    ApiToken.objects.filter(pk=made[0].pk).update(per_minute=1)
    assert post(PLAIN).status_code == 201
    answer = post(PLAIN)
    assert codes(answer) == (429, "token_limited")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


def test_another_clients_connection_is_as_unknown_as_none(post):
    connect(make_client("beta"), slug="beta-hubspot")
    said = [post({**PLAIN, "connection": slug}).json() for slug in ("beta-hubspot", "no-such")]
    assert said[0]["errors"] == said[1]["errors"] == [
        {"field": "connection", "problem": "no connection of this client has this slug"}
    ]  # fmt: skip
    assert not Call.objects.exists()


def test_a_field_that_cannot_be_taken_is_named(post):
    answer = post({**PLAIN, "message": "a\0b", "status": 99, "nonsense": "x"})
    assert codes(answer) == (422, "field_refused")
    assert {one["field"] for one in answer.json()["errors"]} == {"message", "status", "nonsense"}
    assert not Call.objects.exists()


def test_a_refusal_does_not_repeat_what_was_sent(post):
    assert "4711-secret" not in post({**PLAIN, "status": "4711-secret", "4711": 1}).content.decode()


def test_what_is_not_json_is_refused_in_words(post):
    answer = post(b"{")
    assert codes(answer) == (400, "body_not_json")
    assert answer.json()["detail"].startswith("The body cannot be read as JSON. Line 1, column 2")


def test_a_body_of_another_kind_or_size_is_refused(post):
    assert codes(post("message=x", media="text/plain")) == (415, "media_refused")
    assert codes(post(b'{"message": "' + b"x" * 262_144 + b'"}')) == (413, "body_too_large")
    assert codes(post([PLAIN, PLAIN])) == (422, "field_refused")
    assert codes(post("null")) == (422, "field_refused")
    assert codes(post(b"")) == (422, "field_refused")


def test_a_form_is_a_report_too_whatever_its_words_hold(post):
    said = 'It said: {"message": "no"}\n& more'
    form = urlencode({"tool": "make", "workflow": "Nightly", "message": said, "status": "404", "step": ""})
    assert post(form, media="application/x-www-form-urlencoded").status_code == 201
    call = Call.objects.get()
    assert (call.source, call.status, call.reported["message"]) == ("make", 404, said)
    for bad in ("message=a%00b", "message=%ff", "a=1&" * 101):
        assert post(bad, media="application/x-www-form-urlencoded").status_code in (400, 422)


def test_the_same_key_gets_the_same_answer_and_nothing_is_kept_twice(post):
    first = post(PLAIN, x_keylodge_idempotency_key="run-231")
    again = post(PLAIN, x_keylodge_idempotency_key="run-231")
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert (Call.objects.count(), ErrorGroup.objects.get().count) == (1, 1)


def test_the_same_key_for_another_body_is_refused(post):
    post(PLAIN, x_keylodge_idempotency_key="run-231")
    answer = post({**PLAIN, "message": "Another"}, x_keylodge_idempotency_key="run-231")
    assert codes(answer) == (409, "key_reused")


def test_two_tokens_do_not_share_their_keys(post, acme):
    _other, text = tokens.make(acme, "make errors", actor=SYSTEM, now=timezone.now())
    post(PLAIN, x_keylodge_idempotency_key="1")
    post(PLAIN, text=text.expose(), x_keylodge_idempotency_key="1")
    assert Call.objects.count() == 2


def test_a_failed_report_leaves_no_receipt_and_can_come_again(post, monkeypatch):
    def broken(row):
        raise DatabaseError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(storing, "_write", broken)
        answer = post(PLAIN, x_keylodge_idempotency_key="run-231")
    assert codes(answer) == (503, "unavailable")
    assert not ApiReceipt.objects.exists()
    assert post(PLAIN, x_keylodge_idempotency_key="run-231").status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 201, "schlüssel"])
def test_a_key_that_cannot_be_one_is_refused(post, key):
    assert codes(post(PLAIN, x_keylodge_idempotency_key=key)) == (400, "key_refused")


def test_every_other_address_and_method_is_answered_in_the_apis_own_form(db):
    browser = Browser(SERVER_NAME="localhost")
    for path in ("/api/v1/", "/api/v1/nothing", "/api/v1/errors/1"):
        assert codes(browser.get(path)) == (404, "not_found")
    answer = browser.get("/api/v1/errors")
    assert codes(answer) == (405, "method_refused")
    assert answer.headers["Allow"] == "POST"


def test_the_api_describes_itself(db):
    said = Browser(SERVER_NAME="localhost").get("/api/v1/openapi.json")
    post = said.json()["paths"]["/api/v1/errors"]["post"]
    assert post["security"] == [{"ApiBearer": []}]
    assert set(post["responses"]) >= {"201", "401", "422", "429"}
    fields = said.json()["components"]["schemas"]["ErrorReport"]["properties"]
    assert all(about.get("description") for about in fields.values())
