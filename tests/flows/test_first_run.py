"""The first minute of a newcomer, in a browser."""

from __future__ import annotations

import pytest

from tests.browser import assert_accessible

pytestmark = [pytest.mark.browser, pytest.mark.processes]


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_a_fresh_installation_says_where_the_one_time_link_was_printed(shared_keylodge, new_page, color_scheme):
    page = new_page(color_scheme=color_scheme)
    page.goto(shared_keylodge.url)
    assert "one-time link was printed" in page.inner_text("main")
    assert_accessible(page)


def test_the_printed_link_opens_the_owners_form(shared_keylodge, phone):
    phone.goto(shared_keylodge.owner_link)
    assert phone.locator("input[type=password]").count() >= 1
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert_accessible(phone)
