"""Errors: the groups, the chosen one, and what a person says about them."""

from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import escape

from dashboard import counting
from integrations import tokens
from integrations.call_log.settling import wake_snoozed
from integrations.models import Call, ErrorGroup, HeldCall
from integrations.models.call import Outcome
from secrets_vault.actor import SYSTEM
from secrets_vault.models import AuditEvent
from tests.dashboard.errors.conftest import connect, write
from tests.factories import make_client

pytestmark = pytest.mark.django_db


def page_of(browser, path="/errors/", **query):
    answer = browser.get(path, query)
    assert answer.status_code == 200
    return answer.content.decode()


def settle(browser, group, do, **fields):
    return browser.post("/errors/settle/", {"chosen": str(group.pk), "do": do, **fields}, follow=True)


def only_group():
    return ErrorGroup.objects.get()


@pytest.mark.parametrize(("who", "sees"), [("ada", True), ("ben", True), ("olive", True), ("cora", False)])
def test_only_who_may_see_a_client_sees_its_errors(request, browser_of, hubspot, who, sees):
    write(hubspot)
    browser = browser_of(request.getfixturevalue(who))
    assert ("HubSpot failed (500)" in page_of(browser)) is sees
    assert browser.get(f"/errors/{only_group().pk}/").status_code == (200 if sees else 404)


def test_an_empty_list_says_what_will_fill_it(browser_of, ada):
    assert "No open errors" in page_of(browser_of(ada))
    assert "Nothing is resolved yet" in page_of(browser_of(ada), state="resolved")


@pytest.mark.parametrize(("language", "words"), [("en", "more than 1 groups"), ("de", "mehr als 1 Gruppen")])
def test_more_groups_than_are_counted_are_said_to_be_more(browser_of, ada, hubspot, monkeypatch, language, words):
    monkeypatch.setattr(counting, "MOST_COUNTED", 1)
    ada.language = language
    ada.save()
    for path in (b"/things", b"/others"):
        write(hubspot, target=path)
    assert words in page_of(browser_of(ada))


def test_the_chosen_group_says_what_happened_what_to_do_and_who_must_act(browser_of, ada, hubspot):
    timeline = [
        {"at_ms": 84.0, "status": 429, "ms": 84.0, "wait_ms": 2100, "retry_after_s": 2.0},
        {"at_ms": 2263.0, "status": 429, "ms": 79.0, "paced_ms": 840, "paced_for": "190 in 10 s"},
    ]
    write(
        hubspot, status=429, outcome=Outcome.LIMITED, timeline=timeline, attempts=2, method="POST", total_ms=2270.0,
        response_body=b'{"policyName": "TEN_SECONDLY_ROLLING"}',
        request_headers=[(b"authorization", b"Bearer canary-0123456789-canary")],
        known=("canary-0123456789-canary",),
    )  # fmt: skip
    group = only_group()
    content = page_of(browser_of(ada), f"/errors/{group.pk}/")
    for words in (
        escape(group.cause),
        "What to do.",
        "Who must act.",
        "Attempt 1: 429 in 84 ms",
        "asked for 2.0 s; waited 2.1 s",
        "It had waited 840 ms for the limit of 190 per 10 s.",
        "TEN_SECONDLY_ROLLING",
        "The caller got 429 Too Many Requests",
        "All calls of this error",
    ):
        assert words in content, words
    assert "canary-0123456789" not in content


def test_a_call_that_a_repeat_saved_is_told_of(browser_of, ada, hubspot):
    write(hubspot)
    saved = write(hubspot, status=200, outcome=Outcome.RECOVERED, attempts=2, target=b"/crm/v3/objects/contacts/9")
    write(hubspot, status=200, outcome=Outcome.RECOVERED, attempts=2, target=b"/account-info/v3/details")
    content = page_of(browser_of(ada))
    assert "1 call like these went through after a repeat" in content
    assert f"/calls/{saved.pk}/" in content


@pytest.mark.parametrize(("who", "can"), [("ada", True), ("ben", False)])
def test_an_ended_consent_comes_with_the_way_to_mend_it(request, browser_of, hubspot, who, can):
    write(hubspot, status=502, code="needs_reconnecting", outcome=Outcome.REFUSED, attempts=0)
    content = page_of(browser_of(request.getfixturevalue(who)))
    assert ('action="/oauth/start/acme-hubspot/"' in content) is can
    assert "only they can give consent" in content


def test_a_resolved_error_rests_until_it_is_seen_again(browser_of, ada, hubspot):
    write(hubspot)
    browser = browser_of(ada)
    content = settle(browser, only_group(), "resolved").content.decode()
    assert "It comes back when it is seen again" in content
    assert "No open errors" in content
    assert "HubSpot failed (500)" in page_of(browser, state="resolved")
    assert AuditEvent.objects.filter(action="error.resolved", object_id=str(only_group().pk)).count() == 1
    write(hubspot)
    assert only_group().state == "came_back"
    assert "came back" in page_of(browser)


def test_a_snoozed_error_opens_again_after_its_time(browser_of, ada, hubspot):
    write(hubspot)
    browser = browser_of(ada)
    settle(browser, only_group(), "snooze:1")
    assert "No open errors" in page_of(browser)
    write(hubspot)
    assert only_group().state == "snoozed"
    assert wake_snoozed(timezone.now()) == 0
    assert wake_snoozed(timezone.now() + timedelta(minutes=61)) == 1
    assert "HubSpot failed (500)" in page_of(browser)


def test_a_snooze_that_is_over_counts_as_open_before_the_sweep(browser_of, ada, hubspot):
    write(hubspot)
    ErrorGroup.objects.update(state="snoozed", snoozed_until=timezone.now() - timedelta(seconds=1))
    assert "HubSpot failed (500)" in page_of(browser_of(ada))
    assert "HubSpot failed (500)" not in page_of(browser_of(ada), state="snoozed")


def test_a_snooze_until_a_typed_time(browser_of, ada, hubspot):
    write(hubspot)
    until = timezone.localtime() + timedelta(days=2)
    settle(browser_of(ada), only_group(), "snooze", until=f"{until:%Y-%m-%dT%H:%M}")
    assert only_group().snoozed_until == until.replace(second=0, microsecond=0)


@pytest.mark.parametrize(
    ("do", "until", "said"),
    [
        ("snooze", "soon", "Snooze until when?"),
        ("snooze", "2020-01-01 10:00", "Snooze until when?"),
        ("snooze", "", "Snooze until when?"),
        ("snooze:0", "", "Snooze until when?"),
        ("burn", "", "Choose what to do"),
        ("", "", "Choose what to do"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(browser_of, ada, hubspot, do, until, said):
    write(hubspot)
    assert said in settle(browser_of(ada), only_group(), do, until=until).content.decode()
    assert only_group().state == "open"


def test_settling_can_be_taken_back(browser_of, ada, hubspot):
    write(hubspot)
    browser = browser_of(ada)
    assert "Undo" in settle(browser, only_group(), "resolved").content.decode()
    assert "1 error as before" in browser.post("/errors/undo/", follow=True).content.decode()
    assert only_group().state == "open"
    assert AuditEvent.objects.filter(action="error.settling_undone").count() == 1
    assert "Undo" not in page_of(browser)


def test_what_moved_on_meanwhile_is_not_taken_back(browser_of, ada, hubspot):
    write(hubspot)
    browser = browser_of(ada)
    settle(browser, only_group(), "resolved")
    write(hubspot)
    assert "0 errors as before" in browser.post("/errors/undo/", follow=True).content.decode()
    assert only_group().state == "came_back"


def test_many_are_settled_at_once_and_only_those_one_may_manage(browser_of, ada, hubspot):
    theirs = connect(make_client("zed"), "zed-hubspot")
    for connection in (hubspot, theirs):
        for status in (500, 503):
            write(connection, status=status)
    ids = [str(pk) for pk in ErrorGroup.objects.values_list("pk", flat=True)]
    answer = browser_of(ada).post("/errors/settle/", {"chosen": [*ids, "nonsense"], "do": "resolved"}, follow=True)
    assert "2 errors resolved" in answer.content.decode()
    assert set(ErrorGroup.objects.filter(state="resolved").values_list("client_id", flat=True)) == {hubspot.client_id}


@pytest.mark.parametrize("who", ["ben", "cora"])
def test_who_may_not_manage_settles_nothing(request, browser_of, hubspot, who):
    write(hubspot)
    settle(browser_of(request.getfixturevalue(who)), only_group(), "resolved")
    assert only_group().state == "open"
    assert not AuditEvent.objects.filter(action="error.resolved").exists()


def test_the_way_back_stays_within_errors(browser_of, ada, hubspot):
    write(hubspot)
    data = {"chosen": str(only_group().pk), "do": "resolved"}
    browser = browser_of(ada)
    assert browser.post("/errors/settle/", data | {"next": "/errors/?q=x"}).url == "/errors/?q=x"
    for bad in ("https://evil.example/", "//evil.example/errors/", "/settings/"):
        assert browser.post("/errors/settle/", data | {"next": bad}).url == "/errors/"


@pytest.mark.parametrize(
    ("query", "finds"),
    [
        ({"status": "500"}, {"500"}),
        ({"status": "404"}, {"404"}),
        ({"who": "provider"}, {"500"}),
        ({"q": "deals"}, {"404"}),
        ({"q": "failed"}, {"500"}),
        ({"provider": "hubspot"}, {"500", "404"}),
        ({"environment": "production"}, {"500", "404"}),
        ({"status": "nonsense", "client": "x"}, {"500", "404"}),
    ],
)
def test_the_list_is_narrowed(browser_of, ada, hubspot, query, finds):
    write(hubspot)
    write(hubspot, status=404, outcome=Outcome.CLIENT_ERROR, target=b"/crm/v3/objects/deals/1")
    content = page_of(browser_of(ada), **query)
    listed = content[content.index('id="groups-h"') : content.index("</section>", content.index('id="groups-h"'))]
    assert {code for code in ("500", "404") if f">{code}</span>" in listed} == finds


def test_facets_say_how_many(browser_of, ada, hubspot):
    write(hubspot)
    write(hubspot, status=503)
    content = page_of(browser_of(ada))
    assert "HubSpot (2)" in content
    assert "500 (1)" in content
    assert "production (2)" in content


def test_the_chart_shows_the_failures_of_the_hours(browser_of, ada, hubspot):
    write(hubspot)
    write(hubspot, ago=timedelta(days=3))
    write(hubspot, status=429, outcome=Outcome.LIMITED, ago=timedelta(hours=2))
    assert "2 failed calls in the last 24 hours" in page_of(browser_of(ada))
    assert "3 failed calls in the last 7 days" in page_of(browser_of(ada), days=7)
    assert "3 failed calls in the last 30 days" in page_of(browser_of(ada), days=30)
    content = page_of(browser_of(ada))
    assert "/calls/?when=" in content
    assert "1 failed, 1 of them at a limit" in content


def test_the_chart_follows_the_filters(browser_of, ada, acme, hubspot):
    write(hubspot)
    stripe = connect(acme, "acme-stripe", "stripe", kind="api_key")
    write(stripe)
    write(stripe, status=503)
    assert "1 failed calls" in page_of(browser_of(ada), provider="hubspot")
    assert "2 failed calls" in page_of(browser_of(ada), provider="stripe")
    assert "0 failed calls" not in page_of(browser_of(ada), client=str(acme.pk))


def test_pages_follow_one_another_without_gap_or_twin(browser_of, ada, hubspot, monkeypatch):
    now = timezone.now()
    ErrorGroup.objects.bulk_create(
        ErrorGroup(
            key_hash=bytes([i]) * 32, client_id=hubspot.client_id, connection_id=hubspot.pk, provider_key="hubspot",
            status=500, code="x", title=f"Trouble {i:03}", method="GET", path_template="/", cause="c", remedy="r",
            who="you", count=1, first_seen_at=now, last_seen_at=now - timedelta(minutes=i // 7),
            last_call_id=hubspot.pk,
        )
        for i in range(120)
    )  # fmt: skip
    browser, seen, query = browser_of(ada), [], ""
    for _ in range(5):
        answer = browser.get(f"/errors/{query}")
        page = answer.context["page"]
        seen += [group.title for group in page]
        query = f"?after={page.after.replace('+', '%2B')}"
    assert len(seen) == len(set(seen)) == 120
    assert "120 groups" in answer.content.decode()


def test_a_key_that_is_none_gives_the_first_page(browser_of, ada, hubspot):
    write(hubspot)
    for bad in ("x", "2026-01-01", "2026-01-01T00:00:00+00:00_nonsense", "9999-99-99_1"):
        assert "HubSpot failed (500)" in page_of(browser_of(ada), after=bad)


def test_the_list_comes_as_csv_and_the_book_knows(browser_of, ada, hubspot):
    write(hubspot)
    answer = browser_of(ada).get("/errors/", {"format": "csv"})
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert lines[0].startswith("id,state,status")
    assert "acme-hubspot" in lines[1]
    assert AuditEvent.objects.filter(action="export.made").count() == 1


def test_a_group_whose_calls_are_gone_still_says_why(browser_of, ada, hubspot):
    write(hubspot)
    Call.objects.all().delete()
    hubspot.delete()
    content = page_of(browser_of(ada), f"/errors/{only_group().pk}/")
    assert "no longer kept" in content
    assert escape(only_group().remedy) in content


@pytest.mark.parametrize("many", [1, 40])
def test_errors_take_at_most_20_queries(browser_of, olive, many):
    for i in range(many):
        write(connect(make_client(f"c{i}"), f"c{i}-hubspot"))
    browser = browser_of(olive)
    with ExitStack() as stack:
        seen = [stack.enter_context(CaptureQueriesContext(connection)) for connection in connections.all()]
        page_of(browser)
    assert sum(len(of_one) for of_one in seen) <= 20, [q["sql"] for of_one in seen for q in of_one.captured_queries]


@pytest.mark.parametrize(("who", "offered"), [("ada", True), ("ben", False)])
def test_a_call_that_the_token_refused_leads_to_the_token(request, browser_of, acme, hubspot, who, offered):
    token, _text = tokens.make(acme, "n8n", [hubspot], actor=SYSTEM, paths=["/me"])
    refused = {"status": 403, "outcome": Outcome.REFUSED, "code": "not_allowed", "token_id": token.pk}
    call = write(hubspot, **refused)
    browser, link = browser_of(request.getfixturevalue(who)), f'href="/tokens/{token.pk}/"'
    for page in (f"/errors/{only_group().pk}/", f"/calls/{call.pk}/"):
        assert (link in page_of(browser, page)) is offered, page
    tokens.revoke(token, actor=SYSTEM, now=timezone.now())
    assert link not in page_of(browser, f"/calls/{call.pk}/")


def test_a_refused_credential_is_one_row_with_what_was_refused_on_its_page(browser_of, ada, hubspot):
    for target in (b"/crm/v3/objects/deals", b"/crm/v3/objects/contacts/1"):
        write(hubspot, status=401, outcome=Outcome.AUTH, target=target, ago=timedelta(minutes=9))
    content = page_of(browser_of(ada))
    assert "Credential refused" in content
    assert "whatever was called" in content
    assert "/crm/v3/objects/contacts/{id}" in content
    assert only_group().count == 2
    ErrorGroup.objects.update(state="resolved", mended_at=timezone.now())
    content = page_of(browser_of(ada), f"/errors/{only_group().pk}/")
    assert "Works again since" in content
    assert "works again" in content


def test_groups_are_narrowed_to_what_failed_in_a_span(browser_of, ada, hubspot):
    write(hubspot, ago=timedelta(hours=5))
    late = write(hubspot, status=404, outcome=Outcome.CLIENT_ERROR)
    answer = browser_of(ada).get("/errors/", {"when": "last 2 h"})
    assert [group.pk for group in answer.context["groups"]] == [late.group_id]
    assert len(browser_of(ada).get("/errors/", {"when": "last 6 h"}).context["groups"]) == 2
    assert "Not a time I understand" in page_of(browser_of(ada), when="soonish")


def test_a_group_says_how_many_of_its_calls_wait(browser_of, ada, hubspot):
    token, _secret = tokens.make(hubspot.client, "n8n", [hubspot], actor=SYSTEM)
    calls = [write(hubspot) for _ in range(3)]
    for call, state in zip(calls, ("waiting", "needs_decision", "sent"), strict=True):
        HeldCall.objects.create(
            pk=call.pk, client=hubspot.client, environment=hubspot.environment, connection=hubspot, token=token,
            token_name="n8n", held_at=timezone.now(), method="GET", path="/x", state=state,
        )  # fmt: skip
    content = page_of(browser_of(ada))
    assert "2 queued" in content
    assert 'href="/waiting/"' in content
    HeldCall.objects.all().delete()
    assert "queued" not in page_of(browser_of(ada))
