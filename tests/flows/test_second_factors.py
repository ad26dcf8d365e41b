"""An authenticator app, a passkey and recovery codes in a browser: set up, used one by one, taken away again."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest
from allauth.mfa.totp.internal import auth as totp

from tests.browser import assert_accessible

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.processes]
PASSWORD = "tavoki-lumare-pidosu"
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


class Owner:
    """The owner at her browser, with a device that holds passkeys, and an app that shows codes."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.secret, self.shown = "", 0
        self.page.set_default_timeout(20_000)
        session = page.context.new_cdp_session(page)
        session.send("WebAuthn.enable")
        session.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})

    def go(self, path: str) -> None:
        """Open a page, and prove who one is when it asks."""
        self.page.goto(self.url + path)
        if "/reauthenticate" in self.page.url:
            self.page.fill("[name=password]", PASSWORD)
            self.submit()
            self.page.wait_for_url(f"**{path}**")

    def submit(self) -> None:
        self.page.click("main form button[type=submit] >> nth=0")

    def sign_out(self) -> None:
        self.page.goto(self.url + "/settings/security/")
        self.page.get_by_role("button", name="Sign out").first.click()
        self.page.wait_for_url(re.compile(f"^{self.url}/accounts/"))

    def give_password(self) -> None:
        self.page.goto(self.url + "/accounts/login/")
        self.page.fill("[name=login]", "ada@example.com")
        self.page.fill("[name=password]", PASSWORD)
        self.submit()

    def give_code(self, code: str) -> None:
        self.page.wait_for_url("**/accounts/2fa/authenticate/")
        self.page.fill("[name=code]", code)
        self.submit()

    def is_in(self) -> None:
        """Wait for the first page."""
        self.page.wait_for_url(self.url + "/")

    def code(self) -> str:
        """Return the code that the app shows, waiting for one that was not used yet; a fast clock counts too."""
        counter = max(int(time.time()) // 30, self.shown + 1)
        while counter > int(time.time()) // 30 + 1:
            time.sleep(0.5)
        self.shown = counter
        return totp.format_hotp_value(totp.hotp_value(self.secret, counter))


@pytest.fixture
def owner(live_keylodge, page) -> Owner:
    live_keylodge.make_owner(email="ada@example.com", password=PASSWORD)
    return Owner(page, live_keylodge.url)


def set_up_the_app(owner: Owner) -> list[str]:
    """Return the recovery codes that come with the first factor."""
    owner.go("/accounts/2fa/totp/activate/")
    assert_accessible(owner.page)
    owner.secret = owner.page.input_value("#authenticator_secret")
    owner.page.fill("[name=code]", owner.code())
    owner.submit()
    owner.page.wait_for_url("**/recovery-codes/**")
    assert_accessible(owner.page)
    codes = owner.page.input_value("#recovery_codes").split()
    assert len(codes) == 10
    return codes


def add_a_passkey(owner: Owner) -> None:
    owner.go("/accounts/2fa/webauthn/add/")
    owner.page.fill("[name=name]", "Laptop")
    owner.page.check("[name=passwordless]")
    owner.page.click("#mfa_webauthn_add")
    owner.page.wait_for_url(re.compile("/accounts/2fa/$"))
    assert_accessible(owner.page)
    owner.go("/accounts/2fa/webauthn/")
    assert "Laptop" in owner.page.inner_text("main")
    assert_accessible(owner.page)


def sign_in_with_each(owner: Owner, recovery: list[str]) -> None:
    owner.sign_out()
    owner.give_password()
    assert_accessible(owner.page)
    owner.give_code(owner.code())
    owner.is_in()

    owner.sign_out()
    owner.give_password()
    owner.give_code(recovery[0])
    owner.is_in()

    owner.sign_out()
    owner.give_password()
    owner.give_code(recovery[0])  # it opened once, and opens no more
    owner.page.locator("main").get_by_text(re.compile("[Ii]ncorrect")).wait_for()
    owner.page.click("#mfa_webauthn_authenticate")
    owner.is_in()

    owner.sign_out()
    owner.page.goto(owner.url + "/accounts/login/")
    owner.page.click("#passkey_login")
    owner.is_in()


def take_them_away(owner: Owner) -> None:
    owner.go("/accounts/2fa/webauthn/")
    owner.page.get_by_role("link", name="Remove Laptop").click()
    if "/reauthenticate" in owner.page.url:
        owner.page.fill("[name=password]", PASSWORD)
        owner.submit()
    owner.page.wait_for_url("**/remove/")
    assert_accessible(owner.page)
    owner.submit()
    owner.page.wait_for_url(re.compile("/accounts/2fa/webauthn/$"))
    assert "Laptop" not in owner.page.inner_text("main")
    owner.go("/accounts/2fa/totp/deactivate/")
    assert_accessible(owner.page)
    owner.submit()
    owner.page.wait_for_url(re.compile("/accounts/2fa/$"))


def test_every_second_factor_is_set_up_used_and_taken_away(owner):
    owner.give_password()
    owner.is_in()
    recovery = set_up_the_app(owner)
    add_a_passkey(owner)
    sign_in_with_each(owner, recovery)
    take_them_away(owner)
    owner.sign_out()
    owner.give_password()
    owner.is_in()  # the password alone, as before
    kept = owner.page.evaluate("[Object.keys(localStorage), Object.keys(sessionStorage)].flat()")
    assert kept == []
