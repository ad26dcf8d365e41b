"""Errors and calls in Chromium: settled by one key and taken back, filtered and followed in place, on demo data."""

from __future__ import annotations

import pytest

from tests.browser import DESKTOP, assert_accessible

pytestmark = [pytest.mark.browser, pytest.mark.processes]


@pytest.fixture(scope="module")
def demo(shared_keylodge):
    shared_keylodge.account = shared_keylodge.make_owner()
    assert shared_keylodge.command("demo").returncode == 0
    return shared_keylodge


@pytest.fixture
def signed_in(demo, new_page):
    page = new_page(viewport=DESKTOP)
    email, password = demo.account
    page.goto(f"{demo.url}/accounts/login/")
    page.fill("[name=login]", email)
    page.fill("[name=password]", password)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{demo.url}/")
    return page


def test_an_error_is_resolved_by_a_key_and_it_is_undone(demo, signed_in):
    page = signed_in
    page.goto(demo.url + "/errors/")
    before = page.locator(".issues li").count()
    page.keyboard.press("e")
    page.get_by_text("1 error resolved").wait_for()
    assert page.locator(".issues li").count() == before - 1
    assert_accessible(page)
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("1 error as before").wait_for()
    assert page.locator(".issues li").count() == before


def test_from_a_group_to_its_last_call(demo, signed_in):
    page = signed_in
    page.goto(demo.url + "/errors/")
    page.locator(".issues a").nth(1).click()
    page.wait_for_url("**/errors/*-*/**")
    page.get_by_role("link", name="The call in full").click()
    page.wait_for_url("**/calls/*-*/**")
    page.get_by_role("heading", level=1).wait_for()


def test_filters_and_live_work_in_place(demo, signed_in):
    page = signed_in
    page.goto(demo.url + "/calls/")
    page.locator("#id_status").select_option("429")
    page.wait_for_url("**status=429**")
    page.wait_for_function("[...document.querySelectorAll('#call-rows td .code')].every(e => e.textContent == '429')")
    with page.expect_response(lambda answer: "newest=" in answer.url and answer.status == 204):
        page.get_by_role("link", name="Live").click()
    page.get_by_role("link", name="Stop live").wait_for()


def test_the_keys_that_the_help_names_work(demo, signed_in):
    page = signed_in
    page.goto(demo.url + "/")
    page.keyboard.press("?")
    help_sheet = page.get_by_role("dialog", name="Keys")
    help_sheet.wait_for()
    assert "Filter this list" in help_sheet.inner_text()
    page.keyboard.press("Escape")
    help_sheet.wait_for(state="hidden")
    page.keyboard.press("g")
    page.keyboard.press("e")
    page.wait_for_url(f"{demo.url}/errors/")
    page.keyboard.press("/")
    page.wait_for_function("document.activeElement.type === 'search'")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    page.goto(demo.url + "/messages/")
    unread = int(page.locator("h1 + p").inner_text().split()[0])
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.get_by_text("1 chosen:").wait_for()
    page.get_by_role("button", name="Mark as read", exact=True).click()
    page.get_by_text(f"{unread - 1} unread").wait_for()
