"""The palette finds what one may see, and never gives back what was typed."""

import pytest
from django.urls import reverse

from integrations.models import Connection
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.secret import Secret
from tests.factories import make_client

pytestmark = pytest.mark.django_db

VALUE = "sk_live_51NotARealKeyButLongEnough8Xy2"
HTMX = {"HX-Request": "true"}


def ask(browser, text, **extra):
    return browser.post("/search/", {"q": text}, headers=HTMX, **extra).content.decode()


@pytest.fixture
def stored(acme):
    return vault.store(
        actor=SYSTEM, client=acme, environment=acme.environments.first(), kind="api_key", label="Stripe live",
        fields={"api_key": Secret(VALUE)}, provider_key="stripe",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("acm", "client"),
        ("Stripe", "secret"),
        (VALUE[-4:], "secret"),
        (VALUE, "holds this value"),
        (f" {VALUE} ", "holds"),
    ],
)
def test_a_thing_is_found_by_name_last_four_or_whole_value(browser_of, ada, stored, text, kind):
    assert f"<small>{kind}" in ask(browser_of(ada), text)


@pytest.mark.parametrize("text", ["Acme", "Stripe", VALUE[-4:], VALUE])
def test_a_stranger_finds_nothing_not_even_that_a_value_is_known(browser_of, cora, stored, text):
    answer = ask(browser_of(cora), text)
    assert "Nothing that you may see matches" in answer
    assert "Stripe live" not in answer


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_what_was_typed_is_not_given_back(browser_of, ada, stored, headers):
    answer = browser_of(ada).post("/search/", {"q": VALUE}, headers=headers)
    assert VALUE.encode() not in answer.content
    assert "no-store" in answer.headers["Cache-Control"]


def test_an_old_version_is_told_from_the_current_one(browser_of, ada, stored):
    vault.replace(stored, {"api_key": Secret("sk_live_51AnotherKeyThatIsLongEnough99")}, actor=SYSTEM)
    assert "held this value" in ask(browser_of(ada), VALUE)


def test_a_connection_is_found_by_client_and_provider(browser_of, ada, acme):
    environment = acme.environments.first()
    Connection.objects.create(
        slug="acme-hubspot", client=acme, environment=environment, provider_key="hubspot", kind="oauth2"
    )
    for text in ("hubspot", "acme-h"):
        assert "Acme · HubSpot · production" in ask(browser_of(ada), text)


def test_nothing_typed_shows_where_one_can_go(browser_of, olive, ada):
    assert "New client" in ask(browser_of(olive), "")
    assert "New client" not in ask(browser_of(ada), "")
    assert reverse("dashboard:clients") in ask(browser_of(ada), "")


@pytest.mark.parametrize(
    "text", ["%", "_", "'", '"><script>', "\x01", "x" * 5000, "漢字", "01890000-0000-7000-8000-000000000000"]
)
def test_odd_text_is_answered(browser_of, ada, acme, text):
    assert browser_of(ada).post("/search/", {"q": text}, headers=HTMX).status_code == 200


def test_the_search_is_a_page_without_javascript(browser_of, ada, acme):
    browser = browser_of(ada)
    assert b'<form class="filters" method="post"' in browser.get("/search/").content
    assert b"/clients/acme/" in browser.post("/search/", {"q": "acme"}).content


@pytest.mark.parametrize("many", [1, 30])
def test_a_search_takes_the_same_few_queries_however_much_there_is(
    browser_of, ada, acme, many, django_assert_max_num_queries
):
    for i in range(many):
        client = make_client(f"acme{i}")
        Connection.objects.create(
            slug=f"acme-{i}",
            client=client,
            environment=client.environments.first(),
            provider_key="hubspot",
            kind="oauth2",
        )
    browser = browser_of(ada)
    with django_assert_max_num_queries(9):  # on SQLite the log of calls has a database of its own, not counted here
        ask(browser, "acme-long-enough")
