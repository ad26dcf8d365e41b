"""Asking again who it is: after a quarter of an hour unused, and whenever nothing proves it."""

from __future__ import annotations

import time

import pytest
from django.test import Client as Browser

from tests.factories import make_user
from tests.proving import prove

pytestmark = pytest.mark.django_db
GUARDED = "/settings/backup/"


@pytest.fixture
def browser():
    browser = Browser(SERVER_NAME="localhost")
    browser.force_login(make_user("Olive", is_owner=True))
    return browser


def asks(browser: Browser) -> bool:
    answer = browser.get(GUARDED)
    return answer.status_code == 302 and answer.url.startswith("/accounts/reauthenticate/")


def test_a_session_that_proves_nothing_is_asked_even_of_a_person_without_a_password(browser):
    assert asks(browser)


@pytest.mark.parametrize(("minutes", "asked"), [(14, False), (16, True), (-60, True)])
def test_a_proof_holds_for_a_quarter_of_an_hour(browser, minutes, asked):
    prove(browser, at=time.time() - minutes * 60)
    assert asks(browser) is asked


def test_use_renews_the_proof(browser):
    prove(browser, at=time.time() - 14 * 60)
    browser.get(GUARDED)
    records = browser.session["account_authentication_methods"]
    assert time.time() - records[-1]["at"] < 60


def test_a_fragment_is_told_to_move_the_whole_page(browser):
    answer = browser.get(GUARDED, headers={"hx-request": "true"})
    assert answer.headers["HX-Redirect"].startswith("/accounts/reauthenticate/")


def test_the_way_back_never_leads_to_another_site(browser):
    answer = browser.post(GUARDED, headers={"referer": "https://evil.example/x"})
    assert answer.url == "/accounts/reauthenticate/?next=%2F"
