"""Promise R18: an older version keeps its hands off tables that a newer one has changed, and says so in plain words."""

from __future__ import annotations

import json

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client as Browser

from config.management.commands import serve
from secrets_vault import doctor

pytestmark = pytest.mark.django_db
SAID = r"newer Keylodge \(integrations\.0999_of_next_year\)"


@pytest.fixture(params=sorted(settings.DATABASES))
def newer(request):
    """Let one of the databases know a migration that this version does not have."""
    MigrationRecorder(connections[request.param]).record_applied("integrations", "0999_of_next_year")


@pytest.fixture(autouse=True)
def _no_migration(monkeypatch):
    def refuse(*_arguments, **_options):
        raise AssertionError("nothing may be migrated")

    monkeypatch.setattr(serve, "call_command", refuse)


def test_the_start_refuses(newer, tmp_path):
    with pytest.raises(CommandError, match=SAID) as refused:
        serve.prepare(tmp_path)
    assert refused.value.returncode == 2


def test_a_command_that_writes_refuses(newer, tmp_path, capsys):
    described = tmp_path / "acme.toml"
    described.write_text('[[client]]\nslug = "acme"\nname = "Acme"\n')
    with pytest.raises(SystemExit) as ended:
        call_command("provision", str(described))
    assert ended.value.code == 2
    assert "integrations.0999_of_next_year" in capsys.readouterr().err


def test_what_watches_is_told(newer):
    answer = Browser(SERVER_NAME="localhost").get("/readyz")
    assert (answer.status_code, json.loads(answer.content)["missing"]) == (503, ["migrations"])
    assert [finding.what for finding in doctor.examine() if finding.check == "tables"] == [
        "a newer Keylodge has changed them (integrations.0999_of_next_year)"
    ]


def test_without_newer_tables_all_is_well():
    assert Browser(SERVER_NAME="localhost").get("/readyz").status_code == 200
