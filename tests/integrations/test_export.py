"""What leaves by `export`."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from integrations.management.commands.export import read_since
from integrations.models import Call, Connection
from integrations.spreadsheet import safe_cell
from secrets_vault import vault
from secrets_vault.actor import COMMAND
from secrets_vault.ids import uuid7
from secrets_vault.models import AuditEvent
from secrets_vault.secret import Secret
from tests.factories import make_client

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def make_call(client, *, at=NOW, outcome="ok", **fields):
    environment = client.environments.first()
    connection, _ = Connection.objects.get_or_create(
        slug=f"{client.slug}-hubspot", client=client, environment=environment, provider_key="hubspot", kind="oauth2"
    )
    about = {
        "host": "api.hubapi.com",
        "path": "/crm",
        "method": "GET",
        "status": 200,
        "cause": "c",
        "request_head": "h",
    }
    ids = {"client_id": client.pk, "environment_id": environment.pk, "connection_id": connection.pk}
    key = uuid7(int(at.timestamp() * 1000))
    return Call.objects.create(id=key, at=at, outcome=outcome, **ids, **(about | fields))


def export(what, **options):
    out = io.StringIO()
    call_command("export", what, **{"format": "jsonl", **options}, stdout=out)
    return out.getvalue()


def rows(what, **options):
    return [json.loads(line) for line in export(what, **options).splitlines()]


@pytest.mark.django_db
def test_calls_have_the_promised_columns_and_failures_say_why():
    client = make_client()
    fine, failed = make_call(client), make_call(client, at=NOW + timedelta(seconds=1), outcome="limited", status=429)
    first, second = rows("calls")
    assert first["id"] == first["request_id"] == str(fine.pk)
    assert (first["client"], first["environment"], first["connection"]) == ("acme", "production", "acme-hubspot")
    assert "cause" not in first
    assert second["id"] == str(failed.pk)
    assert (second["cause"], second["request_head"], second["response_head"]) == ("c", "h", "")


@pytest.mark.django_db
def test_one_client_and_one_period_can_be_asked_for(monkeypatch):
    monkeypatch.setattr("integrations.export.BATCH", 2)
    acme, globex = make_client(), make_client("globex")
    now = datetime.now(UTC)
    ids = [str(make_call(acme, at=now - timedelta(days=days)).pk) for days in (9, 5, 4, 3, 1)]
    make_call(globex, at=now)
    assert [row["id"] for row in rows("calls", client="acme")] == ids
    assert [row["id"] for row in rows("calls", client="acme", since="7d")] == ids[1:]
    assert len(rows("calls", since="99999w")) == 6


@pytest.mark.django_db
def test_a_spreadsheet_runs_nothing():
    make_call(make_client(), path="=HYPERLINK(1)", token_name="@SUM(A1)")
    row = next(csv.DictReader(io.StringIO(export("calls", format="csv"))))
    assert row["path"] == "'=HYPERLINK(1)"
    assert row["token_name"] == "'@SUM(A1)"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", " =", "  =", "\u00a0+"])
def test_every_formula_start_is_defused(start):
    assert safe_cell(f"{start}1+1|cmd").startswith("'")


@pytest.mark.parametrize(
    ("value", "cell"), [(-5, "-5"), (True, "true"), (None, ""), ({"a": 1}, '{"a": 1}'), ("a=b", "a=b")]
)
def test_what_is_no_formula_stays(value, cell):
    assert safe_cell(value) == cell


@pytest.mark.django_db
def test_secrets_are_metadata_only():
    client = make_client()
    value = "sk_live_canary0000000000000001"
    vault.store(
        actor=COMMAND,
        client=client,
        environment=client.environments.first(),
        kind="api_key",
        label="Stripe",
        fields={"api_key": Secret(value)},
        provider_key="stripe",
        made_on=date(2026, 8, 1),
    )
    text = export("secrets")
    row = json.loads(text)
    assert row["label"] == "Stripe"
    assert row["made_on"] == "2026-08-01"
    assert row["due_on"]
    assert value not in text
    assert value[-4:] not in text


@pytest.mark.django_db
def test_the_export_is_in_the_book_and_the_book_can_be_exported():
    make_client()
    exported = rows("audit")
    assert exported[-1]["action"] == "export.made"
    assert exported[-1]["details"]["what"] == "audit"
    assert exported[-1]["hash"] == bytes(AuditEvent.objects.get(seq=exported[-1]["seq"]).hash).hex()
    assert [row["seq"] for row in exported] == list(range(1, len(exported) + 1))


@pytest.mark.django_db
@pytest.mark.parametrize("options", [{"client": "nobody"}, {"since": "yesterday"}, {"since": "9999999w"}])
def test_bad_input_is_exit_2_and_writes_nothing(options):
    before = AuditEvent.objects.count()
    with pytest.raises(CommandError) as refused:
        export("calls", **options)
    assert refused.value.returncode == 2
    assert AuditEvent.objects.count() == before


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("7d", NOW - timedelta(days=7)),
        ("90m", NOW - timedelta(minutes=90)),
        ("2026-11-01T02:00:00+02:00", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
    ],
)
def test_since_is_read_both_ways(text, moment):
    assert read_since(text, now=NOW) == moment
