"""`run -- COMMAND`: the program gets the values and owns its output, its signals and its exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live import ROOT, environment_for

CANARY = "canary-9f8e7d6c5b4a3210"
STORE = f"""
from secrets_vault.commands import prepare
prepare()
from secrets_vault import vault
from secrets_vault.actor import COMMAND
from secrets_vault.models import Client
from secrets_vault.secret import Secret
acme = Client.objects.create(slug="acme", name="Acme")
env = acme.environments.create(slug="production")
fields = {{"SHOP_TOKEN": Secret("{CANARY}"), "MULTI": Secret("it's\\n$two"), "PATH": Secret("/x")}}
fields["LD_PRELOAD"] = Secret("e")
vault.store(actor=COMMAND, client=acme, environment=env, kind="key_value_set", label=".env", fields=fields)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> dict[str, str]:
    variables = environment_for(tmp_path_factory.mktemp("run") / "home", 8000)
    store = [sys.executable, "manage.py", "shell", "-v0", "-c", STORE]
    subprocess.run(store, cwd=ROOT, env=variables, check=True, timeout=120)
    return variables


def command(*child: str, client: str = "acme") -> list[str]:
    place = ["--client", client, "--environment", "production"]
    return [sys.executable, str(ROOT / "manage.py"), "run", *place, *child]


def run(home, *child: str, client: str = "acme", stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*child, client=client), env=home, input=stdin, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_program_has_the_values_and_owns_output_input_and_exit_code(home):
    script = 'cat; printf "%s|%s|%s" "$SHOP_TOKEN" "$MULTI" "$1"; echo words >&2; exit 7'
    ended = run(home, "--", "sh", "-c", script, "sh", "--help", stdin="from stdin ")
    assert ended.stdout == f"from stdin {CANARY}|it's\n$two|--help"
    assert ended.returncode == 7
    assert ended.stderr.endswith("words\n")
    assert CANARY not in ended.stderr


def test_no_value_decides_which_programs_run_and_no_setting_of_ours_goes_along(home):
    own = home | {"KEYLODGE_BACKUP_PASSPHRASE": "ours-alone-0123456789", "SECRET_KEY": "x" * 60}
    ended = run(own, "--", sys.executable, "-c", "import os; print(sorted(os.environ))")
    assert "PATH is left out" in ended.stderr
    assert "LD_PRELOAD" not in ended.stdout
    assert "'SHOP_TOKEN'" in ended.stdout
    assert not [name for name in ("KEYLODGE_", "SECRET_KEY", "DATABASE_URL", "DJANGO") if name in ended.stdout]


def test_a_signal_reaches_the_program_itself(home):
    child = subprocess.Popen(
        command("--", "sh", "-c", 'trap "exit 5" TERM; echo ready; while :; do sleep 0.05; done'),
        env=home,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout
    assert child.stdout.readline() == "ready\n"
    os.kill(child.pid, signal.SIGTERM)
    assert child.wait(timeout=20) == 5
    child.stdout.close()


@pytest.mark.parametrize(
    ("child", "client", "code", "words"),
    [
        ((), "acme", 2, "behind --"),
        (("--",), "acme", 2, "behind --"),
        (("--", "true"), "nobody", 2, "no environment"),
        (("--", "no-such-program-here"), "acme", 127, "no such program"),
        (("--", str(Path(__file__))), "acme", 126, "Permission denied"),
    ],
)
def test_what_cannot_be_run_says_why(home, child, client, code, words):
    ended = run(home, *child, client=client)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert words in ended.stderr
