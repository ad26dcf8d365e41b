"""Who sees and is written to in which language."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from django.test import Client as Browser
from django.utils import translation

from secrets_vault.models import User
from secrets_vault.people.language import in_english, writing_to
from tests.factories import make_user

pytestmark = pytest.mark.django_db
GERMAN = {"accept-language": "de-AT,de;q=0.9,en;q=0.5"}


@pytest.fixture
def browser():
    return Browser(SERVER_NAME="localhost")


@pytest.fixture
def ada():
    return make_user("Ada", is_owner=True)


def language_of(answer):
    page = answer.content.decode()
    shown = answer.headers["Content-Language"]
    assert f'<html lang="{shown}">' in page
    assert {"Accept-Language", "Cookie"} <= {name.strip() for name in answer.headers["Vary"].split(",")}
    return shown


@pytest.mark.parametrize(
    ("asked", "shown"), [("de", "de"), ("de-AT,en;q=0.5", "de"), ("en-US", "en"), ("fr", "en"), ("", "en")]
)
def test_before_sign_in_the_browser_says_the_language(browser, asked, shown, ada):
    answer = browser.get("/accounts/login/", headers={"accept-language": asked} if asked else {})
    assert language_of(answer) == shown


def test_the_switch_on_the_sign_in_page_outweighs_the_browser(browser, ada):
    answer = browser.post("/language/", {"language": "de", "next": "/accounts/login/"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/accounts/login/")
    assert language_of(browser.get("/accounts/login/", headers={"accept-language": "en"})) == "de"


def test_the_switch_leads_to_no_other_site_and_knows_no_other_language(browser, ada):
    answer = browser.post("/language/", {"language": "xx", "next": "https://evil.example/"})
    assert answer.headers["Location"] == "/"
    assert language_of(browser.get("/accounts/login/")) == "en"
    assert browser.get("/language/").status_code == 405


def test_the_persons_own_choice_outweighs_cookie_and_browser(browser, ada):
    User.objects.update(language="de")
    browser.force_login(ada)
    browser.cookies["keylodge_language"] = "en"
    answer = browser.get("/settings/", headers={"accept-language": "en"})
    assert language_of(answer) == "de"
    assert "Einstellungen" in answer.content.decode()


def test_who_chose_nothing_sees_what_the_browser_asks_for(browser, ada):
    browser.force_login(ada)
    assert language_of(browser.get("/settings/", headers=GERMAN)) == "de"
    assert language_of(browser.get("/settings/")) == "en"


def test_a_choice_is_saved_and_answers_in_the_new_language(browser, ada):
    browser.force_login(ada)
    form = {"name": "Ada", "time_zone": "UTC", "language": "de"}
    answer = browser.post("/settings/", form, follow=True)
    assert language_of(answer) == "de"
    assert "Gespeichert." in answer.content.decode()
    assert browser.post("/settings/", form | {"language": "tlh"}).status_code == 422


def test_going_back_to_the_browsers_language_forgets_the_switch(browser, ada):
    User.objects.update(language="de")
    browser.force_login(ada)
    browser.cookies["keylodge_language"] = "de"
    answer = browser.post("/settings/", {"name": "Ada", "time_zone": "UTC", "language": ""})
    assert answer.cookies["keylodge_language"]["max-age"] == 0


def test_a_mail_is_in_the_language_of_who_reads_it(ada):
    ada.language = "de"
    with writing_to(ada):
        assert translation.gettext("Settings") == "Einstellungen"
        with in_english():
            assert translation.gettext("Settings") == "Settings"


def test_mails_follow_the_browser_of_the_last_sign_in(browser, ada):
    password = "correct horse battery staple"
    ada.set_password(password)
    ada.save()
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    browser.post("/accounts/login/", {"login": ada.email, "password": password}, headers=GERMAN)
    ada.refresh_from_db()
    assert (ada.language, ada.browser_language) == ("", "de")
    with writing_to(ada):
        assert translation.get_language() == "de"


def test_english_keeps_british_dates(browser, ada):
    with writing_to(ada):
        assert translation.get_language() == "en-gb"
