"""What we install: nothing with a known hole, nothing for developers in production, no code that runs unasked."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

from tests.house.source import ROOT, modules

pytestmark = pytest.mark.matrix  # no database: one engine is enough

ADVISORIES = tomllib.loads((Path(__file__).parent / "advisories.toml").read_text())["advisory"]
LOCK = {package["name"]: package for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
# coverage measures the processes that tests start; the other one comes with a virtual environment of uv.
KNOWN_PTH = {"a1_coverage.pth", "_virtualenv.pth"}


def version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text.partition("+")[0]))


def name_of(requirement: str) -> str:
    return re.split(r"[\[<>=!~ ;]", requirement, maxsplit=1)[0].lower()


def installed_with(names: set[str]) -> set[str]:
    """Return these packages and everything that they bring along."""
    found: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        found.add(name)
        package = LOCK[name]
        extras = [one for group in package.get("optional-dependencies", {}).values() for one in group]
        waiting |= {one["name"] for one in [*package.get("dependencies", []), *extras]} - found
    return found


@pytest.mark.parametrize("advisory", ADVISORIES, ids=lambda a: f"{a['id']} {a['package']}")
def test_no_locked_package_has_a_hole_that_is_known(advisory):
    assert version(LOCK[advisory["package"]]["version"]) >= version(advisory["fixed_in"]), advisory["what"]


def test_an_advisory_is_compared_by_numbers():
    assert version("3.10.0") > version("3.9.12")
    assert version("46.0.5") < version("50")


def test_production_installs_no_tool_of_developers():
    production = installed_with({name_of(line) for line in PROJECT["project"]["dependencies"]})
    tools = {name_of(line) for line in PROJECT["dependency-groups"]["dev"]}
    assert "django" in production
    assert production & tools == set()
    assert not {"pip", "setuptools", "coverage", "ipython", "debugpy", "django-debug-toolbar"} & production


def test_the_image_and_the_bootstrap_leave_the_tools_out():
    assert "sync --quiet --locked --no-dev" in (ROOT / "tools" / "bootstrap").read_text()
    assert re.search(r"^RUN tools/bootstrap$", (ROOT / "deploy" / "Dockerfile").read_text(), re.MULTILINE)


def test_signed_tokens_are_read_by_joserfc_alone():
    """Authlib's own JOSE has had most of its advisories, and is deprecated."""
    strays = [f"{m.name}:{line}" for m in modules() for line, name in m.imports() if name.startswith("authlib.jose")]
    assert strays == []


def test_nothing_runs_at_the_start_of_python_but_what_is_known():
    found = {path.name for path in Path(sysconfig.get_path("purelib")).glob("*.pth")}
    assert found <= KNOWN_PTH, "A .pth file runs at every start. Who put it there, and what does it do?"


def test_the_deployment_checks_find_nothing(tmp_path):
    kept = {"PATH": "/usr/bin:/bin", "KEYLODGE_HOME": str(tmp_path), "KEYLODGE_PUBLIC_URL": "https://keys.example.com"}
    command = [sys.executable, str(ROOT / "manage.py"), "check", "--deploy", "--fail-level", "WARNING"]
    checked = subprocess.run(command, env=kept, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stderr
