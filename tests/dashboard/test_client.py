"""The pages of one client, and the forms that change it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.models import ClientHour, Connection, ErrorGroup, GatewayToken
from secrets_vault.models import AuditEvent, Client, SecretVersion, StoredSecret
from tests.factories import make_client

pytestmark = pytest.mark.django_db

TABS = ("", "connections/", "secrets/", "tokens/", "access/")


def fill(client, many):
    """Give a client `many` connections, secrets, tokens and error groups."""
    environment, now = client.environments.first(), timezone.now()
    for i in range(many):
        connection = Connection.objects.create(
            slug=f"{client.slug}-{i}", client=client, environment=environment, provider_key="hubspot", kind="api_key"
        )
        stored = StoredSecret.objects.create(
            client=client, environment=environment, kind="api_key", label=f"Key {i}", provider_key="stripe"
        )
        stored.current = SecretVersion.objects.create(
            secret=stored, number=1, state="current", made_on=(now - timedelta(days=97)).date()
        )
        stored.save()
        token = GatewayToken.objects.create(
            client=client, name=f"Token {i}", prefix=f"klg_{i}", token_hash=i.to_bytes(32)
        )
        token.connections.add(connection)
        ClientHour.objects.get_or_create(client_id=client.pk, hour=now.replace(minute=0), defaults={"calls": 9})
        ErrorGroup.objects.create(
            key_hash=i.to_bytes(32),
            client_id=client.pk,
            connection_id=connection.pk,
            provider_key="hubspot",
            status=429,
            code="limited",
            title="Too many requests",
            method="GET",
            path_template="/x",
            cause="",
            remedy="",
            who="you",
            count=3,
            first_seen_at=now,
            last_seen_at=now,
            last_call_id=connection.pk,
        )


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize(("who", "status"), [("ada", 200), ("ben", 200), ("olive", 200), ("cora", 404)])
def test_each_tab_is_there_for_who_may_see_the_client(request, browser_of, acme, tab, who, status):
    assert browser_of(request.getfixturevalue(who)).get(f"/clients/acme/{tab}").status_code == status


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("many", [1, 30])
def test_a_tab_takes_the_same_few_queries_however_much_there_is(browser_of, ada, acme, tab, many, at_most_queries):
    fill(acme, many)
    browser = browser_of(ada)
    with at_most_queries(14, calls=5):
        assert browser.get(f"/clients/acme/{tab}").status_code == 200


def test_the_overview_names_no_other_client_and_shows_no_value(browser_of, olive, acme):
    fill(acme, 2)
    fill_other = make_client("zed", name="Zed Secret Project")
    fill_other.notes = "internal"
    content = browser_of(olive).get("/clients/acme/").content.decode()
    assert "Zed" not in content
    assert "Key 0" in content
    assert "Too many requests" in content


def test_an_old_key_is_called_overdue(browser_of, ada, acme):
    fill(acme, 1)
    content = browser_of(ada).get("/clients/acme/secrets/").content.decode()
    assert "overdue" in content
    assert "97 days old" in content


def test_a_client_with_nothing_says_what_will_fill_each_tab(browser_of, ada, acme):
    browser = browser_of(ada)
    assert b"Nothing is connected yet" in browser.get("/clients/acme/connections/").content
    assert b"No secrets are stored" in browser.get("/clients/acme/secrets/").content
    assert b"No gateway tokens yet" in browser.get("/clients/acme/tokens/").content


EDIT = {
    "name": "Acme Ltd", "rotate_after_days": "60", "keep_webhooks_days": "14", "keep_calls_days": "30",
    "language": "de", "time_zone": "Europe/Berlin", "notes": "",
}  # fmt: skip


def test_a_manager_changes_a_client_and_the_book_says_so(browser_of, ada, acme):
    answer = browser_of(ada).post("/clients/acme/edit/", EDIT)
    assert answer.status_code == 302
    acme.refresh_from_db()
    assert (acme.name, acme.rotate_after_days, acme.keep_webhooks_days) == ("Acme Ltd", 60, 14)
    assert (acme.keep_calls_days, acme.keep_bodies_days) == (30, None)
    event = AuditEvent.objects.get(action="client.changed")
    assert event.actor_id == str(ada.pk)
    assert event.details == {
        "changed": "keep_calls_days, keep_webhooks_days, language, name, rotate_after_days, time_zone"
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": ""}, "This field is required"),
        ({"rotate_after_days": "0"}, "greater than or equal to 1"),
        ({"rotate_after_days": "731"}, "less than or equal to 730"),
        ({"keep_webhooks_days": "0"}, "greater than or equal to 1"),
        ({"keep_calls_days": "0"}, "greater than or equal to 1"),
        ({"keep_bodies_days": "31"}, "The calls themselves are kept 30 days"),
        ({"time_zone": "Mars/Olympus"}, "There is no such time zone"),
        ({"language": "xx"}, "Select a valid choice"),
    ],
)
def test_a_wrong_setting_is_refused_with_a_reason(browser_of, ada, acme, change, said):
    answer = browser_of(ada).post("/clients/acme/edit/", EDIT | change)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert Client.objects.get(pk=acme.pk).name == "Acme"


@pytest.mark.parametrize("path", ["edit/", "environments/", "archive/"])
@pytest.mark.parametrize(("who", "status"), [("ben", 403), ("cora", 404)])
def test_who_may_only_look_or_not_even_that_changes_nothing(request, browser_of, acme, path, who, status):
    answer = browser_of(request.getfixturevalue(who)).post(f"/clients/acme/{path}", EDIT | {"slug": "test"})
    assert answer.status_code == status
    acme.refresh_from_db()
    assert (acme.name, acme.archived_at, acme.environments.count()) == ("Acme", None, 2)


def test_an_environment_is_added_once(browser_of, ada, acme):
    browser = browser_of(ada)
    assert browser.post("/clients/acme/environments/", {"slug": "test"}).status_code == 302
    again = browser.post("/clients/acme/environments/", {"slug": "test"})
    assert again.status_code == 422
    assert b"already has an environment" in again.content
    assert [e.slug for e in acme.environments.all()] == ["production", "staging", "test"]


def test_an_archived_client_leaves_the_list_and_can_come_back(browser_of, ada, acme):
    browser = browser_of(ada)
    browser.post("/clients/acme/archive/")
    assert b"/clients/acme/" not in browser.get("/clients/").content
    assert b"/clients/acme/" in browser.get("/clients/", {"show": "archived"}).content
    browser.post("/clients/acme/archive/")
    assert b"/clients/acme/" in browser.get("/clients/").content
    actions = AuditEvent.objects.filter(action__startswith="client.").order_by("seq").values_list("action", flat=True)
    assert list(actions) == ["client.archived", "client.unarchived"]


def test_archiving_needs_a_post(browser_of, ada, acme):
    assert browser_of(ada).get("/clients/acme/archive/").status_code == 405
