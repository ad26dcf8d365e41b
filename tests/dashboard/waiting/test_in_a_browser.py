"""Waiting calls in Chromium, against the sandbox: chosen, planned, sent, watched, edited, discarded and put back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import DESKTOP, PHONE, assert_accessible

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator, Page

    from tests.live import LiveKeylodge

pytestmark = [pytest.mark.browser, pytest.mark.processes]

MAKE = """
from django.utils import timezone
from integrations import sandbox_control, tokens
from integrations.connections import connect_key, create_connection
from integrations.models import Connection
from secrets_vault.actor import COMMAND
from secrets_vault.models import Client, Environment
from secrets_vault.secret import Secret
now = timezone.now()
acme = Client.objects.create(slug="acme", name="Acme")
env = Environment.objects.create(client=acme, slug="production", is_production=True)
made = {"actor": COMMAND, "now": now}
row = create_connection(acme, env, provider_key="custom-sandbox-openai", kind="api_key", slug="acme-openai", **made)
connect_key(row, {"api_key": Secret(sandbox_control.status().keys["openai_api_key"])}, **made)
tokens.make(acme, "Nightly sync", [row], actor=COMMAND)
"""
KEEP = """
from tests.factories import make_held_call
from integrations.gateway.held import acts
from integrations.gateway.held.sealing import Request
from integrations.models import Connection, HeldCall
from secrets_vault.actor import COMMAND
from django.utils import timezone
row = Connection.objects.get(slug="acme-openai")
token = row.gateway_tokens.get()
acts.pause(row, actor=COMMAND, now=timezone.now())
for number in range({count}):
    body = b'{{"model": "gpt-5-mini", "messages": [{{"role": "user", "content": "%d"}}]}}' % number
    path = b"{path}"
    request = Request("POST", path, b"", [(b"content-type", b"application/json")], body, has_body=True)
    make_held_call(row, token, request=request, state="{state}", code="{code}", status=503, host="api.openai.com")
"""
GOOD = "/chat/completions"


class Desk:
    """An installation with a paused lane, and a signed-in page in it."""

    def __init__(self, live: LiveKeylodge, page: Page) -> None:
        self.live, self.page = live, page

    def keep(self, count: int, *, path: str = GOOD, state: str = "waiting", code: str = "upstream_away") -> None:
        """Keep calls of the one connection, and pause its lane."""
        made = self.live.command("shell", "-c", KEEP.format(count=count, path=path, state=state, code=code))
        assert made.returncode == 0, made.stderr

    def open(self, path: str = "/waiting/") -> None:
        """Go to a page."""
        self.page.goto(self.live.url + path)

    def rows(self) -> Locator:
        """Return the rows of the list."""
        return self.page.locator("#waiting-rows tr[data-row]")

    def states(self, path: str = "/waiting/?state=all") -> list[str]:
        """Return the state of each row."""
        self.open(path)
        return self.rows().locator("td[data-l=State] .badge").all_inner_texts()


@pytest.fixture(scope="module")
def installation(shared_keylodge: LiveKeylodge) -> LiveKeylodge:
    shared_keylodge.account = shared_keylodge.make_owner()  # type: ignore[attr-defined]
    return shared_keylodge


@pytest.fixture
def desk(installation: Any, new_page: Callable[..., Page], watch: Any) -> Desk:
    page = new_page(viewport=DESKTOP)
    email, password = installation.account
    page.goto(f"{installation.url}/accounts/login/")
    page.fill("[name=login]", email)
    page.fill("[name=password]", password)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{installation.url}/")
    page.goto(f"{installation.url}/sandbox/")
    start = page.get_by_role("button", name="Start the sandbox")
    if start.count():
        start.click()
        page.get_by_role("heading", name="Make trouble").wait_for()
        made = installation.command("shell", "-c", MAKE)
        assert made.returncode == 0, made.stderr
    cleared = installation.command("shell", "-c", "from integrations.models import *; HeldCall.objects.all().delete()")
    assert cleared.returncode == 0, cleared.stderr
    return Desk(installation, page)


def fits(page: Page) -> bool:
    """Tell whether nothing scrolls sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def look(page: Page) -> None:
    """Check the page that is open with axe, light on a desk and dark on a phone, and that nothing scrolls sideways.

    High enough that no bar which stays in sight lies over a row.
    """
    for size, scheme in ((PHONE, "dark"), (DESKTOP, "light")):
        page.set_viewport_size({"width": size["width"], "height": 2_400})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert fits(page), size
        assert_accessible(page)


def test_an_empty_list_says_what_will_fill_it(desk: Desk):
    desk.open()
    desk.page.get_by_text("No call waits").wait_for()
    look(desk.page)


def test_some_are_chosen_by_mouse_and_keys_planned_sent_and_watched(desk: Desk):
    desk.keep(4)
    page = desk.page
    desk.open()
    assert desk.rows().count() == 4
    assert not page.locator("[data-bulk]").is_visible()
    desk.rows().nth(0).locator("input[type=checkbox]").check()
    page.locator("h1").click()
    page.evaluate("document.activeElement.blur()")
    for _ in range(3):
        page.keyboard.press("j")
    page.keyboard.press("x")
    page.get_by_text("2 chosen:").wait_for()
    look(page)
    page.locator("[data-bulk]").get_by_role("button", name="Send now").click()
    page.get_by_role("heading", name=re.compile("2 calls, 1 client")).wait_for()
    look(page)
    page.get_by_role("button", name="Send", exact=True).click()
    page.wait_for_url("**/waiting/runs/**")
    page.get_by_text("All of them are through.").wait_for(timeout=30_000)
    page.get_by_role("heading", name="2 of 2").wait_for()
    look(page)
    assert sorted(desk.states()) == ["Sent", "Sent", "Waiting", "Waiting"]
    page.get_by_role("button", name="Resume acme-openai").click()
    page.get_by_text("Resumed. The oldest call goes first.").wait_for()
    desk.live.wait_for(lambda: desk.states() == ["Sent"] * 4, "the rest")


def test_what_matches_a_filter_is_sent_and_the_first_surprise_stops_it(desk: Desk):
    desk.keep(2, path="/no-such-thing")
    desk.keep(2)
    page = desk.page
    desk.open()
    page.get_by_role("searchbox", name="Path or id").fill("no-such")
    page.wait_for_url("**q=no-such**")
    page.wait_for_function("document.querySelectorAll('#waiting-rows tr[data-row]').length == 2")
    page.get_by_role("button", name="Send all that match").click()
    page.get_by_role("heading", name=re.compile("2 calls, 1 client")).wait_for()
    page.get_by_role("button", name="Send", exact=True).click()
    page.get_by_text("Stopped at the first surprise.").wait_for(timeout=30_000)
    look(page)
    assert sorted(desk.states()) == ["Refused", "Waiting", "Waiting", "Waiting"]


def test_a_call_is_edited_and_sent_again(desk: Desk):
    desk.keep(1, path="/no-such-thing", state="failed", code="refused")
    page = desk.page
    desk.open()
    desk.rows().locator("a.rowlink").click()
    look(page)
    page.get_by_role("link", name="Edit first").click()
    page.get_by_role("button", name="Show it and edit").click()
    page.get_by_label("Path and query").fill(GOOD)
    look(page)
    page.get_by_role("button", name="Keep and send").click()
    page.get_by_text("Kept, and on its way.").wait_for()
    call = page.url
    desk.live.wait_for(lambda: page.goto(call) and page.get_by_text("As it came").count() and sent(page), "its answer")
    assert page.get_by_role("heading", name="The provider’s answer, masked").is_visible()
    look(page)


def sent(page: Page) -> bool:
    """Tell whether the call of the page was sent."""
    return page.locator("article header .badge", has_text="Sent").count() == 1


def test_a_call_is_discarded_with_a_reason_and_put_back(desk: Desk):
    desk.keep(1, state="needs_decision", code="may_have_been_sent")
    page = desk.page
    desk.open()
    desk.rows().locator("a.rowlink").click()
    page.locator("details.confirm summary").focus()
    page.keyboard.press("Enter")
    look(page)
    page.get_by_label("Reason").fill("made by hand")
    page.keyboard.press("Enter")
    page.get_by_text("Discarded. It can be put back as long as it is kept.").wait_for()
    assert "made by hand" in page.inner_text("main")
    page.get_by_role("button", name="Put it back").click()
    page.get_by_text("Put back. It is sent when you say so.").wait_for()


def test_several_are_discarded_with_one_reason(desk: Desk):
    desk.keep(3)
    page = desk.page
    desk.open()
    page.get_by_role("checkbox", name="Choose all").check()
    page.get_by_text("3 chosen:").wait_for()
    page.locator("[data-bulk]").get_by_role("button", name="Discard").click()
    page.get_by_role("heading", name="3 calls").wait_for()
    look(page)
    page.get_by_role("button", name="Discard").click()  # the field is required: nothing is sent without a reason
    page.get_by_label("Reason").fill("the shop was closed")
    page.get_by_role("button", name="Discard").click()
    page.get_by_text("3 calls discarded.").wait_for()
    assert desk.states() == ["Discarded"] * 3


def test_a_phone_sends_one_and_many_rows_stay_usable(desk: Desk):
    desk.keep(120)
    page = desk.page
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.emulate_media(color_scheme="dark")
    desk.open()
    assert desk.rows().count() == 50
    assert fits(page)
    desk.rows().first.get_by_role("button", name="Send").click()
    page.get_by_text("It goes as soon as its lane may send.").wait_for()
    assert_accessible(page)
    desk.open()
    page.get_by_role("link", name="Next page").click()
    page.wait_for_url("**after=**")
    assert fits(page)
