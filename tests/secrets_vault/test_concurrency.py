"""Killed in the middle, or many at once: no change without an event, no event without a change, one chain."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes
ROOT = Path(__file__).resolve().parents[2]

BEGIN = """
import django; django.setup()
from secrets_vault import audit, commands, vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import AuditEvent, Client, StoredSecret
from secrets_vault.secret import Secret
def store(label):
    vault.store(actor=SYSTEM, client=Client.objects.get(), environment=None, kind="api_key", label=label,
                fields={"api_key": Secret("sk_test_0123456789abcd")})
"""
PREPARE = BEGIN + 'commands.prepare(); Client.objects.create(slug="acme", name="Acme")'
STORE_FOR_EVER = BEGIN + 'print("ready", flush=True)\nwhile True: store("x")'
STORE_20 = BEGIN + "for n in range(20): store(str(n))"
CHECK = (
    BEGIN
    + """
from secrets_vault import row_checks
found, rows = audit.verify(), row_checks.check_rows()
stored = set(map(str, StoredSecret.objects.values_list("pk", flat=True)))
told = set(AuditEvent.objects.filter(action="secret.stored").values_list("object_id", flat=True))
print(found.ok, rows.ok, stored == told, len(stored))
"""
)


def start(home, program):
    environment = os.environ | {"KEYLODGE_HOME": str(home), "DJANGO_SETTINGS_MODULE": "config.settings"}
    environment.pop("DATABASE_URL", None)
    return subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(home, program):
    process = start(home, program)
    out, words = process.communicate(timeout=120)
    assert process.returncode == 0, words
    return out.split()


@pytest.fixture
def home(tmp_path):
    finish(tmp_path / "home", PREPARE)
    return tmp_path / "home"


def test_a_kill_leaves_no_change_without_an_event_and_no_event_without_a_change(home):
    for _ in range(3):
        process = start(home, STORE_FOR_EVER)
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    *all_well, count = finish(home, CHECK)
    assert all_well == ["True"] * 3
    assert int(count) > 0


def test_writers_side_by_side_make_one_chain(home):
    processes = [start(home, STORE_20) for _ in range(3)]
    for process in processes:
        _, words = process.communicate(timeout=120)
        assert process.returncode == 0, words
    assert finish(home, CHECK) == ["True", "True", "True", "60"]
