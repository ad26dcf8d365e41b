"""Signing in: limits that count, no names given away, and a second factor that holds."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.test import Client as AnyBrowser
from django.test import override_settings
from django.utils import timezone

from secrets_vault.models import AuditEvent, LoginAttempt, User
from secrets_vault.people import login_limits
from tests.factories import make_user

pytestmark = pytest.mark.django_db
Browser = partial(AnyBrowser, SERVER_NAME="localhost")
PASSWORD = "tavoki-lumare-pidosu"


@pytest.fixture
def ada() -> User:
    from allauth.account.models import EmailAddress

    user = make_user("Ada", password=PASSWORD)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def sign_in(browser: Browser, login: str = "ada@example.com", password: str = PASSWORD, **more: str):
    return browser.post("/accounts/login/", {"login": login, "password": password, **more})


def test_the_right_password_signs_in_and_is_written_down(ada):
    assert sign_in(Browser()).status_code == 302
    assert AuditEvent.objects.filter(action="login.ok").exists()


def test_a_wrong_password_and_an_unknown_name_look_the_same(ada):
    wrong, unknown = sign_in(Browser(), password="x" * 20), sign_in(Browser(), login="nobody@example.com")
    assert wrong.status_code == unknown.status_code
    strip = lambda r: r.content.replace(b"ada@example.com", b"").replace(b"nobody@example.com", b"")  # noqa: E731
    assert len(strip(wrong)) == pytest.approx(len(strip(unknown)), abs=120)
    assert AuditEvent.objects.filter(action="login.failed").count() == 2


def test_the_password_is_not_written_back_into_the_page(ada):
    assert b"hunter-hunter-hunter" not in sign_in(Browser(), password="hunter-hunter-hunter").content


def test_after_ten_wrong_tries_even_the_right_password_waits(ada):
    browser = Browser()
    for _ in range(10):
        sign_in(browser, password="wrong-wrong-wrong")
    assert sign_in(browser).status_code == 200
    LoginAttempt.objects.update(window_started_at=timezone.now() - login_limits.WINDOW)
    assert sign_in(browser).status_code == 302


def test_tries_at_a_clock_two_days_ahead_lock_nobody_out():
    now, budget = timezone.now(), login_limits.Budget("account:ada", 3)
    assert [login_limits.take(budget, now=now + timedelta(days=2)) for _ in range(4)] == [True, True, True, False]
    assert [login_limits.take(budget, now=now) for _ in range(4)] == [True, True, True, False]


def test_a_stranger_cannot_lock_out_a_browser_that_signed_in_before(ada):
    known = Browser(REMOTE_ADDR="203.0.113.5")
    sign_in(known)
    known.post("/accounts/logout/")
    stranger = Browser(REMOTE_ADDR="198.51.100.7")
    for _ in range(12):
        sign_in(stranger, password="wrong-wrong-wrong")
    assert sign_in(stranger).status_code == 200
    assert sign_in(known).status_code == 302


def test_one_address_cannot_try_many_accounts():
    for n in range(30):
        budget = login_limits.budgets(account=f"user{n}", ip="198.51.100.7", is_known_device=False)
        assert all(login_limits.take(b, now=timezone.now()) for b in budget)
    last = login_limits.budgets(account="user99", ip="198.51.100.7", is_known_device=False)
    assert not all(login_limits.take(b, now=timezone.now()) for b in last)


def test_a_one_time_code_is_spent_once():
    now = timezone.now()
    assert [login_limits.use_once("code", now=now) for _ in range(3)] == [True, False, False]


def code_now(secret: str) -> str:
    return totp.format_hotp_value(totp.hotp_value(secret, next(iter(totp.yield_hotp_counters_from_time()))))


def test_the_seed_of_an_authenticator_app_is_sealed_and_its_code_asked_for(ada):
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(ada, secret)
    assert secret not in str(Authenticator.objects.get().data)
    browser = Browser()
    assert sign_in(browser).url == "/accounts/2fa/authenticate/"
    assert browser.get("/accounts/2fa/").status_code == 302  # not signed in yet
    assert browser.post("/accounts/2fa/authenticate/", {"code": code_now(secret)}).status_code == 302
    assert browser.get("/accounts/2fa/").status_code == 200


def test_a_code_of_an_authenticator_app_works_once(ada):
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(ada, secret)
    code = code_now(secret)
    first, second = Browser(), Browser()
    sign_in(first)
    sign_in(second)
    assert first.post("/accounts/2fa/authenticate/", {"code": code}).status_code == 302
    assert second.post("/accounts/2fa/authenticate/", {"code": code}).status_code == 200


def test_a_recovery_code_works_once(ada):
    totp.TOTP.activate(ada, totp.generate_totp_secret())
    code = RecoveryCodes.activate(ada).generate_codes()[0]
    first, second = Browser(), Browser()
    sign_in(first)
    sign_in(second)
    assert first.post("/accounts/2fa/authenticate/", {"code": code}).status_code == 302
    assert second.post("/accounts/2fa/authenticate/", {"code": code}).status_code == 200


def test_a_new_password_ends_the_sessions_of_other_browsers(ada):
    here, there = Browser(), Browser()
    sign_in(here)
    sign_in(there)
    here.post("/accounts/reauthenticate/", {"password": PASSWORD})
    new = "kenabi-tovuse-ramido"
    answer = here.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert answer.status_code == 302
    assert there.get("/accounts/2fa/").status_code == 302
    assert there.get("/accounts/2fa/").url.startswith("/accounts/login/")


def test_a_disabled_person_is_signed_out_at_once(ada):
    browser = Browser()
    sign_in(browser)
    User.objects.update(is_active=False)
    assert browser.get("/accounts/2fa/").url.startswith("/accounts/login/")


@override_settings(KEYLODGE_REQUIRE_MFA=True)
def test_where_a_second_factor_is_required_nothing_opens_without_one(ada):
    browser = Browser()
    sign_in(browser)
    assert browser.get("/setup/secure/").url == "/accounts/2fa/"
    assert browser.get("/accounts/2fa/").status_code == 200


def test_nobody_can_sign_up():
    answer = Browser().post("/accounts/signup/", {"email": "x@example.com", "password1": PASSWORD})
    assert answer.status_code in (200, 403)
    assert not User.objects.exists()


@override_settings(KEYLODGE_PUBLIC_URL="https://keys.example.com")
def test_a_reset_mail_names_our_address_and_not_the_host_header(ada, mailoutbox):
    Browser().post("/accounts/password/reset/", {"email": ada.email}, headers={"host": "localhost"})
    assert "https://keys.example.com/accounts/password/reset/key/" in mailoutbox[0].body


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
def test_nobodys_mailbox_is_flooded_with_reset_mails(ada, mailoutbox, email):
    browser = Browser()
    answers = [browser.post("/accounts/password/reset/", {"email": email}).status_code for _ in range(6)]
    assert answers == [302] * 6
    assert len(mailoutbox) == 3
