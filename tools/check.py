"""What `make test`, `make lint`, `make bench` and `make soak` do, one step after another."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
SLOW = "not soak and not timing"
# Files keep their order: pytest-xdist would leave those with the fewest tests for the end, which are the longest ones,
# and one of two cores would have nothing to do meanwhile.
IN_PARALLEL = ["-n", "2", "--dist", "loadscope", "--no-loadscope-reorder"]
# A file stays whole, as its tests share an installation, and files keep their order: those with a browser come last.
BY_FILE = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
REAL = "(browser or processes)"
MOST_AGAIN = 6
# What of the long tests the database decides.
BOTH = ["tests/integrations/gateway/held", "tests/integrations/gateway/quota"]
COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed|warnings?)")


class Failed(Exception):
    """Steps said no; their own output has said why."""


def say(text: str) -> None:
    """Tell which step runs now."""
    print(f"\n── {text}", flush=True)


def step(title: str, *command: str, **environment: str) -> str:
    """Run one command and return its title when it fails, else nothing."""
    say(title)
    ended = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=False)
    return title if ended.returncode else ""


def all_of(*failures: str) -> None:
    """Raise Failed with every title there is, so that one run shows everything to mend."""
    if any(failures):
        raise Failed(", ".join(filter(None, failures)))


def lint() -> None:
    """Check form, types, templates, migrations and the deployment settings."""
    python, manage = str(BIN / "python"), str(ROOT / "manage.py")
    templates = [str(path) for path in sorted((ROOT / "templates").rglob("*.html"))]
    with tempfile.TemporaryDirectory() as home:
        public = {"KEYLODGE_HOME": home, "KEYLODGE_PUBLIC_URL": "https://keys.example.com"}
        all_of(
            step("format", str(BIN / "ruff"), "format", "--check", "--quiet", "."),
            step("lint", str(BIN / "ruff"), "check", "--quiet", "."),
            step("types", str(BIN / "mypy"), "--no-error-summary", ".", KEYLODGE_HOME=home),
            step("templates", str(BIN / "djade"), "--target-version", "6.1", "--check", *templates),
            step("migrations", python, manage, "makemigrations", "--check", "--dry-run", KEYLODGE_HOME=home),
            step("deployment", python, manage, "check", "--deploy", "--fail-level", "WARNING", **public),
        )


def run_pytest(title: str, *arguments: str, coverage: str, counts: Counter[str], **environment: str) -> bool:
    """Run pytest, show what it says, add its closing line to `counts`, and tell whether all passed."""
    say(title)
    (ROOT / ".pytest_cache" / "v" / "cache" / "lastfailed").unlink(missing_ok=True)
    measured = ["--cov", "--cov-report=", "--cov-fail-under=0"] if coverage else []
    command = [str(BIN / "python"), "-m", "pytest", "-q", *measured, *arguments]
    here = {**os.environ, **environment, "COVERAGE_FILE": str(ROOT / f".coverage.{coverage}")}
    process = subprocess.Popen(command, cwd=ROOT, env=here, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    last = ""
    for line in process.stdout:
        print(line, end="", flush=True)
        last = line if COUNT.search(line) else last
    for number, word in COUNT.findall(last):
        counts[word.rstrip("s") if word.startswith("error") else word] += int(number)
    return process.wait() in (0, 5)  # 5: nothing was selected


def run_processes(title: str, marks: str, *, coverage: str, counts: Counter[str], **environment: str) -> bool:
    """Run tests that start real processes; files that failed get one more try, and are named.

    They mostly wait, so two files run side by side; the second try runs alone. Their deadlines are generous, but a
    busy machine can miss any. What fails twice has failed; what passed only at the second try is said at once, for
    somebody to make steadier.
    """
    before = counts.copy()
    if run_pytest(title, *BY_FILE, "-m", marks, coverage=coverage, counts=counts, **environment):
        return True
    files = failed_files()
    if not files or len(files) > MOST_AGAIN:
        return False
    again: Counter[str] = Counter()
    if not run_pytest(f"once more: {', '.join(files)}", "-m", marks, *files, coverage="", counts=again, **environment):
        return False
    for word in ("failed", "error"):
        counts["passed"] += counts[word] - before[word]
        counts[word] = before[word]
    print(f"\nUNSTEADY, passed at the second try: {', '.join(files)}", flush=True)
    return True


def failed_files() -> list[str]:
    """Return the test files in which something failed in the last run of pytest."""
    noted = ROOT / ".pytest_cache" / "v" / "cache" / "lastfailed"
    names = json.loads(noted.read_text()) if noted.is_file() else {}
    return sorted({name.partition("::")[0] for name in names})


def test() -> None:
    """Run every check and every test, on SQLite and again on PostgreSQL."""
    browser = prepare_browser()
    form = problem_of(lint)
    for old in ROOT.glob(".coverage*"):
        old.unlink()
    counts: Counter[str] = Counter()
    started = time.monotonic()
    without = "" if browser else "not browser and "
    post = {"KEYLODGE_TEST_ENGINE": "postgres"}
    passed = [
        run_pytest("tests on SQLite", *IN_PARALLEL, "-m", f"not {REAL} and {SLOW}", coverage="sqlite", counts=counts),
        run_processes(
            "processes and browser on SQLite", f"{without}{REAL} and {SLOW}", coverage="processes", counts=counts
        ),
        run_pytest(
            "tests on PostgreSQL and Valkey",
            *IN_PARALLEL,
            "-m",
            f"not {REAL} and not matrix and {SLOW}",
            coverage="",  # what only PostgreSQL reaches is less than half a percent, and measuring it costs minutes
            counts=counts,
            **post,
        ),
        run_processes(
            "processes on PostgreSQL and Valkey",
            f"processes and not browser and not matrix and {SLOW}",
            coverage="",  # it adds next to nothing to the two above, and costs each process a fifth of its time
            counts=counts,
            **post,
        ),
    ]
    covered = coverage_is_enough()
    close(counts, time.monotonic() - started, browser=browser)
    all_of(form, "" if all(passed) else "tests", "" if covered else "coverage")


def problem_of(check: Callable[[], None]) -> str:
    """Run a check and return what failed, so that the tests run all the same."""
    try:
        check()
    except Failed as failed:
        return str(failed)
    return ""


def coverage_is_enough() -> bool:
    """Combine the runs' measurements and hold them against the threshold in pyproject.toml."""
    say("coverage of secrets_vault and integrations, lines of all runs together")
    tool = str(BIN / "coverage")
    subprocess.run([tool, "combine", "--quiet"], cwd=ROOT, check=False)
    return subprocess.run([tool, "report", "--skip-covered"], cwd=ROOT, check=False).returncode == 0


def close(counts: Counter[str], seconds: float, *, browser: bool) -> None:
    """Print one closing line over all runs, in pytest's words."""
    if not browser:
        print("\nBROWSER=0: the browser tests were left out.")
    words = ", ".join(f"{counts[word]} {word}" for word in ("failed", "passed", "skipped", "error") if counts[word])
    print(f"\n==== {words or 'no tests ran'} in {seconds:.2f}s ====", flush=True)


def prepare_browser() -> bool:
    """Find a Chromium or install one where we may. Exit 2 with the one command to type where we may not."""
    if os.environ.get("BROWSER") == "0":
        print("BROWSER=0: the browser tests are left out.")
        return False
    if any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")) or playwrights_own():
        return True
    say("installing Chromium for the browser tests")
    if os.geteuid() == 0 and shutil.which("apt-get"):
        apt = "apt-get update -q && apt-get install -y -q --no-install-recommends chromium fonts-dejavu-core"
        if subprocess.run(apt, shell=True, check=False).returncode == 0:
            return True
    if subprocess.run([str(BIN / "playwright"), "install", "chromium"], check=False).returncode == 0:
        return True
    print("The browser tests need Chromium. Type:  sudo apt install chromium\nor leave them out:  BROWSER=0 make test")
    sys.exit(2)


def playwrights_own() -> bool:
    """Tell whether Playwright has downloaded a Chromium of its own."""
    where = "from playwright.sync_api import sync_playwright as s\nwith s() as p: print(p.chromium.executable_path)"
    found = subprocess.run([str(BIN / "python"), "-c", where], capture_output=True, text=True, check=False)
    return found.returncode == 0 and Path(found.stdout.strip() or "-").exists()


def bench() -> None:
    """Run every benchmark and print its figures."""
    scripts = [path.stem for path in sorted((ROOT / "benchmarks").glob("[a-z]*.py"))]
    failures = [step(name, str(BIN / "python"), "-m", f"benchmarks.{name}") for name in scripts]
    if not run_pytest("timing", "-m", "timing", coverage="", counts=Counter()):
        failures.append("timing")
    all_of(*failures)


def soak() -> None:
    """Run the long and large tests."""
    post = {"KEYLODGE_TEST_ENGINE": "postgres"}
    all_of(
        "" if run_pytest("soak", "-m", "soak", coverage="", counts=Counter()) else "soak",
        "" if run_pytest("soak on PostgreSQL", "-m", "soak", *BOTH, coverage="", counts=Counter(), **post) else "soak",
    )


def main() -> None:
    """Do what was asked, `test` by default."""
    try:
        {"test": test, "lint": lint, "bench": bench, "soak": soak}[(sys.argv[1:] or ["test"])[0]]()
    except Failed as failed:
        print(f"\nNot passed: {failed}", flush=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
