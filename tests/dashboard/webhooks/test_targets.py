"""A target on pages: its sealed address, its filter in rows, its end."""

from __future__ import annotations

import pytest
from django.http import QueryDict

from dashboard.pages.webhooks.filter_rows import conditions_of, rows_from, typed_rows
from integrations.models import WebhookTarget
from integrations.webhooks import filters, sealing
from tests.factories import make_client, make_webhook_delivery, make_webhook_endpoint, make_webhook_event
from tests.factories import make_webhook_target as make_target
from tests.proving import prove

pytestmark = pytest.mark.django_db
HOME = "/webhooks/acme-stripe/targets/"
URL = "https://93.184.215.14/webhook/0123456789abcdef"
EVIL = "<script>alert(7)</script>\"'"


@pytest.fixture
def endpoint(acme):
    return make_webhook_endpoint(acme)


@pytest.fixture
def browser(browser_of, ada, endpoint):
    return browser_of(ada)


def rows(*conditions):
    columns = zip(*conditions, strict=True) if conditions else ((), (), ())
    return dict(zip(("path", "op", "value"), map(list, columns), strict=True))


def test_a_target_is_added_with_a_filter(browser, endpoint):
    chosen = rows(("$.type", "in", "invoice.paid, charge.refunded"), ("$.data.amount", "greater", "100"), ("", "", ""))
    assert browser.post(HOME + "new/", {"name": "n8n", "url": URL} | chosen).status_code == 302
    target = WebhookTarget.objects.get()
    assert sealing.open_url(target, client=endpoint.client).expose() == URL
    assert target.filter == [
        {"path": "$.type", "op": "in", "value": ["invoice.paid", "charge.refunded"]},
        {"path": "$.data.amount", "op": "greater", "value": 100},
    ]
    page = browser.get("/webhooks/acme-stripe/settings/").content.decode()
    assert "$.data.amount is greater than 100" in page
    assert "0123456789abcdef" not in page


def test_an_address_left_empty_stays_and_is_never_shown(browser, endpoint):
    target = make_target(endpoint, URL, name="n8n")
    page = browser.get(f"{HOME}{target.pk}/").content.decode()
    assert "0123456789abcdef" not in page
    browser.post(f"{HOME}{target.pk}/", {"name": "Other", "url": ""})
    target.refresh_from_db()
    assert (target.name, sealing.open_url(target, client=endpoint.client).expose()) == ("Other", URL)


def test_a_wrong_condition_is_shown_at_its_row(browser, endpoint):
    answer = browser.post(HOME + "new/", {"url": URL} | rows(("$.a", "equals", "1"), (EVIL, "greater", EVIL)))
    page = answer.content.decode()
    assert (answer.status_code, WebhookTarget.objects.count()) == (422, 0)
    assert not answer.context["rows"][0].error
    assert "Give a number." in answer.context["rows"][1].error
    assert EVIL not in page
    assert URL in page, "an address that was typed and not stored yet may be corrected"


def test_more_rows_come_without_a_script_and_keep_what_was_typed(browser, endpoint):
    typed = {"url": URL, "name": "n8n", "more": "1"} | rows(("$.a", "equals", "1"), ("$.b", "exists", ""))
    answer = browser.post(HOME + "new/", typed)
    assert answer.status_code == 200
    assert [row.path for row in answer.context["rows"]] == ["$.a", "$.b", "", ""]
    assert 'value="n8n"' in answer.content.decode()
    assert not WebhookTarget.objects.exists()


@pytest.mark.parametrize("url", ["http://10.0.0.5/x", "https://127.0.0.1/x", "ftp://x", "", EVIL])
def test_an_address_that_events_may_not_go_to_is_refused(browser, endpoint, url):
    answer = browser.post(HOME + "new/", {"url": url})
    assert answer.status_code == 422
    assert answer.context["form"].errors["url"]
    assert EVIL not in answer.content.decode()


def test_a_target_is_paused_resumed_and_removed(browser, endpoint):
    target = make_target(endpoint)
    for act, is_paused in (("pause", True), ("resume", False)):
        browser.post(f"{HOME}{target.pk}/{act}/")
        target.refresh_from_db()
        assert target.is_paused is is_paused
    browser.post(f"{HOME}{target.pk}/remove/")
    assert not WebhookTarget.objects.exists()


def test_a_target_that_events_wait_for_stays(browser, endpoint):
    target = make_target(endpoint)
    make_webhook_delivery(make_webhook_event(endpoint), target)
    answer = browser.post(f"{HOME}{target.pk}/remove/", follow=True)
    assert WebhookTarget.objects.exists()
    assert "still wait" in answer.content.decode()


@pytest.mark.parametrize("act", ["", "pause/", "remove/"])
def test_a_target_of_another_endpoint_is_not_there(browser, endpoint, olive, browser_of, act):
    foreign = make_target(make_webhook_endpoint(make_client("zed"), "zed-stripe"))
    for one in (browser, browser_of(olive)):
        prove(one)
        assert one.post(f"{HOME}{foreign.pk}/{act}").status_code == 404


CONDITIONS = [
    {"path": "$.a", "op": "equals", "value": "paid"},
    {"path": "$.a", "op": "equals", "value": "5"},
    {"path": "$.a", "op": "equals", "value": 5},
    {"path": "$.a", "op": "not_equals", "value": None},
    {"path": "$.a", "op": "in", "value": ["a, b", 1, True]},
    {"path": "$.a", "op": "exists", "value": False},
    {"path": "$.a", "op": "matches_prefix", "value": "12"},
    {"path": "$.a", "op": "less", "value": 0.5},
]


@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
def test_a_filter_comes_back_from_the_form_as_it_was_stored(condition):
    (row,) = rows_from([condition], more=0)
    posted = QueryDict(mutable=True)
    posted.update({"path": row.path, "op": row.op, "value": row.value})
    assert filters.check(conditions_of(typed_rows(posted))) == [condition]
