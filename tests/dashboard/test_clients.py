"""The list of clients and the form that adds one."""

import pytest

from integrations.models import Connection
from secrets_vault.models import Client
from tests.factories import make_client

pytestmark = pytest.mark.django_db


def add_connection(client, slug, status="connected"):
    environment = client.environments.first()
    return Connection.objects.create(
        slug=slug, client=client, environment=environment, provider_key="hubspot", kind="oauth2", status=status
    )


@pytest.mark.parametrize(("who", "sees"), [("ada", True), ("ben", True), ("olive", True), ("cora", False)])
def test_only_who_may_see_a_client_finds_it_in_the_list(request, browser_of, acme, who, sees):
    answer = browser_of(request.getfixturevalue(who)).get("/clients/")
    assert (b"Acme" in answer.content) is sees


def test_an_empty_list_says_what_will_fill_it(browser_of, olive):
    assert b"Add the first client" in browser_of(olive).get("/clients/").content


def test_the_list_is_found_by_name_and_short_name(browser_of, olive):
    make_client("acme", name="Acme Ltd")
    make_client("zed", name="Zed Inc")
    for words in ("ltd", "acm"):
        content = browser_of(olive).get("/clients/", {"q": words}).content
        assert b"Acme Ltd" in content
        assert b"Zed Inc" not in content


def test_htmx_gets_the_list_alone(browser_of, olive, acme):
    answer = browser_of(olive).get("/clients/?q=acme", headers={"HX-Request": "true"})
    assert answer.content.strip().startswith(b"<section")
    assert "HX-Request" in answer.headers["Vary"]
    assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("many", [1, 50])
def test_the_list_takes_the_same_few_queries_however_long(browser_of, olive, many, at_most_queries):
    for i in range(many):
        add_connection(make_client(f"c{i}"), f"c{i}-hubspot")
    browser = browser_of(olive)
    with at_most_queries(10, calls=3):
        browser.get("/clients/")


def test_the_worst_connection_gives_the_state(browser_of, olive, acme):
    add_connection(acme, "a")
    add_connection(acme, "b", "needs_reconnecting")
    assert b"Broken" in browser_of(olive).get("/clients/").content


def test_a_new_client_has_its_environments_in_order(browser_of, olive):
    answer = browser_of(olive).post(
        "/clients/new/", {"name": "Acme Ltd", "slug": "", "environments": ["production", "staging"]}
    )
    assert answer.status_code == 302
    client = Client.objects.get(slug="acme-ltd")
    assert [(e.slug, e.is_production) for e in client.environments.all()] == [("production", True), ("staging", False)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": "Other", "slug": "acme"}, "is already in use"),
        ({"name": "Acme"}, "is already in use"),
        ({"name": ""}, "This field is required"),
        ({"name": "x", "slug": "Has Space"}, "valid"),
        ({"name": "x", "slug": "ACME-UPPER"}, "lower-case"),
        ({"name": "漢字"}, "no letters"),
        ({"name": "New"}, "is a page of Keylodge"),
        ({"name": "x" * 121}, "at most 120"),
    ],
)
def test_a_wrong_form_says_what_is_wrong_and_keeps_what_was_typed(browser_of, olive, acme, given, said):
    answer = browser_of(olive).post("/clients/new/", {"environments": ["production"], **given})
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert f'value="{given["name"]}"'.encode() in answer.content or not given["name"]
    assert Client.objects.count() == 1


def test_an_error_is_tied_to_its_field(browser_of, olive, acme):
    content = browser_of(olive).post("/clients/new/", {"name": "x", "slug": "acme"}).content.decode()
    assert 'aria-describedby="id_slug_helptext id_slug_error"' in content
    assert 'id="id_slug_error"' in content


@pytest.mark.parametrize("who", ["ada", "ben", "cora"])
def test_only_the_owner_adds_clients(request, browser_of, who):
    browser = browser_of(request.getfixturevalue(who))
    assert browser.get("/clients/new/").status_code == 403
    assert browser.post("/clients/new/", {"name": "x", "environments": ["production"]}).status_code == 403
    assert not Client.objects.filter(slug="x").exists()


@pytest.mark.parametrize(("who", "status"), [("ada", 200), ("ben", 200), ("olive", 200), ("cora", 404)])
def test_a_strangers_client_does_not_exist(request, browser_of, acme, who, status):
    assert browser_of(request.getfixturevalue(who)).get("/clients/acme/").status_code == status
