"""The consent page in Chromium: usable on a phone, without JavaScript, with nothing for axe to find."""

from __future__ import annotations

import shutil

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.processes]


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_a_phone(sandbox, chromium, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = chromium.new_page(color_scheme=scheme, viewport={"width": 390, "height": 800})
    page.goto(sandbox.line["url"] + sandbox.authorize_target())
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]})
    assert found.response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_consent_needs_no_javascript(sandbox, chromium):
    page = chromium.new_context(java_script_enabled=False).new_page()
    page.goto(sandbox.line["url"] + sandbox.authorize_target(redirect_uri=sandbox.line["url"] + "/done"))
    page.get_by_label("Globex").check()
    page.get_by_role("button", name="Connect app").click()
    assert "/done?code=" in page.url
