"""A client as a file: applied whole or not at all."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from django.db import connection as database

from config.provision import BadFile, provision
from integrations import tokens
from integrations.links import find_open
from integrations.models import ClientLink, Connection, CustomProvider, GatewayToken, OAuthApp
from secrets_vault import audit, vault
from secrets_vault.actor import COMMAND
from secrets_vault.models import AuditEvent, Client, SecretVersion, StoredSecret
from secrets_vault.secret import Secret
from tests.factories import make_client

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STRIPE = "sk_live_canary000000000000000001"
OTHER = "sk_live_canary000000000000000002"

STATIC = """
[[client]]
slug = "acme"
name = "Acme Ltd"
environments = ["production", "staging"]

[[client.connection]]
slug = "acme-stripe"
provider = "stripe"
kind = "api_key"
made_on = 2026-08-01
secret = { env = "ACME_KEY" }
rotate_after_days = 60

[[client.gateway_token]]
name = "n8n lead intake"
connections = ["acme-stripe"]
methods = ["GET", "POST"]
paths = ["/v1/*"]
per_minute = 100
"""

CONSENT = """
[[client]]
slug = "acme"
name = "Acme Ltd"

[[client.connection]]
slug = "acme-hubspot"
provider = "custom"
kind = "oauth2"
[client.connection.oauth_app]
client_id = "id-1"
client_secret = { value = "hubspot-secret-1" }
scopes = ["crm.objects.contacts.read"]
[client.connection.custom]
base_url = "http://127.0.0.1:9000/hubspot"
authorize_url = "http://127.0.0.1:9000/oauth/authorize"
token_url = "http://127.0.0.1:9000/oauth/token"
"""


OAUTH_APP = CONSENT[CONSENT.index("[client.connection.oauth_app]") : CONSENT.index("[client.connection.custom]")]
HOST_INJECTED = '[client.connection.custom]\ninject = { in = "header", name = "Host", template = "{token}" }'


@pytest.fixture
def apply(tmp_path):
    """Apply a text and return the answer."""

    def run(text: str, **environ: str):
        file = tmp_path / "acme.toml"
        file.write_text(text)
        return provision(file, now=NOW, environ={"ACME_KEY": STRIPE} | environ)

    return run


def everything():
    """Return the row count of every table of the main database."""
    with database.cursor() as cursor:
        counts = {}
        for table in database.introspection.table_names(cursor):
            cursor.execute(f'SELECT COUNT(*) FROM "{table}"')
            counts[table] = cursor.fetchone()[0]
    return counts


pytestmark = pytest.mark.django_db


def test_a_new_client_is_made_with_a_working_token(apply):
    answer = apply(STATIC)
    acme = answer["clients"]["acme"]
    connection = Connection.objects.get(slug="acme-stripe")
    token = acme["gateway_tokens"]["n8n lead intake"]
    assert acme["id"] == str(Client.objects.get().pk)
    assert acme["environments"] == ["production", "staging"]
    assert acme["connections"]["acme-stripe"] == {
        "gateway_url": "http://localhost:8000/gateway/acme-stripe",
        "status": "untested",
    }
    assert acme["webhook_endpoints"] == {}
    assert tokens.find(token["token"]).connections.get() == connection
    assert token["token"].startswith(token["prefix"])
    assert connection.environment.slug == "production"
    assert vault.use(connection.secret, actor=COMMAND, purpose="test")["api_key"] == Secret(STRIPE)
    assert connection.secret.current.made_on == date(2026, 8, 1)
    assert connection.secret.rotate_after_days == 60
    vault.check_policy(connection.secret, host="api.stripe.com", slot="header:authorization")


def test_the_same_file_twice_changes_nothing(apply):
    assert apply(STATIC)["changed"]
    before = everything()
    again = apply(STATIC)
    assert again["changed"] == []
    assert everything() == before
    assert again["clients"]["acme"]["gateway_tokens"]["n8n lead intake"].keys() == {"prefix"}


def test_a_differing_secret_makes_a_new_version_and_leaves_the_rest(apply):
    apply(STATIC)
    answer = apply(STATIC, ACME_KEY=OTHER)
    stored = StoredSecret.objects.get(kind="api_key")
    assert answer["changed"] == ["clients.acme.connections.acme-stripe.secret"]
    assert stored.current.number == 2
    assert vault.holds(stored, {"api_key": Secret(OTHER)})
    vault.restore(stored, 1, actor=COMMAND)
    assert vault.holds(stored, {"api_key": Secret(STRIPE)})


def test_a_secret_without_a_day_is_of_unknown_age(apply):
    apply(STATIC.replace("made_on = 2026-08-01\n", ""))
    assert SecretVersion.objects.get().made_on is None


def test_what_the_file_does_not_name_is_left_alone(apply):
    apply(STATIC)
    GatewayToken.objects.update(per_day=7)
    shorter = STATIC.replace("per_minute = 100\n", "").replace("rotate_after_days = 60\n", "")
    shorter = shorter.replace('secret = { env = "ACME_KEY" }\n', "").replace('name = "Acme Ltd"\n', "")
    assert apply(shorter)["changed"] == []
    token = GatewayToken.objects.get()
    assert (token.per_minute, token.per_day) == (100, 7)


def test_a_longest_wait_for_a_limit_is_applied_once(apply):
    text = STATIC.replace("per_minute = 100", "max_wait_s = 0")
    apply(text)
    assert GatewayToken.objects.get().max_wait_s == 0
    assert apply(text)["changed"] == []


@pytest.mark.parametrize(("written", "kept"), [("2", 2.0), ("0.25", 0.25)])
def test_a_least_time_between_calls_is_whole_or_a_fraction_and_applied_once(apply, written, kept):
    text = STATIC.replace("per_minute = 100", f"min_gap_s = {written}")
    apply(text)
    assert GatewayToken.objects.get().min_gap_s == kept
    assert apply(text)["changed"] == []


def test_changed_limits_days_and_names_are_applied(apply):
    apply(STATIC)
    text = STATIC.replace("per_minute = 100", "per_minute = 5").replace("= 60", "= 30").replace("Acme Ltd", "Acme GmbH")
    text = text.replace("2026-08-01", "2026-09-01").replace('"staging"]', '"staging", "test"]')
    assert sorted(apply(text)["changed"]) == [
        "clients.acme.connections.acme-stripe.secret.made_on",
        "clients.acme.connections.acme-stripe.secret.rotate_after_days",
        "clients.acme.environments.test",
        "clients.acme.gateway_tokens.n8n lead intake.per_minute",
        "clients.acme.name",
    ]
    assert GatewayToken.objects.get().per_minute == 5
    assert SecretVersion.objects.get().made_on == date(2026, 9, 1)


def test_an_oauth_connection_gets_a_connect_link_once(apply):
    first = apply(CONSENT)["clients"]["acme"]["connections"]["acme-hubspot"]
    link = find_open(first["connect_url"].rsplit("/", 1)[1], now=NOW)
    app = OAuthApp.objects.get()
    assert first["status"] == "not_connected"
    assert link.connection.slug == "acme-hubspot"
    assert (app.for_client.slug, app.client_id, app.required_scopes) == ("acme", "id-1", ["crm.objects.contacts.read"])
    assert vault.holds(app.secret, {"client_secret": Secret("hubspot-secret-1")})
    again = apply(CONSENT)
    assert again["changed"] == []
    assert "connect_url" not in again["clients"]["acme"]["connections"]["acme-hubspot"]
    ClientLink.objects.update(expires_at=NOW)
    assert "connect_url" in apply(CONSENT)["clients"]["acme"]["connections"]["acme-hubspot"]


def test_a_changed_app_or_address_is_applied(apply):
    apply(CONSENT)
    text = CONSENT.replace("id-1", "id-2").replace("hubspot-secret-1", "hubspot-secret-2").replace(":9000", ":9001")
    changed = apply(text)["changed"]
    at = "clients.acme.connections.acme-hubspot"
    assert sorted(changed) == [f"{at}.custom", f"{at}.oauth_app", f"{at}.oauth_app.client_secret"]
    app = OAuthApp.objects.get()
    assert app.client_id == "id-2"
    assert app.secret.current.number == 2
    assert CustomProvider.objects.get().facts["base_url"] == "http://127.0.0.1:9001/hubspot"
    assert app.secret.policy["hosts"] == ["127.0.0.1:9001"]


def test_an_agency_app_is_used_by_its_name(apply):
    OAuthApp.objects.create(name="Our HubSpot app", provider_key="hubspot", client_id="id-9")
    text = STATIC.split("[[client.connection]]")[0] + (
        '[[client.connection]]\nslug = "h"\nprovider = "hubspot"\nkind = "oauth2"\napp = "Our HubSpot app"\n'
    )
    assert "connect_url" in apply(text)["clients"]["acme"]["connections"]["h"]
    assert Connection.objects.get().oauth_app.name == "Our HubSpot app"


def test_a_user_name_and_password_are_kept_together(apply):
    text = STATIC.replace(
        'provider = "stripe"\nkind = "api_key"', 'provider = "custom"\nkind = "basic"\nusername = "ada"'
    )
    text = text.replace("rotate_after_days = 60", 'custom = { base_url = "https://api.example.com" }')
    apply(text)
    stored = StoredSecret.objects.get()
    assert vault.holds(stored, {"username": Secret("ada"), "password": Secret(STRIPE)})
    assert stored.policy == {"hosts": ["api.example.com"], "slots": ["header:authorization"]}
    assert apply(text)["changed"] == []
    assert apply(text.replace('"ada"', '"bob"'))["changed"] == ["clients.acme.connections.acme-stripe.secret"]


def test_a_key_may_go_into_the_query(apply):
    text = STATIC.replace('provider = "stripe"', 'provider = "custom"').replace(
        "rotate_after_days = 60",
        'custom = { base_url = "https://api.example.com", inject = { in = "query", name = "api_key" } }',
    )
    apply(text)
    assert StoredSecret.objects.get().policy["slots"] == ["query:api_key"]


def test_a_secret_may_come_from_a_file_beside_the_file(apply, tmp_path):
    (tmp_path / "key.txt").write_text(STRIPE + "\n")
    apply(STATIC.replace('{ env = "ACME_KEY" }', '{ file = "key.txt" }'))
    assert vault.holds(StoredSecret.objects.get(), {"api_key": Secret(STRIPE)})


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "why"),
    [
        ('slug = "acme"', 'slug = "Acme!"', 3, "client.slug", "lower case"),
        ('slug = "acme"\n', "", 2, "client.slug", "is missing"),
        ('name = "Acme Ltd"\n', "", 2, "client.name", "is missing"),
        ('"production", "staging"', '"production", "production"', 5, "client.environments", "twice"),
        ('["production", "staging"]', "[]", 5, "client.environments", "at least one"),
        ('provider = "stripe"', 'provider = "strype"', 9, "client.connection.provider", "no provider strype"),
        ('provider = "stripe"', 'provider = "custom"', 7, "client.connection.custom", "belong together"),
        ('kind = "api_key"', 'kind = "apikey"', 10, "client.connection.kind", "one of"),
        ('kind = "api_key"', 'kind = "oauth1"', 10, "client.connection.kind", "must be one of"),
        ("made_on = 2026-08-01", 'made_on = "2026-08-01"', 11, "client.connection.made_on", "date"),
        ("made_on = 2026-08-01", "made_on = 2026-08-01T00:00:00Z", 11, "client.connection.made_on", "date"),
        ('{ env = "ACME_KEY" }', '{ env = "NOT_SET" }', 12, "client.connection.secret", "NOT_SET"),
        ('{ env = "ACME_KEY" }', '{ file = "nothing" }', 12, "client.connection.secret", "cannot be read"),
        ("made_on = 2026-08-01", "made_on = 2026-11-24", 11, "client.connection.made_on", "future"),
        ('{ env = "ACME_KEY" }', '{ value = "a\\u0001b" }', 12, "client.connection.secret", "control character"),
        ('{ env = "ACME_KEY" }', '{ value = " " }', 12, "client.connection.secret", "empty"),
        ('{ env = "ACME_KEY" }', '{ env = "A", value = "b" }', 12, "client.connection.secret", "exactly one"),
        ('{ env = "ACME_KEY" }', '"just a text"', 12, "client.connection.secret", "must be {"),
        ('secret = { env = "ACME_KEY" }\n', "", 7, "client.connection.secret", "is missing"),
        ("rotate_after_days = 60", "rotate_after_days = 731", 13, "client.connection.rotate_after_days", "between"),
        ("rotate_after_days = 60", "rotate_after_days = true", 13, "client.connection.rotate_after_days", "number"),
        ("rotate_after_days = 60", 'environment = "moon"', 13, "client.connection.environment", "no environment moon"),
        ("rotate_after_days = 60", "rotate = 60", 13, "client.connection.rotate", "not a known key"),
        ("rotate_after_days = 60", 'username = "ada"', 13, "client.connection.username", "belongs to kind basic"),
        ("rotate_after_days = 60", 'app = "x"', 13, "client.connection.app", "belongs to kinds oauth2"),
        (
            'connections = ["acme-stripe"]',
            'connections = ["x"]',
            17,
            "client.gateway_token.connections",
            "no connection x",
        ),
        ('connections = ["acme-stripe"]', "connections = []", 17, "client.gateway_token.connections", "at least one"),
        ('["GET", "POST"]', '["get it"]', 18, "client.gateway_token.methods", "GET"),
        ('["/v1/*"]', '["v1/*"]', 19, "client.gateway_token.paths", "start with"),
        ("per_minute = 100", "per_minute = 0", 20, "client.gateway_token.per_minute", "between"),
        ("per_minute = 100", "min_gap_s = 0", 20, "client.gateway_token.min_gap_s", "between"),
        ("per_minute = 100", "min_gap_s = nan", 20, "client.gateway_token.min_gap_s", "between"),
        ("per_minute = 100", "max_wait_s = 301", 20, "client.gateway_token.max_wait_s", "between"),
        ("per_minute = 100", "max_wait_s = -1", 20, "client.gateway_token.max_wait_s", "between"),
        ("per_minute = 100", 'min_gap_s = "5"', 20, "client.gateway_token.min_gap_s", "a number of seconds"),
        ("per_minute = 100", "min_gap_s = true", 20, "client.gateway_token.min_gap_s", "a number of seconds"),
        ("per_minute = 100", 'ip_ranges = ["home"]', 20, "client.gateway_token.ip_ranges", "addresses"),
        ("per_minute = 100", "expires_at = 2026-12-31T00:00:00", 20, "client.gateway_token.expires_at", "offset"),
        (
            "per_minute = 100",
            '[[client.webhook_endpoint]]\nslug = "x"',
            20,
            "client.webhook_endpoint.scheme",
            "missing",
        ),
        ("[[client.gateway_token]]", "[[client.gateway_tokens]]", 15, "client.gateway_tokens", "not a known key"),
    ],
)
def test_bad_input_names_file_line_and_field_and_writes_nothing(apply, old, new, line, field, why):
    assert STATIC.count(old) == 1
    before = everything()
    with pytest.raises(BadFile) as refused:
        apply(STATIC.replace(old, new))
    said = str(refused.value)
    assert f"acme.toml:{line}: {field}:" in said, said
    assert why in said
    assert refused.value.exit_code == 2
    assert everything() == before
    assert STRIPE not in said


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (
            'token_url = "http://127.0.0.1:9000/oauth/token"',
            'revoke_url = "http://127.0.0.1:9000/r"',
            "custom.token_url",
        ),
        ('base_url = "http://127.0.0.1:9000/hubspot"', 'base_url = "ftp://x"', "custom.base_url"),
        ('base_url = "http://127.0.0.1:9000/hubspot"', 'base = "http://x"', "custom.base"),
        ('client_id = "id-1"\n', "", "oauth_app.client_id"),
        ('scopes = ["crm.objects.contacts.read"]', "scope = []", "oauth_app.scope"),
        ('kind = "oauth2"', 'kind = "oauth2"\nsecret = { value = "x" }', "secret"),
        ('kind = "oauth2"', 'kind = "oauth2"\napp = "Another"', "app"),
        (OAUTH_APP, "", "oauth_app"),
        (OAUTH_APP, 'app = "Nobody has this"\n', "app"),
        ("[client.connection.custom]", HOST_INJECTED, "custom.injections.api_key.name"),
    ],
)
def test_a_bad_custom_provider_or_app_is_refused_by_name(apply, old, new, field):
    before = everything()
    with pytest.raises(BadFile) as refused:
        apply(CONSENT.replace(old, new))
    assert f"client.connection.{field}:" in str(refused.value)
    assert everything() == before


def test_a_byte_order_mark_at_the_front_is_no_fault(apply):
    assert apply("\ufeff" + STATIC)["clients"]["acme"]


def test_every_problem_is_said_at_once(apply):
    text = STATIC.replace("per_minute = 100", "per_minute = 0").replace("= 60", "= 0").replace('"stripe"', '"strype"')
    with pytest.raises(BadFile) as refused:
        apply(text)
    assert len(str(refused.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "why"), [("a = ", ":1:"), ("", "no [[client]]"), ("x = 1\n[[client]]\nslug='a'", "x:")]
)
def test_a_file_that_is_no_provisioning_file_is_refused(apply, text, why):
    with pytest.raises(BadFile, match=r"acme\.toml") as refused:
        apply(text)
    assert why in str(refused.value)


@pytest.mark.parametrize("name", ["nothing.toml", "bytes.toml"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path, name):
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadFile, match=name):
        provision(Path(tmp_path / name), now=NOW, environ={})


def test_a_slug_of_another_client_is_taken(apply):
    apply(STATIC)
    with pytest.raises(BadFile, match=r"acme\.toml:8: client\.connection\.slug: acme-stripe is taken"):
        apply(STATIC.replace('slug = "acme"', 'slug = "globex"'))
    assert Client.objects.count() == 1


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('kind = "api_key"', 'kind = "oauth2"\napp = "x"', "exists with kind api_key"),
        ('"stripe"', '"openai"', "exists with provider stripe"),
        ("rotate_after_days = 60", 'environment = "staging"', "exists in production"),
    ],
)
def test_a_connection_never_turns_into_another_one(apply, old, new, why):
    apply(STATIC)
    text = STATIC.replace(old, new)
    with pytest.raises(BadFile, match=why):
        apply(text.replace('secret = { env = "ACME_KEY" }\n', "") if "oauth2" in new else text)


def test_an_existing_client_is_added_to_and_everything_is_in_the_book(apply):
    make_client("acme", environments=("production",))
    apply(STATIC)
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"environment.created", "connection.created", "secret.stored", "token.made"} <= actions
    assert "client.created" not in actions
    assert audit.verify().ok
    assert STRIPE not in json.dumps([event.details for event in AuditEvent.objects.all()])


TWO_VALUES = STATIC.replace('provider = "stripe"', 'provider = "custom"').replace(
    "rotate_after_days = 60",
    'fields = { application_key = { value = "app-canary-1" } }\n[client.connection.custom]\nbase_url = "https://dog.test"',
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TWO_VALUES, "has no such field"),
        (CONSENT.replace('kind = "oauth2"', 'kind = "oauth2"\nfields = { a = { value = "b" } }'), "belongs to kinds"),
    ],
)
def test_a_second_value_that_the_provider_does_not_know_is_refused(apply, text, said):
    with pytest.raises(BadFile, match=said) as refused:
        apply(text)
    assert "app-canary-1" not in str(refused.value)
