"""An off-boarding whose process is killed with -9 again and again, and what its files hold afterwards."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from tests.canaries import Net, canary
from tests.engines import only_on_sqlite
from tests.live import ROOT, environment_for, free_port

pytestmark = [pytest.mark.processes, only_on_sqlite("what is left in the files of a database is SQLite's own question")]

# Killed once the statement was carried out: the first of a pair within a transaction, which is never committed.
ENDING = [('UPDATE "integrations_gatewaytoken"', 1), ('UPDATE "integrations_offboardingitem"', 3)]
DESTROYING = [
    ('UPDATE "secrets_vault_keyterm"', 1),
    ("PRAGMA wal_checkpoint", 1),
    ('DELETE FROM "integrations_call"', 1),
    ('DELETE FROM "secrets_vault_secretfield"', 1),
    ('UPDATE "integrations_offboarding" SET "stage"', 1),
]


class Installation:
    """A home of its own, and processes that share it."""

    def __init__(self, home, planted):
        self.home = home
        self.environment = environment_for(home, free_port(), has_tables=True) | {
            "DJANGO_SETTINGS_MODULE": "config.settings"
        }
        self.wrapped = self.run("make", planted=planted)["wrapped"]

    def start(self, action, **asked):
        command = [sys.executable, "-m", "tests.integrations.offboarding.worker", action, json.dumps(asked)]
        return subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, text=True)

    def run(self, action, **asked):
        process = self.start(action, **asked)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0, out
        return json.loads(out.splitlines()[-1])

    def kill_after(self, statement, nth):
        with self.start("go_on", dies_after=statement, nth=nth) as process:
            assert process.stdout.readline() == "here\n", f"it never came to {statement}"
            process.send_signal(signal.SIGKILL)

    def row(self):
        """Return stage and signature as they stand on the disk, read without a word of Keylodge's code."""
        with closing(sqlite3.connect(f"file:{self.home / 'keylodge.sqlite3'}?mode=ro", uri=True)) as database:
            return database.execute("SELECT stage, signature FROM integrations_offboarding").fetchone()

    def files(self):
        """Return the bytes of every database file, write-ahead logs included."""
        return {path.name: path.read_bytes() for path in self.home.rglob("*.sqlite3*")}


def found(net, files):
    return {hit.partition(" in ")[0] for name, what in files.items() for hit in net.found_in(name, what)}


def test_killed_at_every_turn_it_ends_once_and_the_files_give_nothing_back(tmp_path):
    shown = {name: canary() for name in ("notes", "where used", "path", "body")}
    installation = Installation(tmp_path, shown | {"value": canary("door-")})
    keys = {f"wrapped key {n}": key for n, key in enumerate(installation.wrapped)}
    net = Net(shown)
    assert found(net, installation.files()) == set(shown), "what is there is found"
    assert keys
    assert all(any(bytes.fromhex(key) in what for what in installation.files().values()) for key in keys.values())

    for statement, nth in ENDING:
        installation.kill_after(statement, nth)
        assert installation.row() == ("revoking", "")
    installation.run("ask")
    for turn, (statement, nth) in enumerate(DESTROYING):
        installation.kill_after(statement, nth)
        assert installation.row() == ("shredding" if turn else "waiting", "")
    told = installation.run("finish")

    assert (told["stage"], told["is_signed"], told["is_whole"]) == ("done", True, True)
    assert (told["opens"], told["left"], told["of_beta"], told["mails"]) == ([], [], 3, 1)
    assert set(told["times"].values()) == {1}, told["times"]
    assert dict(told["outcomes"])["token"] == "revoked"
    files = installation.files()
    assert len(files) >= 2
    assert found(net, files) == set()
    assert [name for name, key in keys.items() if any(bytes.fromhex(key) in what for what in files.values())] == []
