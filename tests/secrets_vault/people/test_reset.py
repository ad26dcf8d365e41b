"""A new password by mail: once, for an hour, and never around the second factor (ASVS 6.4.3)."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from smtplib import SMTPServerDisconnected

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal import auth as totp
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.test import Client as AnyBrowser

from tests.factories import make_user

pytestmark = pytest.mark.django_db
Browser = partial(AnyBrowser, SERVER_NAME="localhost")
PASSWORD, NEW = "tavoki-lumare-pidosu", "kenabi-tovuse-ramido"


@pytest.fixture
def ada():
    user = make_user("Ada", password=PASSWORD)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


@pytest.fixture
def link(ada, mailoutbox) -> str:
    """Return the path that was mailed."""
    Browser().post("/accounts/password/reset/", {"email": ada.email})
    return "/accounts/" + mailoutbox[-1].body.partition("/accounts/")[2].split()[0]


def choose(browser: AnyBrowser, link: str, password: str = NEW) -> bool:
    """Open the link and choose a password; tell whether it was taken."""
    page = browser.get(link, follow=True)
    if b'name="password1"' not in page.content:
        return False
    answer = browser.post(page.request["PATH_INFO"], {"password1": password, "password2": password})
    return answer.status_code == 302


def signs_in(password: str) -> str:
    """Return where a sign-in leads, or nothing."""
    answer = Browser().post("/accounts/login/", {"login": "ada@example.com", "password": password})
    return answer.headers.get("Location", "")


def test_the_link_works_once(link):
    assert choose(Browser(), link)
    assert signs_in(NEW) == "/"
    assert not choose(Browser(), link, "ruvane-pilosu-tekami")
    assert signs_in(NEW) == "/"


@pytest.mark.parametrize(("minutes", "works"), [(59, True), (61, False)])
def test_the_link_works_for_an_hour(link, monkeypatch, minutes, works):
    now = datetime.now() + timedelta(minutes=minutes)  # without a zone, as Django counts it
    monkeypatch.setattr(PasswordResetTokenGenerator, "_now", lambda self: now)
    assert choose(Browser(), link) is works
    assert signs_in(PASSWORD) == ("" if works else "/")


def test_a_new_password_signs_nobody_in_and_leaves_the_second_factor_standing(ada, link):
    totp.TOTP.activate(ada, totp.generate_totp_secret())
    browser = Browser()
    assert choose(browser, link)
    assert browser.get("/vault/").url.startswith("/accounts/login/")
    assert signs_in(NEW) == "/accounts/2fa/authenticate/"


@pytest.mark.parametrize(
    "broken", [SMTPServerDisconnected("Connection unexpectedly closed"), TimeoutError("timed out")]
)
def test_a_mail_server_that_does_not_answer_changes_nothing_on_the_page(ada, monkeypatch, caplog, broken):
    def refuse(self, messages):
        raise broken

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuse)
    for email in (ada.email, "nobody@example.com"):
        answer = Browser().post("/accounts/password/reset/", {"email": email})
        assert (answer.status_code, answer.headers["Location"]) == (302, "/accounts/password/reset/done/")
    assert [record.message for record in caplog.records if "mail" in record.message] == ["mail not sent"] * 2
