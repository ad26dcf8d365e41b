"""One connection's page of use: history, callers and their cap, paths, quotas and who shares them."""

from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.models import Connection, CustomProvider, GatewayToken, LimitReading
from integrations.providers.custom import custom_from
from secrets_vault.models import AuditEvent
from tests.dashboard.errors.conftest import connect
from tests.dashboard.limits.conftest import count, make_token, spend
from tests.factories import make_client

pytestmark = pytest.mark.django_db


def page_of(browser, slug="acme-hubspot", **query):
    answer = browser.get(f"/limits/{slug}/", query)
    assert answer.status_code == 200
    return answer.content.decode()


def read(connection, **fields):
    now = timezone.now()
    given = {
        "bucket": "daily", "limit": 1000, "remaining": 400, "window_s": 86_400, "read_at": now,
        "resets_at": now + timedelta(hours=12), "source": "headers",
    }  # fmt: skip
    return LimitReading.objects.create(
        connection_id=connection.pk, client_id=connection.client_id, **{**given, **fields}
    )


@pytest.mark.parametrize(("who", "status"), [("ada", 200), ("ben", 200), ("olive", 200), ("cora", 404)])
def test_only_who_may_see_the_client_sees_the_page(request, browser_of, hubspot, who, status):
    assert browser_of(request.getfixturevalue(who)).get("/limits/acme-hubspot/").status_code == status


def test_an_empty_page_says_so(browser_of, ada, hubspot):
    content = page_of(browser_of(ada))
    assert "No call went through Keylodge in this time." in content
    assert "Nobody called in this time." in content
    assert "US dollars" not in content


@pytest.mark.parametrize(
    ("window", "said"),
    [
        ("24h", "Calls in 24 hours: 10, 2 of them failed"),
        ("7d", "Calls in 7 days: 30, 2 of them failed"),
        ("30d", "Calls in 30 days: 60, 2 of them failed"),
        ("12m", "Calls in 12 months: 100, 2 of them failed"),
        ("nonsense", "Calls in 24 hours: 10"),
    ],
)
def test_each_window_is_drawn_from_its_own_counts(browser_of, ada, hubspot, window, said):
    for calls, ago in ((10, 0.1), (20, 3), (30, 20), (40, 200)):
        count(hubspot, calls, ago=timedelta(days=ago), failed=2 if calls == 10 else 0)
    assert said in page_of(browser_of(ada), window=window)


def test_callers_are_named_with_their_share(browser_of, ada, acme, hubspot):
    count(hubspot, 75, token=make_token(acme, "Nightly sync", hubspot))
    count(hubspot, 25)
    content = page_of(browser_of(ada))
    assert content.index("Nightly sync") < content.index("no token")
    assert "75 %" in content


def test_a_caller_is_capped_at_half_its_pace_and_let_go_again(browser_of, ada, acme, hubspot):
    token = make_token(acme, "Nightly sync", hubspot)
    count(hubspot, 241, token=token)
    browser = browser_of(ada)
    assert 'name="per_minute" min="1" value="120"' in page_of(browser)
    answer = browser.post("/limits/acme-hubspot/cap/", {"token": token.pk, "per_minute": "120"}, follow=True)
    assert "You capped Nightly sync at 120 calls a minute." in answer.content.decode()
    token.refresh_from_db()
    assert token.per_minute == 120
    changed = AuditEvent.objects.get(action="token.changed")
    assert changed.details == {"per_minute": {"old": None, "new": 120}}
    answer = browser.post("/limits/acme-hubspot/uncap/", follow=True)
    assert "Nightly sync is as it was." in answer.content.decode()
    token.refresh_from_db()
    assert token.per_minute is None
    assert "You capped" not in page_of(browser)


def test_undoing_leaves_alone_what_somebody_else_changed_since(browser_of, ada, acme, hubspot):
    token = make_token(acme, "Nightly sync", hubspot)
    browser = browser_of(ada)
    browser.post("/limits/acme-hubspot/cap/", {"token": token.pk, "per_minute": "120"})
    GatewayToken.objects.update(per_minute=10)
    assert "You capped" not in page_of(browser)
    assert "no cap of yours" in browser.post("/limits/acme-hubspot/uncap/", follow=True).content.decode()
    token.refresh_from_db()
    assert token.per_minute == 10


@pytest.mark.parametrize("wanted", ["", "0", "-1", "many", "60", "61", "99999999999"])
def test_a_cap_is_a_number_and_less_than_before(browser_of, ada, acme, hubspot, wanted):
    token = make_token(acme, "Nightly sync", hubspot, per_minute=60)
    browser_of(ada).post("/limits/acme-hubspot/cap/", {"token": token.pk, "per_minute": wanted})
    token.refresh_from_db()
    assert token.per_minute == 60


def test_nobody_caps_what_is_not_theirs(browser_of, ada, ben, cora, acme, hubspot):
    beta = make_client("beta")
    other = make_token(beta, "Theirs", connect(beta, "beta-hubspot"))
    mine = make_token(acme, "Elsewhere", connect(acme, "acme-other"))
    token = make_token(acme, "Nightly sync", hubspot)
    for pk in (other.pk, mine.pk, "x", ""):
        answer = browser_of(ada).post("/limits/acme-hubspot/cap/", {"token": pk, "per_minute": "1"}, follow=True)
        assert "Choose one of this connection" in answer.content.decode()
    for who in (ben, cora):
        posted = browser_of(who).post("/limits/acme-hubspot/cap/", {"token": token.pk, "per_minute": "1"})
        assert posted.status_code == 404
    assert not GatewayToken.objects.exclude(per_minute=None).exists()
    count(hubspot, 90, token=token)
    assert "/cap/" not in page_of(browser_of(ben))


def test_paths_are_listed_and_one_that_takes_many_is_named(browser_of, ada, hubspot):
    count(hubspot, 250, path="/crm/v3/objects/contacts/{id}")
    content = page_of(browser_of(ada))
    assert "GET /crm/v3/objects/contacts/{id}" in content
    assert "was called 250 times within an hour" in content
    assert "POST /crm/v3/objects/contacts/batch/read" in content
    assert "takes up to 100 in one call: 3 would have done" in content


def test_the_connections_own_page_says_it_too_and_leads_here(browser_of, ada, hubspot):
    count(hubspot, 250, path="/crm/v3/objects/contacts/{id}")
    content = browser_of(ada).get("/connections/acme-hubspot/").content.decode()
    assert "was called 250 times within an hour" in content
    assert "/limits/acme-hubspot/" in content
    assert "Budget used up" not in content
    Connection.objects.update(spend_stopped_until=timezone.now() + timedelta(days=1))
    assert "Budget used up" in browser_of(ada).get("/connections/acme-hubspot/").content.decode()


@pytest.mark.parametrize(
    ("calls", "path"), [(99, "/crm/v3/objects/contacts/{id}"), (500, "/crm/v3/owners/{id}"), (500, "")]
)
def test_fewer_calls_or_another_path_need_no_advice(browser_of, ada, hubspot, calls, path):
    count(hubspot, calls, path=path)
    assert "within an hour" not in page_of(browser_of(ada))


def test_when_it_is_used_up_at_this_pace_is_said_where_it_can_be_known(browser_of, ada, hubspot):
    read(hubspot)
    assert "At this pace it is used up at" in page_of(browser_of(ada))
    LimitReading.objects.update(remaining=900)
    assert "At this pace it lasts until it resets." in page_of(browser_of(ada))
    LimitReading.objects.update(resets_at=None)
    assert "At this pace" not in page_of(browser_of(ada))


def test_who_shares_the_quota_is_named_as_far_as_the_viewer_may_know(browser_of, ada, olive, acme, hubspot):
    hidden = make_client("beta", name="Beta")
    facts = custom_from(
        {"base_url": "https://api.shop.test"}, key="custom-shop", name="Shop", today=timezone.localdate(), where="x",
        injections={"api_key": {"in": "header", "name": "X-Key", "template": "{token}"}},
        limits=[{"bucket": "day", "limit": 40, "window_s": 86_400, "per": "per shop", "scope": "account"}],
    )  # fmt: skip
    CustomProvider.objects.create(key="custom-shop", name="Shop", facts=facts)
    for slug, client, account in (("a-2", acme, "1"), ("b-1", hidden, "1"), ("a-3", acme, "2")):
        connect(client, slug, "custom-shop", kind="api_key", account_id=account)
    Connection.objects.filter(pk=hubspot.pk).update(account_id="1", kind="api_key", provider_key="custom-shop")
    seen = page_of(browser_of(ada))
    assert "/limits/a-2/" in seen
    assert "/limits/a-3/" not in seen
    assert "Beta" not in seen
    assert "/limits/b-1/" in page_of(browser_of(olive))


def test_the_history_leaves_as_csv(browser_of, ada, hubspot):
    count(hubspot, 7)
    answer = browser_of(ada).get("/limits/acme-hubspot/", {"format": "csv", "window": "7d"})
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert lines[1] == "connection,from,until,calls,failed,at a limit"
    assert len(lines) == 2 + 84
    assert sum(int(line.split(",")[3]) for line in lines[2:]) == 7
    assert AuditEvent.objects.filter(action="export.made").exists()


@pytest.mark.parametrize("many", [1, 30])
def test_the_page_takes_at_most_30_queries(browser_of, ada, acme, openai, many):
    for i in range(many):
        count(openai, 5, token=make_token(acme, f"t{i}", openai), ago=timedelta(minutes=i), path=f"/v1/p{i}")
        spend(openai, 1, model=f"m{i}")
        connect(acme, f"acme-openai-{i}", "openai")
    browser = browser_of(ada)
    page_of(browser, "acme-openai")
    with ExitStack() as stack:
        seen = [stack.enter_context(CaptureQueriesContext(connection)) for connection in connections.all()]
        page_of(browser, "acme-openai")
    assert sum(len(of_one) for of_one in seen) <= 30, [q["sql"] for of_one in seen for q in of_one.captured_queries]
