"""The list of connections."""

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.models import CallHour, Connection
from tests.factories import make_client

pytestmark = pytest.mark.django_db


def add(client, slug, provider_key="stripe", **more):
    environment = client.environments.first()
    more = {"kind": "api_key", "status": "connected"} | more
    return Connection.objects.create(
        slug=slug, client=client, environment=environment, provider_key=provider_key, **more
    )


@pytest.mark.parametrize(("who", "sees"), [("ada", True), ("ben", True), ("olive", True), ("cora", False)])
def test_only_who_may_see_a_client_finds_its_connections(request, browser_of, acme, who, sees):
    add(acme, "acme-stripe")
    page = browser_of(request.getfixturevalue(who)).get("/connections/").content.decode()
    assert ("acme-stripe" in page) is sees
    assert ("Every client" in page) is True


@pytest.mark.parametrize(("who", "words"), [("ada", "New connection"), ("ben", "appear here")])
def test_an_empty_list_says_what_will_fill_it(request, browser_of, acme, who, words):
    page = browser_of(request.getfixturevalue(who)).get("/connections/").content.decode()
    assert "Nothing is connected yet" in page
    assert words in page
    assert ("/connections/new/" in page) is (who == "ada")


@pytest.mark.parametrize(
    "query",
    ["q=stripe", "q=24680135", "client=acme", "environment=production", "provider=stripe", "status=failing"],
)
def test_the_list_is_narrowed(browser_of, olive, acme, query):
    zed = make_client("zed", environments=("staging",))
    add(acme, "acme-stripe", status="failing", account_id="24680135")
    add(zed, "zed-openai", "openai")
    page = browser_of(olive).get(f"/connections/?{query}").content.decode()
    assert ">acme-stripe<" in page
    assert ">zed-openai<" not in page


def test_a_mistyped_filter_is_ignored(browser_of, ada, acme):
    add(acme, "acme-stripe")
    answer = browser_of(ada).get("/connections/?status=odd&client=zed&after=nothing")
    assert "acme-stripe" in answer.content.decode()


def test_when_it_was_last_called_is_read_from_the_hours(browser_of, ada, acme):
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    for slug, back in (("a-now", 0), ("b-hours", 5), ("c-never", None)):
        row = add(acme, slug)
        if back is not None:
            CallHour.objects.create(connection_id=row.pk, client_id=acme.pk, hour=now - timedelta(hours=back))
    page = browser_of(ada).get("/connections/").content.decode()
    assert "5 h ago" in page
    assert "no call yet" in page


def test_many_rows_come_by_pages_and_cost_as_much_as_one(browser_of, ada, acme, django_assert_max_num_queries):
    for number in range(60):
        add(acme, f"c-{number}")
    browser = browser_of(ada)
    browser.get("/connections/")
    with django_assert_max_num_queries(16):
        first = browser.get("/connections/")
    assert first.content.decode().count("data-row>") == 50
    after = first.context["page"].after
    assert browser.get(f"/connections/?after={after}").content.decode().count("data-row>") == 10


def test_htmx_gets_the_rows_alone(browser_of, ada, acme):
    answer = browser_of(ada).get("/connections/", headers={"HX-Request": "true"})
    assert answer.content.strip().startswith(b"<section")


def test_the_list_can_be_taken_along_as_csv(browser_of, ada, acme):
    add(acme, "acme-stripe", label="=1+1", account_id="acct_1")
    answer = browser_of(ada).get("/connections/?format=csv&q=stripe")
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert lines[0].startswith("connection,name,client")
    assert lines[1].startswith("acme-stripe,'=1+1,Acme,production,Stripe,API key,Connected,acct_1")
