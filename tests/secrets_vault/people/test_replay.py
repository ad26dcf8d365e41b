"""A cookie that was somebody's once: after each of these events it is nobody's (ASVS 7.2.4, 7.4)."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.test import Client as AnyBrowser

from secrets_vault.models import User
from secrets_vault.people.sessions import SessionStore
from tests.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True)  # what ends other sessions waits for the commit
Browser = partial(AnyBrowser, SERVER_NAME="localhost")
PASSWORD, NEW = "tavoki-lumare-pidosu", "kenabi-tovuse-ramido"
COOKIE = "keylodge_session"


@pytest.fixture
def ada() -> User:
    user = make_user("Ada", password=PASSWORD)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def signed_in() -> AnyBrowser:
    browser = Browser()
    answer = browser.post("/accounts/login/", {"login": "ada@example.com", "password": PASSWORD})
    assert answer.status_code == 302
    return browser


def opens(cookie: str) -> bool:
    """Tell whether a session cookie, put into a new browser, opens the vault."""
    SessionStore._seen.clear()  # another process
    browser = Browser()
    browser.cookies[COOKIE] = cookie
    answer = browser.get("/vault/")
    assert answer.status_code == 200 or answer.url.startswith("/accounts/login/")
    return answer.status_code == 200


def cookie_of(browser: AnyBrowser) -> str:
    return browser.cookies[COOKIE].value


def code_of(secret: str, steps: int = 0) -> str:
    return totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30 + steps))


def prove(browser: AnyBrowser) -> None:
    assert browser.post("/accounts/reauthenticate/", {"password": PASSWORD}).url == "/"


def is_done(answer) -> bool:
    return answer.status_code == 302 and "reauthenticate" not in answer.url


def add_app(browser: AnyBrowser) -> None:
    prove(browser)
    secret = browser.get("/accounts/2fa/totp/activate/").context["form"].secret
    assert is_done(browser.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)}))


def change_password(browser: AnyBrowser) -> None:
    form = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    assert is_done(browser.post("/accounts/password/change/", form))


def remove_app(browser: AnyBrowser) -> None:
    prove(browser)
    assert is_done(browser.post("/accounts/2fa/totp/deactivate/"))


def make_new_codes(browser: AnyBrowser) -> None:
    prove(browser)
    assert is_done(browser.post("/accounts/2fa/recovery-codes/generate/"))


def end_the_others(browser: AnyBrowser) -> None:
    assert browser.post("/settings/security/end/", {"which": "others"}).status_code == 302


def disable(browser: AnyBrowser) -> None:
    User.objects.update(is_active=False)


CHANGES: list[tuple[Callable[[AnyBrowser], None], bool]] = [
    (change_password, True),
    (add_app, True),
    (end_the_others, True),
    (disable, False),
]


def test_a_cookie_from_before_signing_in_is_not_signed_in_by_it(ada):
    """Session fixation: somebody put their own cookie into the victim's browser."""
    browser = Browser()
    browser.get("/accounts/login/")
    browser.post("/accounts/login/", {"login": "ada@example.com", "password": "wrong-wrong-wrong"})
    session = browser.session
    session["planted"] = True
    session.save()
    planted = session.session_key
    browser.cookies[COOKIE] = planted
    assert browser.post("/accounts/login/", {"login": "ada@example.com", "password": PASSWORD}).status_code == 302
    assert cookie_of(browser) != planted
    assert opens(cookie_of(browser))
    assert not opens(planted)


def test_a_cookie_from_before_the_second_factor_is_not_signed_in_by_it(ada):
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(ada, secret)
    browser = signed_in()
    half = cookie_of(browser)
    assert not opens(half)
    assert browser.post("/accounts/2fa/authenticate/", {"code": code_of(secret)}).url == "/"
    assert opens(cookie_of(browser))
    assert not opens(half)


def test_after_signing_out_the_cookie_is_nobodys(ada):
    browser = signed_in()
    cookie = cookie_of(browser)
    assert opens(cookie)
    browser.post("/accounts/logout/")
    assert not opens(cookie)


@pytest.mark.parametrize(("change", "stays"), CHANGES, ids=lambda value: getattr(value, "__name__", ""))
def test_after_a_change_the_cookies_of_other_browsers_are_nobodys(ada, change, stays):
    here, there = signed_in(), signed_in()
    stolen = cookie_of(there)
    assert opens(stolen)
    change(here)
    assert not opens(stolen)
    assert opens(cookie_of(here)) is stays


@pytest.mark.parametrize("change", [remove_app, make_new_codes])
def test_after_a_factor_was_removed_or_replaced_too(ada, change):
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(ada, secret)
    RecoveryCodes.activate(ada)
    browsers = [signed_in(), signed_in()]
    for steps, browser in enumerate(browsers):
        assert browser.post("/accounts/2fa/authenticate/", {"code": code_of(secret, steps)}).url == "/"
    here, stolen = browsers[0], cookie_of(browsers[1])
    assert opens(stolen)
    change(here)
    assert not opens(stolen)
    assert opens(cookie_of(here))
    assert Authenticator.objects.filter(type="totp").exists() is (change is not remove_app)


def test_the_cookie_from_before_a_new_password_is_nobodys_even_in_the_same_browser(ada):
    browser = signed_in()
    old = cookie_of(browser)
    change_password(browser)
    assert cookie_of(browser) != old
    assert not opens(old)


def test_after_a_new_password_by_mail_every_cookie_is_nobodys(ada, mailoutbox):
    cookie = cookie_of(signed_in())
    browser = Browser()
    browser.post("/accounts/password/reset/", {"email": ada.email})
    path = mailoutbox[0].body.partition("/accounts/")[2].split()[0]
    form_page = browser.get(f"/accounts/{path}", follow=True)
    answer = browser.post(form_page.request["PATH_INFO"], {"password1": NEW, "password2": NEW})
    assert answer.status_code == 302
    assert not opens(cookie)
