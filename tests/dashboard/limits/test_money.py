"""What models cost, on the pages of a connection and of a client; budgets; the agency's own prices."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.pages.limits.money_forms import typed_dollars
from integrations.models import Budget, ModelPrice
from integrations.models.usage import NANO
from secrets_vault.models import AuditEvent
from tests.dashboard.errors.conftest import connect
from tests.dashboard.limits.conftest import count, spend
from tests.factories import make_client

pytestmark = pytest.mark.django_db


def content_of(browser, path, **query):
    answer = browser.get(path, query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_what_each_model_cost_is_shown_and_what_is_not_known_is_said(browser_of, ada, openai):
    spend(openai, 12.5)
    spend(openai, 0, model="gpt-99", unpriced_calls=3)
    spend(openai, 0, model="", untold_calls=3)
    content = content_of(browser_of(ada), "/limits/acme-openai/")
    assert "$12.50" in content
    assert "price not known" in content
    assert "3 calls have no known price" in content
    assert "3 answers did not say what they used" in content
    assert "/settings/prices/" not in content  # Ada does not own the installation


def test_amounts_are_written_as_the_viewers_language_does(browser_of, ada, openai):
    spend(openai, 1234.5)
    ada.language = "de"
    ada.save(update_fields=["language"])
    assert "1.234,50" in content_of(browser_of(ada), "/limits/acme-openai/")


def test_last_month_is_not_this_month(browser_of, ada, openai):
    spend(openai, 12.5, day=datetime.now(UTC).date().replace(day=1) - timedelta(days=1))
    assert "$0.00" in content_of(browser_of(ada), "/limits/acme-openai/")


def test_a_budget_of_a_connection_is_set_shown_and_removed(browser_of, ada, openai):
    browser = browser_of(ada)
    spend(openai, 30)
    answer = browser.post("/limits/acme-openai/budget/", {"warn": "40", "stop": "$50,50"}, follow=True)
    content = answer.content.decode()
    assert "The budget is set." in content
    assert "$30.00 of $50.50" in content
    budget = Budget.objects.get()
    assert (budget.connection_id, budget.warn_nano, budget.stop_nano) == (openai.pk, 40 * NANO, 50_500_000_000)
    assert AuditEvent.objects.get(action="budget.set").details["stop"] == "50.50"
    browser.post("/limits/acme-openai/budget/", {"warn": "", "stop": ""})
    assert not Budget.objects.exists()
    assert AuditEvent.objects.filter(action="budget.removed").exists()


def test_a_budget_that_is_already_used_up_stops_at_once_and_raising_it_lets_go(browser_of, ada, openai):
    browser = browser_of(ada)
    spend(openai, 30)
    content = browser.post("/limits/acme-openai/budget/", {"stop": "20"}, follow=True).content.decode()
    assert "calls stop" in content
    openai.refresh_from_db()
    assert openai.spend_stopped_until is not None
    browser.post("/limits/acme-openai/budget/", {"stop": "40"})
    openai.refresh_from_db()
    assert openai.spend_stopped_until is None


@pytest.mark.parametrize(
    ("warn", "stop"), [("50", "40"), ("", "0"), ("abc", "5"), ("", "-5"), ("", "10001"), ("", "1e3"), ("NaN", "")]
)
def test_amounts_that_make_no_sense_are_refused_in_words(browser_of, ada, openai, warn, stop):
    answer = browser_of(ada).post("/limits/acme-openai/budget/", {"warn": warn, "stop": stop}, follow=True)
    assert "The budget is set" not in answer.content.decode()
    assert not Budget.objects.exists()


@pytest.mark.parametrize("who", ["ben", "cora"])
def test_who_may_not_manage_sets_no_budget(request, browser_of, openai, who):
    browser = browser_of(request.getfixturevalue(who))
    for path in ("/limits/acme-openai/budget/", "/usage/acme/budget/"):
        assert browser.post(path, {"stop": "1"}).status_code == 404
    assert not Budget.objects.exists()


def test_a_client_has_a_page_with_its_connections_and_a_budget_of_its_own(browser_of, ada, acme, openai):
    spend(openai, 7)
    count(openai, 40)
    browser = browser_of(ada)
    browser.post("/usage/acme/budget/", {"warn": "5"})
    content = content_of(browser, "/usage/acme/")
    assert "$7.00 of $5.00" in content
    assert '<td class="n" data-l="Calls">40</td>' in content
    assert Budget.objects.get().connection_id is None
    assert "The whole client" in content_of(browser, "/limits/acme-openai/")


def test_clients_are_listed_as_far_as_one_may_see_them(browser_of, ada, acme, openai):
    spend(openai, 7)
    beta = make_client("beta", name="Beta")
    spend(connect(beta, "beta-openai", "openai", kind="api_key"), 9)
    content = content_of(browser_of(ada), "/usage/")
    assert "7.00" in content
    assert "Beta" not in content
    lines = b"".join(browser_of(ada).get("/usage/", {"format": "csv"}).streaming_content).decode().splitlines()
    assert lines[2:] == ["acme,Acme,0,0,0,7,"]


def test_many_clients_come_in_pages_and_few_queries(browser_of, olive, django_assert_max_num_queries):
    for i in range(60):
        make_client(f"c{i:02}")
    browser = browser_of(olive)
    with django_assert_max_num_queries(16):
        content = content_of(browser, "/usage/")
    assert content.count("data-row") == 50
    assert 'href="/usage/c59/"' in content_of(browser, "/usage/", after="c49")


def test_the_owner_sets_and_takes_back_a_price(browser_of, olive, openai):
    spend(openai, 0, model="gpt-99", unpriced_calls=3)
    browser = browser_of(olive)
    content = content_of(browser, "/settings/prices/")
    assert "Called lately, price not known" in content
    assert "?provider=openai&amp;model=gpt-99" in content
    assert "gpt-5.4-mini" in content
    browser.post("/settings/prices/", {"provider": "openai", "model": "gpt-99", "input": "1.25", "output": "0,075"})
    row = ModelPrice.objects.get()
    assert (row.input_nano, row.output_nano, row.cached_nano) == (1_250_000_000, 75_000_000, None)
    assert "0.075" in content_of(browser, "/settings/prices/")
    browser.post(f"/settings/prices/{row.pk}/remove/")
    assert not ModelPrice.objects.exists()
    assert AuditEvent.objects.filter(action__startswith="price.").count() == 2


@pytest.mark.parametrize(
    "given",
    [
        {"model": "gpt-99"},
        {"model": "<script>", "input": "1"},
        {"model": "", "input": "1"},
        {"model": "x", "input": "1", "provider": "nobody"},
        {"model": "x", "input": "much"},
    ],
)
def test_a_price_that_is_none_is_refused(browser_of, olive, given):
    answer = browser_of(olive).post("/settings/prices/", {"provider": "openai"} | given)
    assert answer.status_code == 422
    assert not ModelPrice.objects.exists()


def test_only_the_owner_sees_prices(browser_of, ada):
    assert browser_of(ada).get("/settings/prices/").status_code == 404


@pytest.mark.parametrize(
    ("nano", "typed"), [(None, ""), (0, "0"), (5 * NANO, "5"), (75_000_000, "0.075"), (1, "0.000000001")]
)
def test_an_amount_is_shown_as_it_is_typed(nano, typed):
    assert typed_dollars(nano) == typed
