"""What is wrong with webhooks stands on Today and on the client's page, for those who see the client."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from dashboard.webhook_needs import webhook_needs
from integrations.models import WebhookEndpoint, WebhookTarget
from tests.factories import make_client, make_webhook_endpoint, make_webhook_target

pytestmark = pytest.mark.django_db
NOW = timezone.now()
SINCE = NOW - timedelta(hours=3)
TROUBLES = [
    ({"scheme_key": "none", "is_verified_required": False}, "Payments verifies nothing", "bad"),
    ({"refusals_told_at": SINCE}, "Payments refuses what comes", "bad"),
    ({"stuck": SINCE}, "Events of Payments do not get through", "bad"),
    ({"silence_told_at": SINCE}, "Nothing comes to Payments any more", "warn"),
]


@pytest.fixture
def endpoint(acme):
    made = make_webhook_endpoint(acme, name="Payments")
    make_webhook_target(made)
    return made


def trouble(**about):
    WebhookTarget.objects.update(trouble_told_at=about.pop("stuck", None))
    if about:
        WebhookEndpoint.objects.update(**about)


def words(user, **narrowed):
    return [waiting.words() for waiting in webhook_needs(user, now=NOW, **narrowed)]


def text_of(answer) -> str:
    return " ".join(answer.content.decode().split())


@pytest.mark.parametrize(("about", "title", "tone"), TROUBLES)
def test_a_trouble_is_said_with_what_to_do(endpoint, ada, about, title, tone):
    trouble(**about)
    (need,) = words(ada)
    assert (need.title, need.tone) == (title, tone)
    assert (need.client_name, need.environment) == ("Acme", endpoint.environment)
    assert need.url


def test_an_endpoint_that_verifies_and_flows_needs_nobody(endpoint, ada):
    assert words(ada) == []


@pytest.mark.parametrize(("about", "title", "tone"), TROUBLES)
@pytest.mark.parametrize("page", ["/", "/clients/acme/"])
@pytest.mark.parametrize(("who", "is_shown"), [("ada", True), ("ben", True), ("olive", True)])
def test_it_stands_on_today_and_on_the_clients_page(
    browser_of, request, endpoint, page, who, is_shown, about, title, tone
):
    trouble(**about)
    assert (title in text_of(browser_of(request.getfixturevalue(who)).get(page))) == is_shown


def test_a_stranger_hears_nothing(browser_of, endpoint, cora):
    trouble(scheme_key="none", is_verified_required=False)
    assert words(cora) == []
    assert "Payments" not in text_of(browser_of(cora).get("/"))


def test_a_clients_page_names_no_other_clients_endpoint(endpoint, olive, acme):
    make_webhook_endpoint(make_client("Beta"), "beta", scheme_key="none", is_verified_required=False, secret="")
    assert [need.client_name for need in words(olive)] == ["Beta"]
    assert words(olive, client=acme) == []


def test_a_disabled_endpoint_or_an_archived_client_is_no_finding(endpoint, ada):
    trouble(scheme_key="none", is_verified_required=False, disabled_at=NOW)
    assert words(ada) == []
    trouble(disabled_at=None)
    assert len(words(ada)) == 1
    endpoint.client.archived_at = NOW
    endpoint.client.save()
    assert words(ada) == []


def test_the_worst_comes_first_and_each_trouble_is_one(endpoint, ada):
    trouble(refusals_told_at=SINCE, silence_told_at=SINCE, stuck=SINCE)
    assert [waiting.harm for waiting in webhook_needs(ada, now=NOW)] == [1, 1, 3]


@pytest.mark.parametrize("many", [1, 20])
def test_it_costs_one_query_however_many_there_are(acme, ada, many, django_assert_num_queries):
    for number in range(many):
        make_webhook_endpoint(acme, f"e{number}", scheme_key="none", is_verified_required=False, secret="")
    with django_assert_num_queries(1):
        assert len(words(ada)) == many
