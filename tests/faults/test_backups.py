"""Promise R19: a backup made while others write is whole."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time

import pytest

from tests.fake_upstream import FakeUpstream
from tests.faults.installation import Installation
from tests.live import ROOT, environment_for, free_port

pytestmark = [pytest.mark.processes, pytest.mark.matrix]

PASSPHRASE = "a long enough passphrase"
STORE_ON = """
import sys, time
from secrets_vault import vault
from secrets_vault.actor import COMMAND
from secrets_vault.models import Client
from secrets_vault.secret import Secret
client, until, number = Client.objects.get(slug="acme"), time.monotonic() + 300, 0
print("writing", flush=True)
while time.monotonic() < until:
    vault.store(actor=COMMAND, client=client, environment=None, kind="api_key", label=f"{given['who']} {number}",
                fields={"api_key": Secret(f"key-{given['who']}-{number:06}")})
    number += 1
    time.sleep(0.05)
"""


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    with FakeUpstream() as upstream:
        folder = tmp_path_factory.mktemp("faults")
        made = Installation(folder, upstream, KEYLODGE_BACKUP_PASSPHRASE=PASSPHRASE)
        yield made
        made.live.stop()


@pytest.fixture
def writers(installation):
    """Let two processes store secrets, and a thread make calls, without a pause."""
    begin = "import json\ngiven = json.loads(input())\n"
    command = [sys.executable, str(ROOT / "manage.py"), "shell", "-v0", "--no-imports", "-c", begin + STORE_ON]
    processes, is_over = [], threading.Event()
    for who in ("ada", "ben"):
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            command, cwd=ROOT, env=installation.live.environment, stdin=pipe, stdout=pipe, text=True
        )
        process.stdin.write(json.dumps({"who": who}) + "\n")
        process.stdin.flush()
        processes.append(process)
    assert [process.stdout.readline() for process in processes] == ["writing\n"] * 2

    def call_on():
        while not is_over.is_set():
            installation.call()
            time.sleep(0.05)

    caller = threading.Thread(target=call_on)
    caller.start()
    yield processes
    is_over.set()
    caller.join(30)
    for process in processes:
        process.kill()
        process.wait(10)
        process.stdin.close()
        process.stdout.close()


def restored(installation, backup, home):
    """Restore a backup into an empty home (and database) with its key, and return how to run commands there."""
    home.mkdir(mode=0o700)
    shutil.copy(installation.live.home / "wrapping_key", home / "wrapping_key")
    environment = environment_for(home, free_port()) | {"KEYLODGE_BACKUP_PASSPHRASE": PASSPHRASE}

    def run(*arguments):
        command = [sys.executable, str(ROOT / "manage.py"), *map(str, arguments)]
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    done = run("restore", backup)
    assert done.returncode == 0, done.stderr
    return run


def test_a_backup_made_while_others_write_restores_whole(installation, writers, tmp_path):
    rows = []
    for number in range(2):
        made = installation.live.command("backup", str(tmp_path / f"{number}.age"), within_s=150)
        assert made.returncode == 0, made.stderr
        rows.append(json.loads(made.stdout)["rows"]["secrets_vault_storedsecret"])
    assert all(process.poll() is None for process in writers)
    assert 1 < rows[0] < rows[1]
    run = restored(installation, tmp_path / "1.age", tmp_path / "home")
    verified = run("audit_verify")
    assert (verified.returncode, json.loads(verified.stdout)["ok"]) == (0, True)
    found = {finding["check"]: finding for finding in json.loads(run("doctor").stdout)["findings"]}
    assert [found[check]["ok"] for check in ("tables", "vault", "secrets", "audit", "database")] == [True] * 5
