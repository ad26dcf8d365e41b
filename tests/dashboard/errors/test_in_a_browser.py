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


def test_dragging_over_the_chart_filters_and_typing_does_the_same(demo, signed_in):
    page = signed_in
    page.goto(demo.url + "/errors/?days=30")
    groups = page.locator(".issues li").count()
    chart = page.locator("svg.hist").bounding_box()
    middle = chart["y"] + chart["height"] / 2
    page.mouse.move(chart["x"] + 2, middle)
    page.mouse.down()
    page.mouse.move(chart["x"] + chart["width"] / 2, middle, steps=4)
    page.mouse.up()
    page.wait_for_url("**when=20*")
    assert " to 20" in page.locator("#id_when").input_value()
    page.goto(demo.url + "/errors/?days=30&state=all&when=yesterday")
    assert page.locator(".issues li").count() <= groups + 10
    assert_accessible(page)


NEW_CALL = """
from django.utils import timezone
from integrations.models import Call
last = Call.objects.exclude(connection_id=None).first()
Call.objects.create(at=timezone.now(), client_id=last.client_id, connection_id=last.connection_id, method="GET",
                    path="/arrived/{}", outcome="timeout")
"""


def test_new_calls_come_on_top_and_rest_while_the_list_is_read(demo, signed_in):
    page = signed_in
    page.goto(demo.url + "/calls/?live=on")
    says = page.locator("#live-says")
    assert demo.command("shell", "-c", NEW_CALL.format("first")).returncode == 0
    page.locator("#call-rows tbody tr.new", has_text="/arrived/first").wait_for()
    assert says.inner_text() == "1 new call"
    assert page.locator("#call-rows tbody tr").count() == 50
    page.locator("#call-rows tbody tr").first.hover()
    page.get_by_text("Resting while you read").wait_for()
    assert demo.command("shell", "-c", NEW_CALL.format("second")).returncode == 0
    page.wait_for_timeout(2_500)
    assert page.get_by_text("/arrived/second").count() == 0
    page.mouse.move(5, 5)
    page.get_by_text("/arrived/second").wait_for()
    assert_accessible(page)


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
