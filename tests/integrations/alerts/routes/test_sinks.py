"""Errors as rows in Google Sheets and Airtable, through our own connections."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from integrations import alerts
from integrations.alerts import errors
from integrations.alerts.routes import answers, making, sending, sinks
from integrations.models import AlertDelivery, Connection, ErrorGroup
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.secret import Secret
from secrets_vault.vault import Policy
from tests.canaries import Net
from tests.factories import make_client
from tests.integrations.alerts.routes.places import NOW, Place, make_group, make_route

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
PAT = "pat" + "A" * 14 + "." + "0123456789abcdef" * 4
HOSTS = {"airtable": "api.airtable.com", "google_sheets": "sheets.googleapis.com"}
PLACES = {
    "airtable": {"base": "appABCDEFGHIJKLMN", "table": "Errors"},
    "sheets": {"spreadsheet": "1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms", "sheet": "Errors of 2026"},
}
State = AlertDelivery.State


def make_connection(client: Any, provider_key: str, **fields: Any) -> Connection:
    environment = client.environments.first()
    about: dict[str, Any] = {"actor": SYSTEM, "client": client, "environment": environment, "label": provider_key}
    name = "token" if provider_key == "airtable" else "access_token"
    kind = "bearer" if provider_key == "airtable" else "oauth_tokens"
    policy = Policy(hosts=(HOSTS[provider_key],), slots=("header:authorization",))
    stored = vault.store(**about, kind=kind, fields={name: Secret(PAT)}, policy=policy)
    fields.setdefault("access_expires_at", NOW + timedelta(hours=1) if kind == "oauth_tokens" else None)
    return Connection.objects.create(
        slug=f"{client.slug}-{provider_key}",
        label=provider_key,
        client=client,
        environment=environment,
        provider_key=provider_key,
        kind="bearer" if provider_key == "airtable" else "oauth2",
        status="connected",
        secret=stored,
        **fields,
    )


@pytest.fixture
def acme():
    return make_client("acme")


@pytest.fixture
def failing(acme):
    about = {"client": acme, "environment": acme.environments.first(), "provider_key": "hubspot", "kind": "oauth2"}
    return Connection.objects.create(slug="acme-hubspot", label="HubSpot", **about)


def make_sink(acme: Any, channel: str = "airtable") -> Any:
    connection = make_connection(acme, sinks.SINKS[channel].provider_key)
    return make_route(channel, connection=connection, place=PLACES[channel])


def one_error(failing: Connection, **fields: Any) -> None:
    errors.look(NOW)
    make_group(failing, at=NOW + MINUTE, **fields)
    errors.look(NOW + 2 * MINUTE)


def test_an_error_becomes_a_record_in_airtable(acme, failing):
    make_sink(acme)
    one_error(failing)
    place = Place()
    assert sending.send_due(now=NOW + 2 * MINUTE, send=place) == 1
    [(method, url, headers, _body)] = place.sent
    assert (method, url) == ("PATCH", "https://api.airtable.com/v0/appABCDEFGHIJKLMN/Errors")
    assert headers["authorization"] == f"Bearer {PAT}"
    record = place.payloads[0]["records"][0]["fields"]
    assert (record["Client"], record["Connection"], record["Status"], record["Count"]) == ("acme", "HubSpot", "403", 3)
    assert place.payloads[0]["performUpsert"] == {"fieldsToMergeOn": ["Id"]}
    assert record["Id"] == str(AlertDelivery.objects.get().pk)


def test_an_error_becomes_a_row_in_google_sheets_and_is_never_computed(acme, failing):
    make_sink(acme, "sheets")
    one_error(failing)
    place = Place()
    assert sending.send_due(now=NOW + 2 * MINUTE, send=place) == 1
    [(method, url, headers, _body)] = place.sent
    spreadsheet = PLACES["sheets"]["spreadsheet"]
    assert method == "POST"
    assert url == (
        f"https://sheets.googleapis.com/v4/spreadsheets/{spreadsheet}/values/%27Errors%20of%202026%27%21A1:append"
        "?valueInputOption=RAW&insertDataOption=INSERT_ROWS"
    )
    assert headers["authorization"] == f"Bearer {PAT}"
    [row] = place.payloads[0]["values"]
    assert row[1:5] == ["acme", "HubSpot", "The token lacks a scope", "403"]
    assert len(row) == len(sinks.COLUMNS)


def test_an_error_of_the_very_connection_a_sink_writes_through_is_not_written_there(acme):
    route = make_sink(acme)
    one_error(route.connection)
    assert not AlertDelivery.objects.exists()


def test_a_sink_gets_errors_and_no_other_alerts(acme, failing):
    make_sink(acme)
    alerts.failing(failing, code="x", now=NOW, failed=5)
    assert not AlertDelivery.objects.exists()


@pytest.mark.parametrize(
    ("status", "code"), [(404, "place_not_found"), (403, "connection_refused"), (422, "place_refuses")]
)
def test_what_a_table_answers_is_said_in_words(acme, failing, status, code):
    route = make_sink(acme)
    ok, said = making.try_out(route, actor=SYSTEM, now=NOW, send=Place(status))
    assert (ok, said) == (False, str(answers.sentence("airtable", status=status, code=code)))


def test_a_credential_that_may_not_go_there_is_not_sent(acme, failing):
    route = make_sink(acme)
    vault.bind_policy(
        route.connection.secret, Policy(hosts=("api.hubapi.com",), slots=("header:authorization",)), actor=SYSTEM
    )
    one_error(failing)
    place = Place()
    sending.send_due(now=NOW + 2 * MINUTE, send=place)
    assert (place.sent, AlertDelivery.objects.get().error) == ([], "connection_not_ready")


def test_a_repeat_has_the_same_id(acme, failing):
    make_sink(acme)
    one_error(failing)
    place = Place(503, 200)
    now = NOW + 2 * MINUTE
    assert [sending.send_due(now=now, send=place), sending.send_due(now=now + MINUTE, send=place)] == [0, 1]
    ids = {each["records"][0]["fields"]["Id"] for each in place.payloads}
    assert len(ids) == 1


def test_rows_are_written_slowly(acme, failing):
    make_sink(acme)
    errors.look(NOW)
    for number in range(25):
        make_group(failing, at=NOW + MINUTE, key=bytes([number]) * 32)
    errors.look(NOW + 2 * MINUTE)
    place = Place()
    assert sending.send_due(now=NOW + 2 * MINUTE, send=place) == sending.ROWS_A_SWEEP


def test_no_row_holds_a_secret(acme, failing, log):
    make_sink(acme)
    key = "sk_live_" + "c4n4ry" * 6
    one_error(failing)
    make_group(failing, at=NOW + 2 * MINUTE, key=b"2" * 32)
    AlertDelivery.objects.all().delete()
    ErrorGroup.objects.update(title=f"Bearer {key}", cause=f"Authorization: Bearer {key}", remedy=f"use {key}")
    errors.look(NOW + 3 * MINUTE)
    place = Place()
    assert sending.send_due(now=NOW + 3 * MINUTE, send=place) == 2
    written = "".join(body.decode() for _method, _url, _headers, body in place.sent)
    net = Net({"key": key, "credential": PAT})
    assert net.found_in("rows", written + str(list(AlertDelivery.objects.values())) + log.getvalue()) == []


@pytest.mark.parametrize(
    ("channel", "part", "typed", "kept"),
    [
        ("sheets", "spreadsheet", f"https://docs.google.com/spreadsheets/d/{'1Bx' * 8}/edit#gid=0", "1Bx" * 8),
        ("sheets", "spreadsheet", "../../v4/evil", None),
        ("sheets", "sheet", "Errors'!A1", None),
        ("airtable", "base", "https://airtable.com/appABCDEFGHIJKLMN/tbl/viw", "appABCDEFGHIJKLMN"),
        ("airtable", "base", "app/../x", None),
        ("airtable", "table", "a/b", None),
    ],
)  # fmt: skip
def test_a_place_is_what_it_can_be(channel, part, typed, kept):
    assert sinks.clean_place(channel, part, typed) == kept
