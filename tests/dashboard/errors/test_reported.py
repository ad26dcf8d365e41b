"""What a tool reported, on the pages of errors: beside the rest, and labelled as what it is."""

from __future__ import annotations

import csv
import io

import pytest
from django.utils import timezone

from integrations.api import storing, tokens
from integrations.api.report import ErrorReport
from integrations.models import Call, ErrorGroup
from secrets_vault.actor import SYSTEM
from tests.dashboard.errors.conftest import write

pytestmark = pytest.mark.django_db
LABEL = "reported, not seen"
FULL = {
    "tool": "make",
    "workflow": "Nightly <sync>",
    "workflow_url": "https://eu1.make.com/1/scenarios/12",
    "step": "HubSpot: create",
    "message": "The module could not finish",
    "execution_url": "https://eu1.make.com/1/scenarios/12/logs/ab",
    "happened_at": "2026-11-22T14:03:00Z",
    "severity": "critical",
}


@pytest.fixture
def token(acme):
    made, _text = tokens.make(acme, "Make errors", actor=SYSTEM, now=timezone.now())
    return made


@pytest.fixture
def browser(ada, browser_of):
    return browser_of(ada)


def report(token, **fields):
    storing.keep(token, ErrorReport.model_validate({**FULL, **fields}), now=timezone.now())
    return Call.objects.order_by("-pk")[0]


def shown(browser, address):
    answer = browser.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_reported_error_stands_among_the_rest_and_says_what_it_is(browser, token, hubspot):
    report(token)
    write(hubspot)
    page = shown(browser, "/errors/")
    assert page.count(LABEL) == 1  # once in the list; the chosen one is the call of our own
    assert "The module could not finish" in page


def test_its_group_says_where_it_happened_and_claims_nothing_of_ours(browser, token):
    call = report(token)
    page = shown(browser, f"/errors/{call.group_id}/")
    for words in (
        LABEL,
        "Nightly &lt;sync&gt;",
        "HubSpot: create",
        "It failed in Make",
        "Make reported it",
        "critical",
    ):
        assert words in page
    assert 'href="https://eu1.make.com/1/scenarios/12/logs/ab"' in page
    for words in ("Nothing was sent to the provider", "saved by a repeat", "Attempt 1"):
        assert words not in page


def test_its_page_shows_the_report_and_no_curl(browser, token, hubspot):
    call = report(token, connection=hubspot.slug, status=429, url="https://api.hubapi.com/crm/v3/x", method="POST")
    page = shown(browser, f"/calls/{call.pk}/")
    assert LABEL in page
    assert "Sent by" in page
    assert "As cURL" not in page
    assert "none was used" not in page


def test_a_report_about_nothing_of_ours_says_so(browser, token):
    assert "About no connection of ours." in shown(browser, f"/calls/{report(token).pk}/")


def test_lists_can_be_narrowed_to_what_was_reported(browser, token, hubspot):
    report(token)
    write(hubspot)
    counts = {
        source: shown(browser, f"/calls/?source={source}").count("data-row>")
        for source in ("", "reported", "gateway", "n8n")
    }
    assert counts == {"": 2, "reported": 1, "gateway": 1, "n8n": 0}
    assert LABEL not in shown(browser, "/errors/?source=gateway")
    assert LABEL in shown(browser, "/errors/?source=make")


def test_words_of_the_message_find_it(browser, token):
    report(token)
    assert shown(browser, "/calls/?q=could not finish").count("data-row>") == 1


@pytest.mark.parametrize("address", ["/errors/?format=csv", "/calls/?format=csv"])
def test_a_download_says_who_saw_each(browser, token, hubspot, address):
    report(token)
    write(hubspot)
    lines = b"".join(browser.get(address).streaming_content).decode()
    rows = list(csv.reader(io.StringIO(lines)))
    head = next(row for row in rows if "seen by" in row)
    seen = {row[head.index("seen by")] for row in rows[rows.index(head) + 1 :] if len(row) == len(head)}
    assert seen == {"Make", "Seen by the gateway"}


def test_today_names_a_reported_error_and_its_client(browser, token):
    report(token)
    page = shown(browser, "/")
    assert "1 time, reported by Make" in page
    assert f"/errors/{ErrorGroup.objects.get().pk}/" in page


def test_ten_thousand_reports_cost_a_page_as_many_queries_as_one(browser, token, at_most_queries):
    call = report(token)
    names = [field.attname for field in Call._meta.concrete_fields if field.attname != "id"]
    values = {name: getattr(call, name) for name in names}
    Call.objects.bulk_create([Call(**values) for _ in range(10_000)], batch_size=2_000)
    with at_most_queries(14, calls=6):
        assert shown(browser, "/calls/?source=reported").count("data-row>") == 50
    with at_most_queries(14, calls=10):
        shown(browser, f"/errors/{call.group_id}/")
