"""What a browser keeps of us: cookies and the colour of the page. Nothing of a client stays in it (ASVS 14.3)."""

from __future__ import annotations

import re

import pytest
from allauth.account.models import EmailAddress
from django.test import Client as Browser

from tests.factories import make_user
from tests.house.source import ROOT

KEEPS = re.compile(r"\b(?:local|session)Storage\b|\bindexedDB\b|\bcaches\b|\bserviceWorker\b|document\.cookie")
RUNS_TEXT = re.compile(r"\beval\s*\(|\bnew\s+Function\b|\bFunction\s*\(|\.innerHTML\s*=|\bdocument\.write\b")
PASSWORD = "tavoki-lumare-pidosu"


def lines_with(pattern: re.Pattern[str]) -> dict[str, list[str]]:
    """Return the lines of our own scripts that match, by file."""
    found = {path.name: path.read_text().splitlines() for path in sorted((ROOT / "static" / "js").glob("*.js"))}
    hits = {name: [line.strip() for line in lines if pattern.search(line)] for name, lines in found.items()}
    return {name: lines for name, lines in hits.items() if lines}


def test_only_the_theme_is_kept_in_a_browser():
    kept = lines_with(KEEPS)
    assert list(kept) == ["theme.js"]
    assert all(re.search(r'localStorage\.\w+\("theme"', line) for line in kept["theme.js"])


def test_the_vendored_script_keeps_no_page():
    assert not KEEPS.search((ROOT / "static" / "vendor" / "htmx+csp.js").read_text())


def test_no_script_of_ours_runs_a_text():
    assert lines_with(RUNS_TEXT) == {}


@pytest.mark.django_db
def test_signing_out_tells_the_browser_to_forget():
    ada = make_user("Ada", password=PASSWORD)
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    browser = Browser(SERVER_NAME="localhost")
    browser.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    assert "Clear-Site-Data" not in browser.get("/vault/").headers
    assert browser.post("/accounts/logout/").headers["Clear-Site-Data"] == '"cache", "storage"'
