"""`provision` as a process, from outside, against a running sandbox."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime

import pytest

from config.provision import probe_all
from integrations.models import Connection, CustomProvider
from integrations.providers.custom import custom_from
from secrets_vault import vault
from secrets_vault.actor import COMMAND
from secrets_vault.secret import Secret
from tests.factories import make_client
from tests.integrations.sandbox.conftest import ROOT, Sandbox
from tests.live import environment_for, free_port

pytestmark = [pytest.mark.processes, pytest.mark.matrix]

FILE = """
[[client]]
slug = "acme"
name = "Acme Ltd"

[[client.connection]]
slug = "acme-stripe"
provider = "custom"
kind = "api_key"
secret = {{ env = "ACME_KEY" }}
custom = {{ base_url = "{url}/stripe" }}

[[client.connection]]
slug = "real-stripe"
provider = "stripe"
kind = "api_key"
secret = {{ file = "key" }}

[[client.gateway_token]]
name = "n8n"
connections = ["acme-stripe"]
"""


@pytest.fixture
def run(tmp_path):
    """Run a command in a home, and on PostgreSQL a database, of its own."""
    installation = environment_for(tmp_path / "home", free_port())

    def call(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        env = installation | environ
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=180)

    return call


def test_a_file_is_applied_from_nothing_and_twice_is_once(run, tmp_path):
    sandbox = Sandbox()
    file = tmp_path / "acme.toml"
    file.write_text(FILE.format(url=sandbox.line["url"]))
    (tmp_path / "key").write_text("sk_live_canary00000000000001")
    key = sandbox.line["stripe_api_key"]
    first = run("provision", str(file), ACME_KEY=key)
    assert first.returncode == 0, first.stderr
    answer = json.loads(first.stdout)
    assert answer["clients"]["acme"]["gateway_tokens"]["n8n"]["token"].startswith("klg_")
    assert sandbox.arrived() == []
    again = run("provision", str(file), ACME_KEY=key)
    assert json.loads(again.stdout)["changed"] == []
    assert key not in first.stdout + first.stderr + again.stdout + again.stderr
    sandbox.stop()


def test_bad_input_is_exit_2_with_nothing_on_stdout(run, tmp_path):
    file = tmp_path / "acme.toml"
    file.write_text(FILE.format(url="http://127.0.0.1:1"))
    done = run("provision", str(file))
    assert done.returncode == 2
    assert done.stdout == ""
    assert "acme.toml:10: client.connection.secret: the environment has no variable ACME_KEY" in done.stderr
    assert "acme.toml:17: client.connection.secret" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.django_db
@pytest.mark.parametrize(("works", "status"), [(True, "connected"), (False, "failing")])
def test_probe_tries_each_key_and_notes_how_it_went(settings, works, status):
    sandbox = Sandbox()
    host = sandbox.line["url"].removeprefix("http://")
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [host]
    table = {"base_url": sandbox.line["url"] + "/stripe"}
    probe = {"probe": {"method": "GET", "path": "/v1/balance"}}
    facts = custom_from(table, key="custom-s", name="S", today=date(2026, 11, 22), **probe)
    CustomProvider.objects.create(key="custom-s", name="S", facts=facts)
    client = make_client()
    place = {"client": client, "environment": client.environments.first()}
    stored = vault.store(
        actor=COMMAND,
        kind="api_key",
        label="s",
        fields={"api_key": Secret(sandbox.line["stripe_api_key"] if works else "sk_test_wrong")},
        policy=vault.Policy(hosts=(host,), slots=("header:authorization",)),
        **place,
    )
    about = {"provider_key": "custom-s", "kind": "api_key", "secret": stored, "status": "untested"}
    Connection.objects.create(slug="s", **about, **place)
    answer = {"clients": {"acme": {"connections": {"s": {"status": "untested"}}}}}
    said = []
    assert probe_all(answer, now=datetime.now(UTC), say=said.append) is works
    sandbox.stop()
    assert answer["clients"]["acme"]["connections"]["s"]["status"] == status
    assert said
