"""An endpoint for Stripe, its target and its filter, and a scheme of one's own tried, in Chromium."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from typing import TYPE_CHECKING

import pytest

from tests.browser import DESKTOP, PHONE, assert_accessible

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.processes]
SECRET = "whsec_0123456789abcdef"


@pytest.fixture
def desk(page: Page, shared_keylodge) -> Page:
    """A consultant who is signed in and has the client Acme."""
    email, password = shared_keylodge.make_owner(name="Mara Vogt")
    page.goto(f"{shared_keylodge.url}/accounts/login/")
    page.fill("[name=login]", email)
    page.fill("[name=password]", password)
    page.click("main button[type=submit]")
    page.wait_for_url(re.compile(r"(?<!login)/$"))
    page.goto(f"{shared_keylodge.url}/clients/new/")
    page.fill("[name=name]", "Acme")
    page.click("main form button.primary")
    page.wait_for_url("**/clients/acme/")
    return page


def look(page: Page) -> None:
    """Look at the page in both themes, on a desk and on a phone."""
    for size in (DESKTOP, PHONE):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert_accessible(page)
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]


def test_an_endpoint_is_made_handed_on_and_a_scheme_tried(desk, watch, shared_keylodge):
    page, url = desk, shared_keylodge.url
    page.goto(f"{url}/webhooks/")
    page.get_by_role("main").get_by_role("link", name="New endpoint").first.click()
    page.get_by_role("searchbox", name="Find a vendor").fill("strip")
    page.get_by_role("link", name=re.compile("Stripe")).first.click()
    page.get_by_label("Signing secret").fill(SECRET)
    page.get_by_label("Not known").check()
    page.get_by_role("button", name="Make the endpoint").click()
    page.locator("#address").wait_for()
    assert page.locator("#address").input_value().endswith("/hooks/acme-stripe")
    look(page)
    page.get_by_role("link", name="Add a target").click()
    page.get_by_label("Hand events on to").fill("https://93.184.215.14/webhook/0123456789abcdef")
    page.get_by_label("Path 1").fill("$.type")
    page.get_by_label("Value 1").fill("invoice.paid")
    look(page)
    page.get_by_role("button", name="Add the target").click()
    page.get_by_text("$.type is").wait_for()
    assert "0123456789abcdef" not in page.content()
    try_a_scheme_of_ones_own(page, url)


def try_a_scheme_of_ones_own(page: Page, url: str) -> None:
    page.goto(f"{url}/webhooks/new/?scheme=custom")
    page.get_by_label("Last part of its address").fill("own")
    page.get_by_label("Signing secret").fill(SECRET)
    page.get_by_label("Not known").check()
    page.get_by_label("Where the signature stands").fill("header:X-Signature")
    page.get_by_label("What is signed").fill("{ts}.{body}")
    page.get_by_label("Where the signed time stands").fill("header:X-Time")
    page.get_by_role("button", name="Make the endpoint").click()
    page.get_by_role("link", name="Try a signature").click()
    stamp, body = str(int(time.time())), '{"id": "evt_1",\n "paid": true}'
    right = hmac.new(SECRET.encode(), f"{stamp}.{body}".encode(), hashlib.sha256).hexdigest()
    page.get_by_label("A captured request").fill(f"X-Time: {stamp}\nX-Signature: {right}\n\n{body}")
    page.get_by_role("button", name="Try it").click()
    page.get_by_text("It fits").wait_for()
    look(page)
    assert "evt_1" not in page.content()
