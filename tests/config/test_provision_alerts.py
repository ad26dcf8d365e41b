"""Where alerts go, and tokens that report errors, as a part of a client's file."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from config.provision import BadFile, provision
from integrations.alerts.kinds import usual_kinds
from integrations.alerts.routes import making, sealing
from integrations.api import tokens
from integrations.models import AlertRoute, ApiToken, Connection
from secrets_vault.actor import COMMAND
from secrets_vault.errors import Unreadable
from secrets_vault.models import AuditEvent, Client
from secrets_vault.secret import Secret
from tests.config.test_provision import NOW, everything
from tests.factories import make_client

pytestmark = pytest.mark.django_db
HOOK = "http://127.0.0.1:9000/hooks/CANARY-of-a-route-55120"
MOVED = "http://127.0.0.1:9000/hooks/CANARY-of-another-98121"

FILE = """
[[client]]
slug = "acme"
name = "Acme Ltd"

[[client.connection]]
slug = "acme-sheets"
provider = "google_sheets"
kind = "oauth2"
oauth_app = { client_id = "id-1", client_secret = { value = "app-secret-1" }, scopes = [] }

[[client.alert_route]]
name = "On call"
channel = "signed"
address = { env = "HOOK" }
kinds = ["failing", "absence"]
least = "urgent"
language = "de"
time_zone = "Europe/Berlin"
quiet_from = 22:00:00
quiet_to = 07:00:00

[[client.alert_route]]
name = "Mail"
channel = "mail"
address = { value = "ops@acme.example" }

[[client.alert_route]]
name = "Table"
channel = "sheets"
connection = "acme-sheets"
place = { spreadsheet = "https://docs.google.com/spreadsheets/d/1AbCdEfGhIjKlMnOpQrStUvWxYz/edit", sheet = "Errors" }

[[client.api_token]]
name = "Make scenarios"
tool = "make"
connection = "acme-sheets"
per_minute = 30
expires_at = 2027-06-30T00:00:00Z
"""


@pytest.fixture
def apply(tmp_path, settings):
    """Apply a text and return the answer."""
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1:9000"]

    def run(text: str = FILE, **environ: str):
        file = tmp_path / "acme.toml"
        file.write_text(text)
        return provision(file, now=NOW, environ={"HOOK": HOOK} | environ)

    return run


def test_routes_and_tokens_are_made_as_the_file_says(apply):
    acme = apply()["clients"]["acme"]
    route = AlertRoute.objects.get(name="On call")
    assert (route.client.slug, route.kinds, route.least) == ("acme", ["failing", "absence"], "urgent")
    assert (route.language, route.time_zone, route.quiet_from, route.quiet_to) == (
        "de", "Europe/Berlin", time(22), time(7),
    )  # fmt: skip
    assert sealing.open_address(route) == Secret(HOOK)
    assert sealing.open_signing(route) == Secret(acme["alert_routes"]["On call"]["signing_secret"])
    assert AlertRoute.objects.get(name="Mail").kinds == usual_kinds()
    table = AlertRoute.objects.get(name="Table")
    assert (table.connection.slug, table.place["spreadsheet"]) == ("acme-sheets", "1AbCdEfGhIjKlMnOpQrStUvWxYz")
    made = acme["api_tokens"]["Make scenarios"]
    token = tokens.find(made["token"], now=NOW)
    assert token is not None
    assert (token.tool, token.connection.slug, token.per_minute) == ("make", "acme-sheets", 30)
    assert token.expires_at == datetime(2027, 6, 30, tzinfo=UTC)


def test_the_same_file_twice_changes_nothing_and_shows_no_secret_again(apply):
    first = apply()
    assert {"clients.acme.alert_routes.Mail", "clients.acme.api_tokens.Make scenarios"} <= set(first["changed"])
    before = everything()
    again = apply()
    assert again["changed"] == []
    assert everything() == before
    acme = again["clients"]["acme"]
    assert acme["api_tokens"]["Make scenarios"].keys() == {"prefix"}
    assert acme["alert_routes"]["On call"].keys() == {"channel", "address"}


def test_no_address_is_printed_or_written_in_the_book(apply):
    answer = apply()
    answer = f"{answer} {apply(HOOK=MOVED)}"
    told = answer + "".join(str(event.details) + event.object_label for event in AuditEvent.objects.all())
    assert "CANARY" not in told
    assert sealing.open_address(AlertRoute.objects.get(name="On call")) == Secret(MOVED)


def test_what_differs_is_changed_and_what_the_file_does_not_name_is_left_alone(apply):
    apply()
    making.change(AlertRoute.objects.get(name="On call"), actor=COMMAND, now=NOW, wants_still=False)
    changed = FILE.replace('least = "urgent"', 'least = "info"').replace("per_minute = 30", "per_minute = 40")
    answer = apply(changed.replace('time_zone = "Europe/Berlin"\n', ""), HOOK=MOVED)
    assert sorted(answer["changed"]) == [
        "clients.acme.alert_routes.On call.address",
        "clients.acme.alert_routes.On call.least",
        "clients.acme.api_tokens.Make scenarios.per_minute",
    ]
    route = AlertRoute.objects.get(name="On call")
    assert (route.least, route.time_zone, route.wants_still) == ("info", "Europe/Berlin", False)
    assert AuditEvent.objects.get(action="api_token.changed").details["changed"] == ["per_minute"]
    assert AuditEvent.objects.get(action="api_token.changed").actor_kind == "command"


def test_another_clients_route_and_token_of_the_same_name_are_others(apply):
    other = make_client("other", name="Other")
    making.make("mail", Secret("x@other.example"), actor=COMMAND, now=NOW, name="Mail", client=other, kinds=["failing"])
    tokens.make(other, "Make scenarios", actor=COMMAND, now=NOW)
    apply()
    assert AlertRoute.objects.filter(name="Mail").count() == ApiToken.objects.filter(name="Make scenarios").count() == 2
    assert (
        AlertRoute.objects.get(client=other).address_sealed
        != AlertRoute.objects.get(client__slug="acme", name="Mail").address_sealed
    )


@pytest.mark.parametrize(
    ("old", "new", "field", "reason"),
    [
        ('channel = "signed"', 'channel = "pager"', "alert_route.channel", "must be one of"),
        ('address = { env = "HOOK" }\n', "", "alert_route.address", "is missing"),
        ('address = { env = "HOOK" }', 'address = "http://x"', "alert_route.address", "must be {"),
        ('address = { env = "HOOK" }', 'address = { env = "NOPE" }', "alert_route.address", "no variable"),
        ('"ops@acme.example"', '"nobody"', "alert_route.address", "no e-mail"),
        ('{ env = "HOOK" }', '{ value = "http://10.0.0.1/x" }', "alert_route.address", "public internet"),
        ('kinds = ["failing", "absence"]', 'kinds = ["rain"]', "alert_route.kinds", "must be some of"),
        ('kinds = ["failing", "absence"]', "kinds = []", "alert_route.kinds", "must be some of"),
        ('least = "urgent"', 'least = "dire"', "alert_route.least", "must be one of"),
        ('"Europe/Berlin"', '"Mars/Base"', "alert_route.time_zone", "such as Europe/Berlin"),
        ("quiet_to = 07:00:00\n", "", "alert_route.quiet_to", "two ends"),
        ("quiet_to = 07:00:00", "quiet_to = 22:00:00", "alert_route.quiet_to", "another time"),
        ("quiet_to = 07:00:00", 'quiet_to = "07:00"', "alert_route.quiet_to", "a time such as"),
        ('channel = "sheets"\n', 'channel = "sheets"\nleast = "info"\n', "alert_route.least", "does not belong"),
        ('channel = "mail"\n', 'channel = "mail"\nconnection = "acme-sheets"\n', "alert_route.connection", "belong"),
        ('sheet = "Errors" }', 'sheet = "a/b" }', "alert_route.place.sheet", "cannot be one"),
        ('connection = "acme-sheets"\nplace', 'connection = "nope"\nplace', "alert_route.connection", "has no"),
        ('name = "Mail"', 'name = "On call"', "alert_route.name", "named twice"),
        ('channel = "mail"', 'channel = "mail"\nsound = "loud"', "alert_route.sound", "not a known key"),
        ('tool = "make"', 'tool = "gateway"', "api_token.tool", "must be one of"),
        ("per_minute = 30", "per_minute = 601", "api_token.per_minute", "between"),
        ("2027-06-30T00:00:00Z", "2020-06-30T00:00:00Z", "api_token", "past"),
        (
            'tool = "make"\nconnection = "acme-sheets"',
            'connection = "nope"',
            "api_token.connection",
            "has no connection",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name_and_nothing_is_written(apply, old, new, field, reason):
    assert old in FILE
    with pytest.raises(BadFile) as refused:
        apply(FILE.replace(old, new, 1))
    assert f"client.{field}" in str(refused.value)
    assert reason in str(refused.value)
    assert "CANARY" not in str(refused.value)
    assert not Client.objects.exists()
    assert not AlertRoute.objects.exists()


def test_a_route_stays_on_its_channel_and_two_of_one_name_are_not_guessed_between(apply):
    apply()
    with pytest.raises(BadFile, match="goes by mail"):
        apply(FILE.replace('channel = "mail"\naddress = { value = "ops@acme.example" }', 'channel = "signed"'))
    about = {"name": "Mail", "client": Client.objects.get(), "kinds": ["failing"]}
    making.make("mail", Secret("y@acme.example"), actor=COMMAND, now=NOW, **about)
    with pytest.raises(BadFile, match="several routes"):
        apply()


def test_a_revoked_token_is_not_brought_back(apply):
    apply()
    tokens.revoke(ApiToken.objects.get(), actor=COMMAND, now=NOW)
    assert apply()["changed"] == []
    with pytest.raises(BadFile, match="revoked"):
        apply(FILE.replace("per_minute = 30", "per_minute = 31"))


def test_a_table_of_another_clients_connection_is_refused(apply):
    apply()
    Connection.objects.filter(slug="acme-sheets").update(client=make_client("other", name="Other"))
    text = FILE[: FILE.index("[[client.connection]]")] + FILE[FILE.index('[[client.alert_route]]\nname = "Table"') :]
    with pytest.raises(BadFile, match="has no google_sheets connection"):
        apply(text)


def test_an_end_that_is_changed_lies_ahead(apply):
    apply()
    later = NOW + timedelta(days=3)
    assert tokens.change(ApiToken.objects.get(), actor=COMMAND, now=NOW, expires_at=later) == ["expires_at"]
    with pytest.raises(tokens.BadApiToken):
        tokens.change(ApiToken.objects.get(), actor=COMMAND, now=NOW, expires_at=NOW)


def test_an_address_that_cannot_be_read_any_more_is_given_anew(apply):
    apply()
    AlertRoute.objects.filter(name="On call").update(address_sealed=b"\x02" + bytes(60))
    route = AlertRoute.objects.get(name="On call")
    with pytest.raises(Unreadable):
        sealing.open_address(route)
    assert apply()["changed"] == ["clients.acme.alert_routes.On call.address"]
    assert sealing.open_address(AlertRoute.objects.get(name="On call")) == Secret(HOOK)
    assert apply()["changed"] == []
