"""`backup` and `restore` as processes, from one home into another."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live import environment_for, free_port

pytestmark = [pytest.mark.processes, pytest.mark.matrix]  # each home here has files, whatever the run is on
ROOT = Path(__file__).resolve().parents[3]

FILL = """
import django; django.setup()
from django.core.management import call_command
for alias in ("default", "calls"):
    call_command("migrate", database=alias, verbosity=0)
from secrets_vault import keys, vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import Client
from secrets_vault.secret import Secret
keys.initialise()
client = Client.objects.create(slug="acme", name="Acme")
vault.store(actor=SYSTEM, client=client, environment=None, kind="api_key", label="Stripe",
            fields={"api_key": Secret("sk_test_canary_process_0001")})
"""

OPEN = """
import django; django.setup()
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import StoredSecret
print(vault.use(StoredSecret.objects.get(), actor=SYSTEM, purpose="test")["api_key"].expose())
"""


def python(home, *arguments, **variables):
    """Run Python in the checkout with this home and nothing else of ours in the environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KEYLODGE_", "DATABASE_URL"))}
    environment = kept | {"KEYLODGE_HOME": str(home), "DJANGO_SETTINGS_MODULE": "config.settings"} | variables
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def command(home, *arguments, passphrase="a long enough passphrase"):
    return python(home, "manage.py", *map(str, arguments), KEYLODGE_BACKUP_PASSPHRASE=passphrase)


def content(folder):
    """Return the files of a folder, without the cookie key that the settings make."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name != "secret_key"}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a home with one secret."""
    home = tmp_path_factory.mktemp("home") / "keylodge"
    environment_for(home, free_port(), has_tables=True)
    made = python(home, "-c", FILL)
    assert made.returncode == 0, made.stderr
    return home


@pytest.fixture(scope="module")
def backup(home):
    """Return a backup file of it."""
    path = home.parent / "backup.age"
    made = command(home, "backup", path)
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["rows"]["secrets_vault_storedsecret"] == 1
    return path


def test_the_home_and_its_files_are_ours_alone(home, backup):
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    for name in ("wrapping_key", "secret_key", "generation"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert not [path.name for path in home.iterdir() if path.name.startswith(".")]


def test_a_backup_opens_in_an_empty_folder_with_its_key_and_in_none_without(home, backup, tmp_path):
    empty = tmp_path / "new"
    empty.mkdir(mode=0o700)
    fingerprint = json.loads(command(home, "doctor").stdout)["wrapping_key"]

    without = command(empty, "restore", backup)
    assert (without.returncode, without.stdout) == (3, "")
    assert fingerprint in without.stderr
    assert content(empty) == {}

    (empty / "wrapping_key").write_text("Z3JlYXQtYmlnLXdyb25nLXdyYXBwaW5nLWtleS0xMjM\n")
    wrong = command(empty, "restore", backup)
    assert wrong.returncode == 3
    assert fingerprint in wrong.stderr
    assert set(content(empty)) == {"wrapping_key"}

    (empty / "wrapping_key").write_bytes((home / "wrapping_key").read_bytes())
    mistyped = command(empty, "restore", backup, passphrase="another long passphrase")
    assert (mistyped.returncode, set(content(empty))) == (1, {"wrapping_key"})

    right = command(empty, "restore", backup)
    assert right.returncode == 0, right.stderr
    assert json.loads(right.stdout)["ok"] is True
    assert python(empty, "-c", OPEN).stdout.strip() == "sk_test_canary_process_0001"
    assert json.loads(command(empty, "audit_verify").stdout)["ok"] is True
    for name in ("keylodge.sqlite3", "calls.sqlite3"):
        assert stat.S_IMODE((empty / name).stat().st_mode) == 0o600

    again = command(empty, "restore", backup)
    assert again.returncode == 1
    assert "--force" in again.stderr


def test_bad_input_ends_with_2(home, tmp_path):
    assert command(home, "backup").returncode == 2
    assert command(home, "backup", tmp_path / "no" / "such" / "folder").returncode == 2
    assert command(home, "backup", tmp_path / "x", passphrase="short").returncode == 2
    assert command(home, "restore", tmp_path / "missing").returncode == 2
    assert not list(tmp_path.iterdir())


def test_a_script_that_names_no_passphrase_gets_a_backup_that_the_wrapping_key_opens(home, tmp_path):
    path, empty = tmp_path / "backup", tmp_path / "new"
    empty.mkdir(mode=0o700)
    made = command(home, "backup", path, passphrase="")
    assert made.returncode == 0, made.stderr
    fingerprint = json.loads(made.stdout)["needs_wrapping_key"][0]
    assert b"Acme" not in path.read_bytes()

    without = command(empty, "restore", path, passphrase="")
    assert (without.returncode, without.stdout, fingerprint in without.stderr) == (3, "", True)
    (empty / "wrapping_key").write_text("Z3JlYXQtYmlnLXdyb25nLXdyYXBwaW5nLWtleS0xMjM\n")
    wrong = command(empty, "restore", path, passphrase="")
    assert (wrong.returncode, wrong.stdout, fingerprint in wrong.stderr) == (3, "", True)

    (empty / "wrapping_key").write_bytes((home / "wrapping_key").read_bytes())
    right = command(empty, "restore", path, passphrase="a passphrase that this backup does not have")
    assert right.returncode == 0, right.stderr
    assert python(empty, "-c", OPEN).stdout.strip() == "sk_test_canary_process_0001"
