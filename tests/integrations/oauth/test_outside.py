"""What a provider tells about its address: taken where it may lie, refused elsewhere, bound by the policy anew."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations import connections, outbound
from integrations.connections.choosing import NoSuchChoice
from integrations.gateway.route import TokenFacts, routed
from integrations.models import Connection, CustomProvider
from integrations.models.call import NO_TOKEN
from integrations.oauth import flow
from integrations.oauth.app import make_app
from integrations.oauth.errors import ConsentRefused
from integrations.oauth.flow import Callback
from integrations.oauth.keeping import app_policy
from integrations.oauth.refresh import refresh
from integrations.providers.shape import BadVariable, Provider
from secrets_vault import vault
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.errors import BadInput, PolicyRefused
from secrets_vault.models import AuditEvent, Environment
from secrets_vault.secret import Secret
from secrets_vault.vault import Policy
from tests.factories import make_client, make_user

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BEARER = {"in": "header", "name": "Authorization", "template": "Bearer {token}"}
ANY = TokenFacts(NO_TOKEN, "t", None, frozenset(), (), None, None, None, None, None, ())  # type: ignore[arg-type]
CANARY = "at-CANARY-0123456789"

SALES: dict[str, Any] = {
    "key": "custom-sales",
    "name": "Sales",
    "base_url": "https://{instance}",
    "allowed_hosts": ["{instance}"],
    "docs_url": "",
    "checked_on": "2026-11-22",
    "is_custom": True,
    "injections": {"oauth2": BEARER},
    "oauth": {"authorize_url": "https://login.sales.test/a", "token_url": "https://login.sales.test/t"},
    "variables": [
        {
            "name": "instance",
            "source": "token",
            "path": "instance_url",
            "take": "host",
            "pattern": "[a-z0-9.-]+",
            "hosts": ["*.my.sales.test"],
        }
    ],
}
SITES = SALES | {
    "base_url": "https://api.sales.test/ex/{cloud_id}",
    "allowed_hosts": ["api.sales.test"],
    "variables": [{"name": "cloud_id", "source": "discovery", "path": "id", "pattern": "[0-9a-f-]{4,36}"}],
    "discovery": {"url": "https://api.sales.test/sites", "id_at": "id", "name_at": "name", "note_at": "url"},
    "probe": {"method": "GET", "path": "/myself"},
}
BOOKS = SALES | {
    "base_url": "https://books.sales.test/{realm}",
    "allowed_hosts": ["books.sales.test"],
    "variables": [{"name": "realm", "source": "callback", "path": "realmId", "pattern": r"\d{4,19}"}],
}
CENTRES = SALES | {
    "base_url": "https://www.apis.{dc}",
    "allowed_hosts": ["www.apis.{dc}"],
    "oauth": {
        "authorize_url": "https://accounts.sales.test/a",
        "token_url": "https://{accounts}/t",
    },
    "variables": [
        {
            "name": "accounts",
            "source": "callback",
            "path": "accounts-server",
            "take": "host",
            "pattern": "[a-z.]+",
            "hosts": ["accounts.sales.test", "accounts.sales.example"],
            "default": "accounts.sales.test",
        },
        {"name": "dc", "source": "token", "path": "dc", "pattern": "[a-z.]+", "hosts": ["sales.test"]},
    ],
}


class World:
    """A connection to a provider whose every answer the test writes."""

    def __init__(self, facts: dict[str, Any]) -> None:
        Provider.from_facts(facts, where="test")
        CustomProvider.objects.create(key=facts["key"], name=facts["name"], facts=facts)
        self.user = make_user(is_owner=True)
        client = make_client()
        self.app = make_app(
            "App", facts["key"], client_id="id", client_secret=Secret("app-secret-CANARY"), actor=Actor.of(self.user)
        )
        self.connection = Connection.objects.create(
            slug="acme-sales",
            client=client,
            environment=Environment.objects.get(client=client, slug="production"),
            provider_key=facts["key"],
            kind="oauth2",
            oauth_app=self.app,
        )
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, str]] = []

    def send(self, method: str, url: str, **request: Any) -> outbound.Answer:
        """Answer as the test says, by the end of the address."""
        self.asked.append((method, url))
        path = urlsplit(url).path
        found = next((body for end, body in self.answers.items() if path.endswith(end)), None)
        status = 404 if found is None else 200
        return outbound.Answer(status, ((b"content-type", b"application/json"),), json.dumps(found).encode())

    def consent(self, *, now: datetime = NOW, **callback: str) -> Connection:
        """Consent, and return the connection."""
        url = flow.start(self.connection, user=self.user, actor=Actor.of(self.user), browser_secret="b" * 43, now=now)
        state = parse_qs(urlsplit(url).query)["state"][0]
        came = Callback(state=state, code="code", browser_secret="b" * 43, other=callback)
        flow.finish(came, user=self.user, now=now, send=self.send)
        self.connection.refresh_from_db()
        return self.connection

    def hosts(self) -> list[str]:
        """Return the hosts that the tokens are bound to."""
        self.connection.secret.refresh_from_db()
        return list(self.connection.secret.policy["hosts"])

    def problem(self) -> str:
        """Return what the gateway would say."""
        return routed(ANY, Connection.objects.select_related("secret__current").get()).problem


def grant(**extras: Any) -> dict[str, Any]:
    """Return a token answer."""
    return {"access_token": CANARY, "refresh_token": "rt-CANARY", "expires_in": 3600, "token_type": "Bearer"} | extras


def test_the_host_in_a_token_answer_is_where_calls_go_and_what_the_tokens_are_bound_to():
    world = World(SALES)
    world.answers["/t"] = grant(instance_url="https://acme.my.sales.test")
    connection = world.consent()
    assert connection.variables == {"instance": "acme.my.sales.test"}
    assert "acme.my.sales.test" in world.hosts()
    assert world.problem() == ""


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example",
        "https://acme.my.sales.test.evil.example",
        "https://acme.my.sales.test@evil.example/",
        "https://evil.example/acme.my.sales.test",
        "https://evil.example#.my.sales.test",
        "https://my.sales.test",
        "https://x.my.sales.test\r\nHost: evil.example",
        "https://[::1]",
        "//127.0.0.1:8000",
        "evil.example",
    ],
)
def test_an_address_elsewhere_is_refused_with_all_that_came_with_it(url):
    world = World(SALES)
    world.answers["/t"] = grant(instance_url=url)
    with pytest.raises(ConsentRefused, match="answer_refused"):
        world.consent()
    world.connection.refresh_from_db()
    assert (world.connection.secret_id, world.connection.variables) == (None, {})
    assert not any("evil" in asked for _, asked in world.asked)


def test_an_organisation_that_was_moved_is_followed_at_the_next_refresh_and_bound_anew():
    world = World(SALES)
    world.answers["/t"] = grant(instance_url="https://acme.my.sales.test")
    world.consent()
    world.answers["/t"] = grant(access_token="at-2", instance_url="https://acme2.my.sales.test")
    refresh(world.connection, now=NOW.replace(hour=13), send=world.send)
    world.connection.refresh_from_db()
    assert world.connection.variables == {"instance": "acme2.my.sales.test"}
    assert "acme.my.sales.test" not in world.hosts()
    assert world.problem() == ""


def test_a_refresh_that_names_an_address_elsewhere_changes_none():
    world = World(SALES)
    world.answers["/t"] = grant(instance_url="https://acme.my.sales.test")
    world.consent()
    world.answers["/t"] = grant(access_token="at-2", instance_url="https://evil.example")
    refresh(world.connection, now=NOW.replace(hour=13), send=world.send)
    world.connection.refresh_from_db()
    assert world.connection.variables == {"instance": "acme.my.sales.test"}
    assert "evil.example" not in world.hosts()


def test_an_address_put_into_the_database_by_hand_is_refused():
    world = World(SALES)
    world.answers["/t"] = grant(instance_url="https://acme.my.sales.test")
    world.consent()
    for host in ("evil.example", "other.my.sales.test"):
        Connection.objects.update(variables={"instance": host})
        assert world.problem() == "host_refused"


def test_the_callback_may_name_the_company():
    world = World(BOOKS)
    world.answers["/t"] = grant()
    assert world.consent(realmId="4620816365").variables == {"realm": "4620816365"}


def test_a_code_is_exchanged_at_the_data_centre_that_the_callback_names():
    world = World(CENTRES)
    world.answers["/t"] = grant(dc="sales.test")
    connection = world.consent(**{"accounts-server": "https://accounts.sales.example"})
    assert world.asked[0] == ("POST", "https://accounts.sales.example/t")
    assert connection.variables == {"accounts": "accounts.sales.example", "dc": "sales.test"}


@pytest.mark.parametrize("server", ["https://evil.example", "https://accounts.sales.test.evil.example"])
def test_a_callback_cannot_send_the_code_and_the_secret_elsewhere(server):
    world = World(CENTRES)
    with pytest.raises(ConsentRefused, match="answer_refused"):
        world.consent(**{"accounts-server": server})
    assert world.asked == []


# Discovery


ONE = {"id": "aaaa-1111", "name": "Acme", "url": "https://acme.test"}
TWO = {"id": "bbbb-2222", "name": "Beta", "url": "https://beta.test"}


def test_the_only_site_is_taken():
    world = World(SITES)
    world.answers |= {"/t": grant(), "/sites": [ONE]}
    connection = world.consent()
    assert (connection.variables, connection.status) == ({"cloud_id": "aaaa-1111"}, "connected")
    assert (connection.account_id, connection.account_name) == ("aaaa-1111", "Acme")
    assert world.problem() == ""


def test_of_several_sites_a_person_chooses_and_until_then_calls_wait():
    world = World(SITES)
    world.answers |= {"/t": grant(), "/sites": [ONE, TWO]}
    connection = world.consent()
    assert (connection.status, connection.status_code, connection.variables) == ("failing", "choice_needed", {})
    assert [one["name"] for one in connection.choices] == ["Acme", "Beta"]
    assert world.problem() == "choice_needed"
    connections.probe(connection, actor=SYSTEM, now=NOW, send=world.send)
    assert connection.status_code == "choice_needed"
    connections.choose(connection, "bbbb-2222", actor=Actor.of(world.user), now=NOW)
    connection.refresh_from_db()
    assert (connection.variables, connection.status) == ({"cloud_id": "bbbb-2222"}, "untested")
    assert (connection.account_id, connection.account_name) == ("bbbb-2222", "Beta")
    assert AuditEvent.objects.filter(action="connection.account_chosen").count() == 1
    assert world.problem() == ""
    with pytest.raises(NoSuchChoice):
        connections.choose(connection, "cccc-3333", actor=Actor.of(world.user), now=NOW)


def test_a_refresh_does_not_take_an_undecided_connection_for_a_good_one():
    world = World(SITES)
    world.answers |= {"/t": grant(), "/sites": [ONE, TWO]}
    world.consent()
    world.answers["/t"] = grant(access_token="at-2")
    refresh(world.connection, now=NOW.replace(hour=13), send=world.send)
    world.connection.refresh_from_db()
    assert world.connection.status_code == "choice_needed"


def test_who_consents_again_keeps_the_site_that_was_chosen():
    world = World(SITES)
    world.answers |= {"/t": grant(), "/sites": [ONE, TWO]}
    connections.choose(world.consent(), "bbbb-2222", actor=SYSTEM, now=NOW)
    connection = world.consent()
    assert (connection.variables, connection.status) == ({"cloud_id": "bbbb-2222"}, "connected")


def test_the_expected_site_is_taken_from_several():
    world = World(SITES)
    Connection.objects.update(expected_account_id="bbbb-2222")
    world.connection.refresh_from_db()
    world.answers |= {"/t": grant(), "/sites": [ONE, TWO]}
    assert world.consent().variables == {"cloud_id": "bbbb-2222"}


@pytest.mark.parametrize(
    "listed",
    [
        [ONE, {"id": "../../admin", "name": "Evil"}],
        [{"id": "aaaa-1111/x"}, ONE, "text", None, {"id": True}, {"id": {"a": 1}}],
    ],
)
def test_an_entry_that_would_leave_its_slot_is_left_out(listed):
    world = World(SITES)
    world.answers |= {"/t": grant(), "/sites": listed}
    assert world.consent().variables == {"cloud_id": "aaaa-1111"}


@pytest.mark.parametrize("answer", [None, [], {}, "text", {"error": "no"}])
def test_a_list_that_says_nothing_leaves_the_connection_without_a_site(answer):
    world = World(SITES)
    world.answers["/t"] = grant()
    if answer is not None:
        world.answers["/sites"] = answer
    assert world.consent().variables == {}
    assert world.problem() == "choice_needed"


def test_the_list_may_stand_deeper_and_hold_other_products():
    accounts = [{"id": 7, "product": "forecast"}, {"id": 1234567, "product": "harvest", "name": "Acme"}]
    facts = SITES | {
        "variables": [{"name": "cloud_id", "source": "discovery", "path": "id", "pattern": r"\d+"}],
        "discovery": {
            "url": "https://api.sales.test/sites",
            "items_at": "accounts",
            "where_at": "product",
            "where_is": "harvest",
        },
    }
    world = World(facts)
    world.answers |= {"/t": grant(), "/sites": {"accounts": accounts}}
    assert world.consent().variables == {"cloud_id": "1234567"}


def test_a_pasted_key_asks_too_and_may_say_its_data_centre_itself():
    keyed = SITES | {
        "injections": {"api_key": BEARER},
        "base_url": "https://{dc}.sales.test/{cloud_id}",
        "allowed_hosts": ["{dc}.sales.test", "api.sales.test"],
        "variables": [
            *SITES["variables"],
            {"name": "dc", "source": "credential", "path": r"-([a-z]+\d+)$", "pattern": r"[a-z]+\d+"},
        ],
    }
    keyed.pop("oauth")
    Provider.from_facts(keyed, where="test")
    CustomProvider.objects.create(key=keyed["key"], name="K", facts=keyed)
    client = make_client()
    connection = Connection.objects.create(
        slug="keyed", client=client, environment=client.environments.first(), provider_key=keyed["key"], kind="api_key"
    )
    world = World.__new__(World)
    world.answers, world.asked = {"/sites": [ONE], "/myself": {}}, []
    connections.connect_key(connection, {"api_key": Secret("key-CANARY-us21")}, actor=SYSTEM, now=NOW)
    assert connections.probe(connection, actor=SYSTEM, now=NOW, send=world.send).is_good
    connection.refresh_from_db()
    assert connection.variables == {"dc": "us21", "cloud_id": "aaaa-1111"}
    assert world.asked[-1] == ("GET", "https://us21.sales.test/aaaa-1111/myself")
    assert sorted(connection.secret.policy["hosts"]) == ["api.sales.test", "us21.sales.test"]


# The secret of an OAuth app whose endpoint differs from account to account


def test_an_apps_secret_is_bound_to_the_domain_below_which_its_endpoints_lie():
    shops = SALES | {
        "oauth": {"authorize_url": "https://{shop}.shops.test/a", "token_url": "https://{shop}.shops.test/t"},
        "variables": [*SALES["variables"], {"name": "shop", "source": "form", "pattern": "[a-z0-9-]+"}],
    }
    assert app_policy(Provider.from_facts(shops, where="test")).hosts == ("*.shops.test",)
    logins = SALES | {"oauth": {"authorize_url": "https://{instance}/a", "token_url": "https://{instance}/t"}}
    assert app_policy(Provider.from_facts(logins, where="test")).hosts == ("*.my.sales.test",)
    centres = SALES | {
        "oauth": {"authorize_url": "https://accounts.sales.{dc}/a", "token_url": "https://accounts.sales.{dc}/t"},
        "variables": [*SALES["variables"], {"name": "dc", "source": "form", "pattern": r"com|eu|com\.au"}],
    }
    assert app_policy(Provider.from_facts(centres, where="test")).hosts == (
        "accounts.sales.com",
        "accounts.sales.com.au",
        "accounts.sales.eu",
    )


@pytest.mark.parametrize(
    ("host", "is_bound"),
    [
        ("acme.shops.test", True),
        ("a.b.shops.test", True),
        ("shops.test", False),
        (".shops.test", False),
        ("evilshops.test", False),
        ("acme.shops.test.evil.example", False),
        ("acme.shops.test:8443", False),
        ("*.shops.test", False),
        ("a..shops.test", False),
    ],
)
def test_a_domain_in_a_policy_means_the_hosts_below_it(host, is_bound):
    client = make_client()
    stored = vault.store(
        actor=SYSTEM,
        client=client,
        environment=None,
        kind="oauth_app",
        label="app",
        fields={"client_secret": Secret("x" * 20)},
        policy=Policy(("*.shops.test",), ("body:client_secret",)),
    )
    try:
        vault.check_policy(stored, host=host, slot="body:client_secret")
    except PolicyRefused:
        assert not is_bound
    else:
        assert is_bound


@pytest.mark.parametrize("host", ["*", "*.test", "a.*.test", "*shops.test", "*.*.shops.test", "*.shops.test:443"])
def test_nothing_wider_than_a_domain_can_be_bound(host):
    with pytest.raises(BadInput):
        Policy((host,), ("header:authorization",))


def test_no_variable_from_outside_breaks_its_rule_when_rendered():
    with pytest.raises(BadVariable):
        Provider.from_facts(SALES, where="test").render({"instance": "evil.example"})
