"""Every call, and one call in full."""

import json
from contextlib import ExitStack
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import escape

from dashboard.pages.calls.one import cause_of
from integrations import tokens
from integrations.call_log.search import pages as search_pages
from integrations.limits import Reading
from integrations.models import Connection, ErrorGroup, HeldCall, Outage
from integrations.models.call import Outcome
from secrets_vault import audit, vault
from secrets_vault.actor import COMMAND
from secrets_vault.models import AuditEvent
from secrets_vault.secret import Secret
from tests.dashboard.errors.conftest import connect, write
from tests.factories import make_client

pytestmark = pytest.mark.django_db

EVERY_TROUBLE = [
    (400, "", Outcome.CLIENT_ERROR),
    (401, "", Outcome.AUTH),
    (403, "", Outcome.AUTH),
    (404, "", Outcome.CLIENT_ERROR),
    (409, "", Outcome.CLIENT_ERROR),
    (422, "", Outcome.CLIENT_ERROR),
    (429, "", Outcome.LIMITED),
    (500, "", Outcome.UPSTREAM_ERROR),
    (502, "", Outcome.UPSTREAM_ERROR),
    (503, "", Outcome.UPSTREAM_ERROR),
    (504, "", Outcome.UPSTREAM_ERROR),
    (504, "upstream_timeout", Outcome.TIMEOUT),
    (502, "upstream_unreachable", Outcome.UNREACHABLE),
    (502, "upstream_invalid", Outcome.UPSTREAM_ERROR),
    (502, "needs_reconnecting", Outcome.REFUSED),
    (403, "not_allowed", Outcome.REFUSED),
    (429, "token_limited", Outcome.LIMITED),
    (418, "", Outcome.CLIENT_ERROR),
]


def page_of(browser, address="/calls/", **query):
    answer = browser.get(address, query)
    assert answer.status_code == 200
    return answer.content.decode()


def paths_in(content):
    return {word for word in ("contacts", "deals", "companies") if f"/{word}" in content}


@pytest.mark.parametrize(("status", "code", "outcome"), EVERY_TROUBLE)
def test_every_trouble_says_what_happened_what_to_do_and_who_must_act(browser_of, ada, hubspot, status, code, outcome):
    call = write(hubspot, status=status, code=code, outcome=outcome)
    cause = cause_of(call)
    assert cause is not None
    assert min(len(cause.title), len(cause.cause), len(cause.remedy)) > 3
    content = page_of(browser_of(ada), f"/calls/{call.pk}/")
    for words in (cause.title, cause.cause, cause.remedy, "Who must act."):
        assert escape(words) in content
    group_page = page_of(browser_of(ada), f"/errors/{call.group_id}/")
    assert escape(cause.cause) in group_page
    assert escape(cause.remedy) in group_page


@pytest.mark.parametrize(("who", "status"), [("ada", 200), ("ben", 200), ("olive", 200), ("cora", 404)])
def test_a_strangers_call_does_not_exist(request, browser_of, hubspot, who, status):
    call = write(hubspot)
    browser = browser_of(request.getfixturevalue(who))
    assert browser.get(f"/calls/{call.pk}/").status_code == status
    assert (str(call.pk) in page_of(browser)) is (status == 200)
    assert browser.get(f"/calls/{uuid4()}/").status_code == 404


def test_a_call_shows_request_and_response_masked(browser_of, ada, hubspot):
    secret = "canary-secret-0123456789"
    call = write(
        hubspot, method="POST", known=(secret,), secret_version=6,
        request_headers=[(b"content-type", b"application/json"), (b"authorization", f"Bearer {secret}".encode())],
        request_body=f'{{"lifecyclestage": "lead", "token": "{secret}"}}'.encode(),
        response_headers=[(b"x-hubspot-correlation", b"1")], response_body=b'{"message": "internal error"}',
        secret_made_at=timezone.now() - timedelta(days=9),
    )  # fmt: skip
    content = page_of(browser_of(ada), f"/calls/{call.pk}/")
    assert secret not in content
    assert 'class="mask"' in content
    for words in ("lifecyclestage", "internal error", "version 6, 9 days old then", "n8n, from 192.0.2.10"):
        assert words in content


def test_a_call_says_what_limit_was_left_then(browser_of, ada, hubspot):
    call = write(hubspot, status=429, outcome=Outcome.LIMITED, readings=[Reading("ten_seconds", 190, 0, 10)])
    assert "ten seconds: 0 of 190 left" in page_of(browser_of(ada), f"/calls/{call.pk}/")


def test_a_page_text_from_outside_is_only_text(browser_of, ada, hubspot):
    call = write(hubspot, response_body=b"<script>alert(1)</script>", target=b"/x/<img>", token_name="<b>n8n</b>")
    for path in (f"/calls/{call.pk}/", "/calls/", "/errors/"):
        content = page_of(browser_of(ada), path)
        assert "<script>alert" not in content
        assert "<img>" not in content
        assert "<b>n8n" not in content


def test_a_call_can_be_copied_as_curl_without_its_secret(browser_of, ada, hubspot):
    call = write(
        hubspot, method="POST", target=b"/crm/v3/objects/contacts", request_body=b"{\"a\": \"it's\"}",
        request_headers=[(b"content-type", b"application/json"), (b"authorization", b"Bearer abcdefghijklmnop123456")],
    )  # fmt: skip
    answer = browser_of(ada).get(f"/calls/{call.pk}/")
    curl = answer.context["curl"]
    assert "/gateway/acme-hubspot/crm/v3/objects/contacts" in curl
    assert "Authorization: Bearer $GATEWAY_TOKEN" in curl
    assert "content-type: application/json" in curl.lower()
    assert "abcdefghijklm" not in curl


def test_the_calls_of_an_error_are_walked_one_by_one(browser_of, ada, hubspot):
    first, middle, last = (write(hubspot, ago=timedelta(minutes=m)) for m in (3, 2, 1))
    content = page_of(browser_of(ada), f"/calls/{middle.pk}/")
    assert f'rel="prev" href="/calls/{first.pk}/"' in content
    assert f'rel="next" href="/calls/{last.pk}/"' in content
    assert f"/errors/{middle.group_id}/" in content


def test_the_list_shows_failed_calls_first_and_all_when_asked(browser_of, ada, hubspot):
    write(hubspot)
    write(hubspot, status=200, outcome=Outcome.OK, target=b"/crm/v3/objects/deals")
    browser = browser_of(ada)
    assert paths_in(page_of(browser)) == {"contacts"}
    assert paths_in(page_of(browser, outcome="all")) == {"contacts", "deals"}
    assert paths_in(page_of(browser, outcome="ok")) == {"deals"}


def test_an_empty_list_says_so(browser_of, ada):
    assert "No call failed" in page_of(browser_of(ada))
    assert "No calls yet" in page_of(browser_of(ada), outcome="all")
    assert "No call matches" in page_of(browser_of(ada), method="GET")


@pytest.mark.parametrize(
    ("query", "finds"),
    [
        ({"status": "404"}, {"deals"}),
        ({"status": "5xx"}, {"contacts"}),
        ({"status": "none"}, {"companies"}),
        ({"method": "POST"}, {"deals"}),
        ({"path": "objects/dea"}, {"deals"}),
        ({"provider": "hubspot"}, {"contacts", "deals", "companies"}),
        ({"environment": "production"}, {"contacts", "deals", "companies"}),
        ({"when": "last 1 h"}, {"contacts", "deals"}),
        ({"when": "yesterday to today"}, {"contacts", "deals", "companies"}),
        ({"status": "nonsense"}, {"contacts", "deals", "companies"}),
    ],
)
def test_the_list_is_narrowed(browser_of, ada, hubspot, query, finds):
    write(hubspot)
    write(hubspot, status=404, outcome=Outcome.CLIENT_ERROR, method="POST", target=b"/crm/v3/objects/deals")
    write(
        hubspot, status=None, outcome=Outcome.UNREACHABLE, ago=timedelta(hours=2), target=b"/crm/v3/objects/companies"
    )
    content = page_of(browser_of(ada), **query)
    assert paths_in(content[content.index('id="call-rows"') :]) == finds


def test_a_call_is_found_by_request_id_connection_client_and_group(browser_of, ada, acme, hubspot):
    mine = write(hubspot)
    other = write(connect(acme, "acme-other"), target=b"/crm/v3/objects/deals")
    browser = browser_of(ada)
    for query in ({"id": str(mine.pk)}, {"connection": str(hubspot.pk)}, {"group": str(mine.group_id)}):
        content = page_of(browser, **query)
        assert str(mine.pk) in content
        assert f"/calls/{other.pk}/" not in content
    assert f"/calls/{other.pk}/" in page_of(browser, client=str(acme.pk))


def test_a_call_is_found_by_what_the_provider_calls_it(browser_of, ada, cora, hubspot):
    mine = write(hubspot, upstream_ref=b"req_8uXy2bV9", status=200, outcome=Outcome.OK)
    other = write(hubspot, upstream_ref=b"req_other")
    browser = browser_of(ada)
    content = page_of(browser, id=" req_8uXy2bV9 ")
    assert f"/calls/{mine.pk}/" in content
    assert f"/calls/{other.pk}/" not in content
    assert f"/calls/{mine.pk}/" in browser.post("/search/", {"q": "req_8uXy2bV9"}).content.decode()
    assert f"/calls/{mine.pk}/" not in page_of(browser_of(cora), id="req_8uXy2bV9")
    assert f"/calls/{mine.pk}/" not in browser_of(cora).post("/search/", {"q": "req_8uXy2bV9"}).content.decode()


@pytest.mark.parametrize(
    ("query", "said"), [({"when": "soonish"}, "Not a time I understand"), ({"id": "4 2"}, "A request id has no spaces")]
)
def test_what_cannot_be_read_is_said(browser_of, ada, hubspot, query, said):
    write(hubspot)
    assert said in page_of(browser_of(ada), **query)


def test_a_live_list_asks_again_and_is_left_alone_while_nothing_is_new(browser_of, ada, hubspot):
    call = write(hubspot)
    browser, htmx = browser_of(ada), {"HX-Request": "true"}
    assert "every 2s" in page_of(browser, live="on")
    assert "every 2s" not in page_of(browser)
    assert browser.get("/calls/", {"live": "on", "newest": str(call.pk)}, headers=htmx).status_code == 204
    write(hubspot, target=b"/crm/v3/objects/deals")
    answer = browser.get("/calls/", {"live": "on", "newest": str(call.pk)}, headers=htmx)
    assert answer.status_code == 200
    assert "/deals" in answer.content.decode()
    assert answer.content.decode().count("newest=") == 1


def test_pages_follow_one_another(browser_of, ada, hubspot):
    for i in range(60):
        write(hubspot, ago=timedelta(seconds=i))
    browser = browser_of(ada)
    first = browser.get("/calls/").context["page"]
    second = browser.get("/calls/", {"after": first.after}).context["page"]
    assert len(first) == 50
    assert len({call.pk for call in [*first, *second]}) == 60
    assert "60 calls" in page_of(browser)


def test_what_is_rare_is_counted_as_far_as_was_looked(browser_of, ada, hubspot, monkeypatch):
    monkeypatch.setattr(search_pages, "ROWS", (2, 3))
    for _ in range(6):
        write(hubspot)
    page = page_of(browser_of(ada), method="PUT", outcome="all")
    assert "none so far" in page
    assert "Look further back" in page
    write(hubspot, method="PUT")
    assert "at least 1 call<" in page_of(browser_of(ada), method="PUT", outcome="all")


def test_the_list_comes_as_csv_and_the_book_knows(browser_of, ada, hubspot):
    write(hubspot, token_name="=cmd()")
    lines = b"".join(browser_of(ada).get("/calls/", {"format": "csv"}).streaming_content).decode().splitlines()
    assert lines[0].startswith("# Calls, made at ") or lines[0].startswith('"# Calls, made at ')
    assert "acme-hubspot,production,hubspot,'=cmd()" in lines[2]
    assert AuditEvent.objects.filter(action="export.made", object_label="Calls as CSV").count() == 1


@pytest.mark.parametrize("many", [1, 40])
def test_calls_take_at_most_20_queries(browser_of, olive, many):
    for i in range(many):
        write(connect(make_client(f"c{i}"), f"c{i}-hubspot"))
    browser = browser_of(olive)
    for path in ("/calls/", f"/calls/{ErrorGroup.objects.first().last_call_id}/"):
        with ExitStack() as stack:
            seen = [stack.enter_context(CaptureQueriesContext(connection)) for connection in connections.all()]
            page_of(browser, path)
        assert sum(len(of_one) for of_one in seen) <= 20


SIGNED = {"jwt_issuer": "https://ci.example", "jwt_subject": "repo:acme/site:ref:refs/heads/main"}


@pytest.mark.parametrize("typed", ["acme/SITE", "ci.example"])
def test_calls_are_found_by_whose_jwt_opened_them_and_say_so_in_the_csv(browser_of, ada, hubspot, typed):
    signed, other = write(hubspot, **SIGNED), write(hubspot)
    page = browser_of(ada).get("/calls/", {"signer": typed}).content.decode()
    assert str(signed.pk) in page
    assert str(other.pk) not in page
    assert "JWT of repo:acme/site" in page
    csv = browser_of(ada).get("/calls/", {"signer": typed, "format": "csv"})
    text = b"".join(csv.streaming_content if csv.streaming else [csv.content]).decode()
    assert "https://ci.example,repo:acme/site:ref:refs/heads/main," in text
    one = browser_of(ada).get(f"/calls/{signed.pk}/").content.decode()
    assert "by a JWT of https://ci.example" in one


def test_a_program_is_named_as_it_names_itself_masked_whole_before_it_is_cut(hubspot):
    key = "sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dc"
    told = [
        write(hubspot, agent=agent).agent
        for agent in (b"n8n/1.71", b"python-requests/2.32", b"x" * 70 + key.encode(), b"y" * 400, b"mine", b"\xff\x00")
    ]
    assert told[:2] == ["n8n/1.71", "python-requests/2.32"]
    assert not any(key[:12] in agent or len(agent) > 80 for agent in told)
    known = write(hubspot, agent=b"bot hunter22", known=("hunter22",))
    assert "hunter22" not in known.agent


def test_the_failures_nearest_to_a_moment_are_found(browser_of, ada, hubspot):
    rows = [write(hubspot, ago=timedelta(minutes=m)) for m in (90, 61, 58, 10)]
    moment = (timezone.now() - timedelta(minutes=60)).isoformat()
    answer = browser_of(ada).get("/calls/", {"around": moment, "connection": str(hubspot.pk)})
    assert [row.pk for row in answer.context["rows"]] == [row.pk for row in reversed(rows)]
    assert answer.context["nearest"] == rows[1].pk
    content = answer.content.decode()
    assert content.count("nearest</span>") == 1
    assert "Nearest to" in content
    assert "Not a time I understand" in page_of(browser_of(ada), around="soonish")


@pytest.fixture
def stored(acme, hubspot):
    """Return the connection with an access token that ended ten minutes ago."""
    fields = {"access_token": Secret("canary-access-0123456789")}
    ends = timezone.now() - timedelta(minutes=10)
    hubspot.secret = vault.store(
        actor=COMMAND, client=acme, environment=acme.environments.first(), kind="oauth_tokens", label="tokens",
        fields=fields, expires_at=ends,
    )  # fmt: skip
    hubspot.save()
    return hubspot


def test_one_page_says_why_a_call_failed_at_that_second(browser_of, ada, acme, stored):
    before = [write(stored, status=200, outcome=Outcome.OK, ago=timedelta(minutes=m)) for m in range(20, 12, -1)]
    call = write(
        stored, status=401, outcome=Outcome.AUTH, secret_version=1, ago=timedelta(minutes=8),
        readings=[Reading("ten_seconds", 200, 50, 10)],
    )  # fmt: skip
    twin = write(stored, status=401, outcome=Outcome.AUTH, ago=timedelta(minutes=5))
    with transaction.atomic():
        audit.record("connection.resumed", actor=COMMAND, client=acme, subject=stored)
    Outage.objects.create(
        origin="https://api.hubapi.com", reason="timeout", opened_at=call.at - timedelta(minutes=1),
        next_try_at=call.at, delay_s=1,
    )  # fmt: skip
    answer = browser_of(ada).get(f"/calls/{call.pk}/")
    content = answer.content.decode()
    assert [row.pk for row in answer.context["beside"]] == [twin.pk, call.pk, *(row.pk for row in before[:-6:-1])]
    for words in (
        "75 percent used",
        "2 min before the call",
        "Resumed",
        "did not answer",
        "same error",
        "this call",
    ):
        assert words in content, words
    assert "canary" not in content


def test_what_changed_is_of_this_connection_and_this_hour_only(browser_of, ada, acme, hubspot):
    other = connect(acme, "acme-other")
    call = write(hubspot, ago=timedelta(hours=3))
    with transaction.atomic():
        audit.record("connection.paused", actor=COMMAND, client=acme, subject=hubspot)
        audit.record("connection.paused", actor=COMMAND, client=acme, subject=other)
    answer = browser_of(ada).get(f"/calls/{call.pk}/")
    assert answer.context["changes"] == []
    assert "No other call of this connection is kept" in answer.content.decode()


def test_a_call_that_is_kept_says_so_only_to_who_may_see_it(browser_of, ada, hubspot):
    token, _secret = tokens.make(hubspot.client, "n8n", [hubspot], actor=COMMAND)
    call = write(hubspot)
    HeldCall.objects.create(
        pk=call.pk, client=hubspot.client, environment=hubspot.environment, connection=hubspot, token=token,
        token_name="n8n", held_at=timezone.now(), method="GET", path="/x",
    )  # fmt: skip
    assert "Keylodge kept this call" in page_of(browser_of(ada), f"/calls/{call.pk}/")
    assert "Keylodge kept this call" not in page_of(browser_of(ada), f"/calls/{write(hubspot).pk}/")


def test_a_connection_among_very_many_is_still_a_filter(browser_of, olive, acme, hubspot):
    Connection.objects.bulk_create(
        Connection(slug=f"many-{n}", client=acme, environment=hubspot.environment, provider_key="stripe")
        for n in range(101)
    )
    mine, other = write(hubspot), write(Connection.objects.get(slug="many-7"))
    rows = browser_of(olive).get("/calls/", {"connection": str(hubspot.pk)}).context["rows"]
    assert [row.pk for row in rows] == [mine.pk]
    assert other.pk != mine.pk


def lines_of(browser, **query):
    return b"".join(browser.get("/calls/", query).streaming_content).decode().splitlines()


def test_a_download_has_all_that_is_filtered_masked_and_says_by_what(browser_of, ada, hubspot, monkeypatch):
    monkeypatch.setattr("dashboard.pages.calls.export.AT_ONCE", 2)
    secret = "canary-secret-0123456789"
    calls = [write(hubspot, known=(secret,), response_body=secret.encode(), ago=timedelta(minutes=m)) for m in range(5)]
    write(hubspot, method="PUT")
    browser = browser_of(ada)
    asked = {"method": "GET", "q": "contacts", "live": "on"}
    head, *rows = (json.loads(line) for line in lines_of(browser, format="jsonl", **asked))
    assert [row["id"] for row in rows] == [str(call.pk) for call in calls]
    assert head["export"]["filter"] == {"method": "GET", "q": "contacts"}
    first, header, *cells = lines_of(browser, format="csv", **asked)
    assert "method=GET, q=contacts" in first
    assert (header.split(",")[0], len(cells)) == ("request id", 5)
    assert secret not in json.dumps(rows) + "".join(cells)
    event = AuditEvent.objects.filter(action="export.made").last()
    assert event.details == {"filtered_by": ["method", "q"]}


def test_a_live_list_in_which_nothing_is_new_asks_little(browser_of, ada, hubspot):
    newest = [write(hubspot) for _ in range(60)][-1]
    browser, htmx = browser_of(ada), {"HX-Request": "true"}
    with ExitStack() as stack:
        seen = [stack.enter_context(CaptureQueriesContext(connection)) for connection in connections.all()]
        answer = browser.get("/calls/", {"live": "on", "newest": str(newest.pk)}, headers=htmx)
    assert answer.status_code == 204
    assert sum(len(of_one) for of_one in seen) <= 12
