"""A code counts once: however it is typed, whichever process is asked, and at whatever second (ASVS 6.5.1)."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import partial

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.core.cache import cache
from django.test import Client as AnyBrowser
from django.utils import timezone

from secrets_vault.people import login_limits
from tests.factories import make_user
from tests.proving import prove

pytestmark = pytest.mark.django_db
Browser = partial(AnyBrowser, SERVER_NAME="localhost")
PASSWORD = "tavoki-lumare-pidosu"
WAYS_TO_TYPE_IT = [
    lambda c: c,
    lambda c: f"{c[:3]} {c[3:]}",
    lambda c: f"{c[:3]}-{c[3:]}",
    lambda c: f"{c}.",
    "\t{}".format,
]


@pytest.fixture
def ada():
    user = make_user("Ada", password=PASSWORD)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def code_now(secret: str, *, steps: int = 0) -> str:
    return totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30 + steps))


def signs_in_with(code: str) -> bool:
    """Give the password in a new browser of another process, then this code; tell whether it was taken."""
    cache.clear()  # each process has a cache of its own
    browser = Browser()
    browser.post("/accounts/login/", {"login": "ada@example.com", "password": PASSWORD})
    return browser.post("/accounts/2fa/authenticate/", {"code": code}).status_code == 302


@pytest.mark.parametrize("typed", WAYS_TO_TYPE_IT, ids=range(len(WAYS_TO_TYPE_IT)))
def test_a_code_that_was_used_is_not_taken_in_another_spelling(ada, typed):
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(ada, secret)
    code = code_now(secret)
    assert signs_in_with(code)
    assert not signs_in_with(typed(code))


def test_a_code_stays_used_as_long_as_it_is_right(ada, monkeypatch):
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(ada, secret)
    code, began = code_now(secret), time.time()
    assert signs_in_with(code)
    for seconds in range(0, 91, 15):
        moment = timezone.now() + timedelta(seconds=15)
        monkeypatch.setattr(timezone, "now", lambda moment=moment: moment)
        monkeypatch.setattr(time, "time", lambda moment=began + seconds: moment)
        assert not signs_in_with(code), f"{seconds} s later"


def test_the_next_code_is_taken(ada):
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(ada, secret)
    assert signs_in_with(code_now(secret))
    assert signs_in_with(code_now(secret, steps=1))


def test_the_code_that_set_an_app_up_signs_nobody_in(ada):
    browser = Browser()
    browser.force_login(ada)
    prove(browser)
    secret = browser.get("/accounts/2fa/totp/activate/").context["form"].secret
    code = code_now(secret)
    assert browser.post("/accounts/2fa/totp/activate/", {"code": code}).status_code == 302
    assert not signs_in_with(code)
    assert signs_in_with(code_now(secret, steps=1))


def test_a_recovery_code_never_comes_back(ada):
    totp.TOTP.activate(ada, totp.generate_totp_secret())
    codes = RecoveryCodes.activate(ada).generate_codes()
    assert signs_in_with(codes[0])
    login_limits.forget_old(now=timezone.now() + timedelta(days=2))
    assert not signs_in_with(codes[0])
    assert signs_in_with(codes[1])


def test_digits_may_come_again_by_chance_after_the_window():
    now = timezone.now()
    later = [now + timedelta(minutes=minutes) for minutes in (0, 14, 16, 17)]
    assert [login_limits.use_once("ada:123456", now=moment) for moment in later] == [True, False, True, False]
