"""HubSpot of the sandbox, connected directly and by a link on a phone, in Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser import PHONE, assert_accessible

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.processes]


def walk(page: Page, url: str, way: str) -> None:
    """Walk from the client to the last step."""
    page.goto(f"{url}/connections/new/?client=acme")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("searchbox", name="Find a service").fill("hubsp")
    page.get_by_role("link", name="HubSpot (sandbox)").click()
    page.get_by_role("radio", name=way).check()
    assert_accessible(page)
    page.get_by_role("button", name="Next").click()
    page.get_by_text("Read contacts").first.wait_for()
    assert_accessible(page)


def test_hubspot_is_connected_directly_and_by_a_link_on_a_phone(desk, new_page, watch, shared_keylodge):
    walk(desk, shared_keylodge.url, "Connect now in this browser")
    desk.get_by_label("Create and change contacts").check()
    desk.get_by_role("button", name="Connect").click()
    desk.get_by_role("link", name="Go to HubSpot (sandbox)").click()
    desk.get_by_role("button", name="Connect app").click()
    desk.get_by_role("heading", name="HubSpot (sandbox) is connected").wait_for()
    assert "24680135" in desk.inner_text("main")
    assert "Create and change contacts" in desk.inner_text("main")
    assert_accessible(desk)

    walk(desk, shared_keylodge.url, "Send the client a connect link")
    desk.get_by_role("button", name="Create connect link").click()
    desk.get_by_role("heading", name="Send this to Acme").wait_for()
    address = desk.input_value("#fresh-link")
    assert_accessible(desk)

    phone = new_page(viewport=PHONE, has_touch=True, java_script_enabled=False)
    phone.goto(address)
    assert "Read contacts" in phone.inner_text("main")
    phone.get_by_role("button", name="Go on").click()
    phone.get_by_role("link", name="Go to HubSpot (sandbox)").click()
    phone.get_by_role("button", name="Connect app").click()
    phone.get_by_role("heading", name="Thank you, it is connected").wait_for()

    desk.reload()
    desk.get_by_text("Used").wait_for()
    assert desk.locator("#fresh-link").count() == 0
    phone.goto(address)
    watch.allow("404")
    phone.get_by_role("heading", name="This link does not work").wait_for()
