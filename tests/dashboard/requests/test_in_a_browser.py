"""A client with a phone and no account: previews first, then both kinds of link, each in less than a minute."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import pytest

from tests.browser import PHONE, assert_accessible

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.processes]
BOTS = ("Slackbot-LinkExpanding 1.0", "facebookexternalhit/1.1", "Mozilla/5.0 BarracudaCentral")
MINUTE_S = 60.0


def pick(page: Page, url: str, service: str, way: str) -> None:
    page.goto(f"{url}/connections/new/?client=acme")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("searchbox", name="Find a service").fill(service[:5])
    page.get_by_role("link", name=service).click()
    page.get_by_role("radio", name=way).check()
    page.get_by_role("button", name="Next").click()


def preview(address: str) -> None:
    """Open a link as mail scanners and chats do."""
    for agent in BOTS:
        for method in ("HEAD", "GET"):
            with urlopen(Request(address, method=method, headers={"User-Agent": agent}), timeout=20) as answer:
                assert (answer.status, answer.headers.get("Set-Cookie")) == (200, None)


def test_both_links_on_a_phone_without_an_account(desk, new_page, watch, shared_keylodge):
    url = shared_keylodge.url
    desk.goto(f"{url}/sandbox/")
    key = re.search(r"sk-proj-\S+", desk.content())[0].split('"')[0].split("<")[0]
    pick(desk, url, "HubSpot (sandbox)", "Send the client a connect link")
    desk.get_by_role("button", name="Create connect link").click()
    connect_address = desk.input_value("#fresh-link")
    pick(desk, url, "OpenAI (sandbox)", "Ask the client for it")
    assert_accessible(desk)
    desk.get_by_role("button", name="On to the link").click()
    desk.get_by_label("What it is for").fill("So that new leads are answered.")
    assert_accessible(desk)
    desk.get_by_role("button", name="Create request link").click()
    request_address = desk.input_value("#fresh-link")
    assert_accessible(desk)

    preview(connect_address)
    preview(request_address)
    phone = new_page(viewport=PHONE, has_touch=True, java_script_enabled=False)
    began = time.monotonic()
    phone.goto(connect_address)
    phone.get_by_role("button", name="Go on").click()
    phone.get_by_role("link", name="Go to HubSpot (sandbox)").click()
    phone.get_by_role("button", name="Connect app").click()
    phone.get_by_role("heading", name="Thank you, it is connected").wait_for()
    took_s = [time.monotonic() - began]
    began = time.monotonic()
    phone.goto(request_address)
    assert "So that new leads are answered." in phone.inner_text("main")
    phone.get_by_label("API key", exact=True).fill("sk-wrong")
    watch.allow("422", "404")
    phone.get_by_role("button", name="Test and hand over").click()
    phone.get_by_role("alert").wait_for()
    phone.get_by_label("API key", exact=True).fill(key)
    if phone.get_by_label("It is right all the same").count():
        phone.get_by_label("It is right all the same").check()
    phone.get_by_role("button", name="Test and hand over").click()
    phone.get_by_role("heading", name="Thank you, that was all").wait_for()
    took_s.append(time.monotonic() - began)
    assert max(took_s) < MINUTE_S
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

    desk.goto(f"{url}/links/")
    assert desk.get_by_text("Used", exact=True).count() == 2
    assert_accessible(desk)
    desk.goto(f"{url}/messages/")
    desk.get_by_text("Acme has done all that the link asked for").first.wait_for()
    scripted = new_page(viewport=PHONE, has_touch=True)
    scripted.goto(request_address)
    scripted.get_by_role("heading", name="This link does not work").wait_for()
    assert_accessible(scripted)
