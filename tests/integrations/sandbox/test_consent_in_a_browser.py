"""The consent page in Chromium: usable on a phone, without JavaScript, with nothing for axe to find."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.processes]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_a_phone(sandbox, browser, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_page(color_scheme=scheme, viewport={"width": 390, "height": 800})
    page.goto(sandbox.line["url"] + sandbox.authorize_target())
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]})
    assert found.response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_consent_needs_no_javascript(sandbox, browser):
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(sandbox.line["url"] + sandbox.authorize_target(redirect_uri=sandbox.line["url"] + "/done"))
    page.get_by_label("Globex").check()
    page.get_by_role("button", name="Connect app").click()
    assert "/done?code=" in page.url
