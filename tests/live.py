"""Real processes: starts what `make run` starts, on a free port with a home of its own, and ends it."""

from __future__ import annotations

import atexit
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

ROOT = Path(__file__).resolve().parent.parent
START_WITHIN_S = 60.0
MEASURED = "COVERAGE_PROCESS_CONFIG"  # by this variable a process hears that its coverage is measured


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class LiveKeylodge:
    """One running installation: web, worker and beat under their supervisor."""

    def __init__(self, home: Path, *, is_from_nothing: bool = False, **variables: str) -> None:
        self.home = home
        self.port = int(variables.get("KEYLODGE_PORT", 0)) or free_port()
        self.url = f"http://localhost:{self.port}"
        self.environment = environment_for(home, self.port, has_tables=not is_from_nothing) | variables
        self.lines: list[str] = []
        self.process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, str(ROOT / "manage.py"), "serve"]
        # Each of its processes would be a fifth slower, to reach next to nothing that other tests do not.
        unmeasured = {name: value for name, value in self.environment.items() if name != MEASURED}
        # A session of its own, as a terminal gives: a Ctrl-C for it does not reach the tests.
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=unmeasured,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(process, self.lines), daemon=True)
        self._reader.start()
        return process

    def _read(self, process: subprocess.Popen[str], lines: list[str]) -> None:
        assert process.stdout is not None
        lines.extend(iter(process.stdout.readline, ""))

    @property
    def output(self) -> str:
        """Everything that the processes have written so far."""
        return "".join(self.lines)

    @property
    def owner_link(self) -> str | None:
        """The one-time link that was printed, if one was."""
        found = re.search(r"^Make the owner.*?(https?://\S+)", self.output, re.MULTILINE)
        return found[1] if found else None

    def wait_for(self, condition: Callable[[], Any], what: str, *, within_s: float = START_WITHIN_S) -> Any:
        """Return the first true value of `condition`; fail with the output when none comes."""
        give_up_at = time.monotonic() + within_s
        while not (value := condition()):
            if time.monotonic() > give_up_at:
                pytest.fail(f"{what} did not come within {within_s:.0f} s. Output:\n{self.output}")
            time.sleep(0.05)
        return value

    def wait_until_started(self) -> LiveKeylodge:
        """Wait for the line that says it runs, and for the owner's link when there is no user."""
        # The owner's link is the last line of a first start, and is absent when there is a user.
        self.wait_for(lambda: self.said_all() or self.process.poll() is not None, "the start")
        if self.process.poll() is not None:
            self._reader.join(5)
            pytest.fail(f"Keylodge ended with status {self.process.returncode}. Output:\n{self.output}")
        return self

    def start_again(self, *, wait: bool = True) -> LiveKeylodge:
        """Start it once more, after `stop()`, on the same home and port."""
        self.lines = []
        self.process = self._start()
        return self.wait_until_started() if wait else self

    def said_all(self) -> bool:
        """Tell whether the start has printed its last line."""
        return self.owner_link is not None or "Ctrl-C stops it" in self.output

    def command(self, *arguments: str, stdin: str = "", within_s: float = 60) -> subprocess.CompletedProcess[str]:
        """Run `./keylodge …` on this installation."""
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        return subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )

    def make_owner(self, *, email: str = "ada@example.com", name: str = "Ada", password: str = "") -> tuple[str, str]:
        """Make the owner's account and return its e-mail and password."""
        password = password or secrets.token_urlsafe(18)
        made = self.command("create_owner", "--email", email, "--name", name, stdin=f"{password}\n")
        assert made.returncode == 0, made.stderr
        return email, password

    def get_json(self, path: str, **headers: str) -> Any:
        """Return the JSON that a GET of this path answers."""
        with urlopen(Request(self.url + path, headers=headers), timeout=10) as answer:
            return json.load(answer)

    def children(self) -> list[int]:
        """Return the ids of the supervisor's children."""
        listing = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in listing.read_text().split()]

    def stop(self, how: int = signal.SIGTERM) -> int:
        """End everything and return the supervisor's exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(timeout=35)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            pytest.fail(f"Keylodge had not ended after 35 s. Output:\n{self.output}")
        finally:
            self._reader.join(5)


def environment_for(home: Path, port: int, *, has_tables: bool = False) -> dict[str, str]:
    """Return the environment of an installation: nothing of the developer's, and a database of its own.

    `has_tables`: they are copied from ones made before; making them takes ten seconds each time.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KEYLODGE_")}
    kept["KEYLODGE_HOME"], kept["KEYLODGE_PORT"] = str(home), str(port)
    if url := os.environ.get("DATABASE_URL"):
        kept["DATABASE_URL"] = new_database(url, like=empty_tables() if has_tables else "")
        kept["BROKER_URL"] = kept["CACHE_URL"] = new_valkey_number(os.environ["BROKER_URL"])
    elif has_tables and not any(home.glob("*.sqlite3")):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file in Path(empty_tables()).glob("*.sqlite3"):
            shutil.copy2(file, home / file.name)
    return kept


@cache
def empty_tables() -> str:
    """Make every table once, with nothing in them; return the folder of SQLite's files, or PostgreSQL's name."""
    home = Path(tempfile.mkdtemp(prefix="keylodge-tables-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    made = environment_for(home, free_port())
    made.pop(MEASURED, None)  # migrations do not count, and take twice as long while measured
    for alias in ("default",) if "DATABASE_URL" in made else ("default", "calls"):
        command = [
            sys.executable,
            str(ROOT / "manage.py"),
            "migrate",
            "--database",
            alias,
            "-v0",
            "--noinput",
            "--skip-checks",
        ]
        subprocess.run(command, cwd=ROOT, env=made, check=True)
    return urlsplit(made["DATABASE_URL"]).path[1:] if "DATABASE_URL" in made else str(home)


def new_database(url: str, *, like: str = "") -> str:
    """Create a PostgreSQL database beside the tests' own, empty or as another one is, and return its URL."""
    import psycopg

    name = f"live_{secrets.token_hex(6)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {like}" if like else ""))
    parts = urlsplit(url)
    return parts._replace(path=f"/{name}").geturl()


_numbers = count()


def new_valkey_number(url: str) -> str:
    """Return the URL of the next of Valkey's sixteen numbered databases; the tests themselves use 0.

    Each worker of pytest-xdist takes from a share of its own, so that no two installations meet in one.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = 15 // workers
    return f"{url.rpartition('/')[0]}/{1 + worker * share + next(_numbers) % share}"


@pytest.fixture
def start_keylodge(tmp_path: Path) -> Iterator[Callable[..., LiveKeylodge]]:
    """Return a function that starts an installation: `start_keylodge(home=…, KEYLODGE_PUBLIC_URL=…)`."""
    started: list[LiveKeylodge] = []

    def start(*, home: Path | None = None, wait: bool = True, **variables: str) -> LiveKeylodge:
        live = LiveKeylodge(home or tmp_path / "home", **variables)
        started.append(live)
        return live.wait_until_started() if wait else live

    yield start
    for live in started:
        live.stop()


@pytest.fixture
def live_keylodge(start_keylodge: Callable[..., LiveKeylodge]) -> LiveKeylodge:
    """Return a fresh installation that runs: `.url`, `.owner_link`, `.command(…)`, `.make_owner()`, `.output`."""
    return start_keylodge()


@pytest.fixture(scope="module")
def shared_keylodge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKeylodge]:
    """Return one installation for all tests of a module that only look at it."""
    live = LiveKeylodge(tmp_path_factory.mktemp("shared") / "home").wait_until_started()
    yield live
    live.stop()
