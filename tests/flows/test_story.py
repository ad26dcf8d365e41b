"""What a newcomer does on a Friday afternoon, step by step, in a browser: the acceptance story.

The steps share one installation and one browser profile and stand in the order of the story; a later
one cannot pass when an earlier one failed.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from tests.browser import DESKTOP, PHONE, Watch, assert_accessible
from tests.live import LiveKeylodge

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.processes]
PASSWORD = f"correct-horse-{secrets.token_hex(4)}"
LIVE_KEY = "sk_" + "live_" + secrets.token_hex(12)


class Story:
    """One newcomer: their installation, their browser, and what they wrote down on the way."""

    def __init__(self, browser: Browser, home: Path) -> None:
        self.browser = browser
        self.watch = Watch()
        self.live = LiveKeylodge(home).wait_until_started()
        self.page = self.new_page(DESKTOP)
        self.notes: dict[str, str] = {}

    def new_page(self, viewport: dict[str, int]) -> Page:
        """Open a page in a profile of its own."""
        context = self.browser.new_context(viewport=viewport, reduced_motion="reduce", accept_downloads=True)
        context.set_default_timeout(15_000)
        self.watch.follow(context)
        return context.new_page()

    def go(self, path: str) -> Page:
        """Open one of our pages."""
        self.page.goto(self.live.url + path)
        return self.page

    def says(self, text: str) -> None:
        """Wait until the page says it."""
        self.page.locator("main").get_by_text(text).first.wait_for()


@pytest.fixture(scope="module")
def story(browser, tmp_path_factory) -> Iterator[Story]:
    told = Story(browser, tmp_path_factory.mktemp("story") / "home")
    yield told
    told.live.stop()


@pytest.fixture(autouse=True)
def nothing_complains(story: Story) -> Iterator[None]:
    """Fail a step after which the browser complained of CSP, scripts or missing files."""
    story.watch.complaints.clear()
    yield
    assert story.watch.unexpected() == []


def test_1_the_start_prints_the_address_and_a_one_time_link(story: Story):
    assert story.live.url in story.live.output
    assert story.live.owner_link


def test_2_the_owner_is_made_and_sees_the_checklist(story: Story):
    page = story.page
    page.goto(story.live.owner_link)
    page.fill("[name=name]", "Mara Vogt")
    page.fill("[name=email]", "mara@example.com")
    page.fill("[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_url("**/setup/secure/")
    story.says("Add a passkey")
    page.click("text=Not now")
    story.says("Try it with the sandbox")
    assert_accessible(page)


def test_2b_a_passkey_is_added_and_signs_in(story: Story):
    page = story.page
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    device = {"options": options | {"isUserVerified": True, "automaticPresenceSimulation": True}}
    session.send("WebAuthn.addVirtualAuthenticator", device)
    story.go("/accounts/2fa/webauthn/add/")
    if "reauthenticate" in page.url:
        page.fill("[name=password]", PASSWORD)
        page.click("main button[type=submit]")
    page.wait_for_url("**/webauthn/add/**")
    page.fill("[name=name]", "Laptop")
    page.check("[name=passwordless]")
    page.click("#mfa_webauthn_add")
    page.wait_for_url(re.compile("recovery-codes|webauthn/$"))
    story.go("/settings/security/")
    page.get_by_role("button", name="Sign out").first.click()
    page.goto(story.live.url + "/accounts/login/")
    page.click("#passkey_login")
    page.wait_for_url(story.live.url + "/")
    session.detach()


def test_3_a_client_is_added_with_production_and_staging(story: Story):
    page = story.go("/clients/new/")
    page.fill("[name=name]", "Acme")
    page.click("main form button.primary")
    page.wait_for_url("**/clients/acme/")
    story.says("Acme")
    assert page.locator(".env").all_inner_texts()[:2] == ["prod", "stg"] or "staging" in page.inner_text("main")


def test_4_a_stripe_key_in_the_wrong_environment_is_warned_of(story: Story):
    page = story.go("/vault/new/")
    page.select_option("[name=place]", label="Acme · staging")
    page.select_option("[name=provider_key]", label="Stripe")
    page.fill("[name=value_api_key]", LIVE_KEY)
    page.check("[name=is_age_unknown]")
    page.uncheck("[name=is_callable]")
    with page.expect_response(lambda r: r.status == 422):
        page.click("button:has-text('Store it')")
    story.watch.allow("422")
    story.says("staging")
    assert LIVE_KEY not in page.content()


def test_4b_the_key_is_stored_in_production_tried_and_never_shown(story: Story):
    page = story.go("/vault/new/")
    page.select_option("[name=place]", label="Acme · production")
    page.select_option("[name=provider_key]", label="Stripe")
    page.fill("[name=value_api_key]", LIVE_KEY)
    page.fill("[name=made_on]", story_day(-97))
    page.click("button:has-text('Store it')")
    page.wait_for_url(re.compile(r"/vault/[0-9a-f-]{36}/"))
    story.says("Stored, and tried with a harmless call")
    assert LIVE_KEY not in page.content()
    assert f"****{LIVE_KEY[-4:]}" in page.inner_text("main")
    story.notes["stripe"] = page.url
    assert_accessible(page)


def test_4c_a_value_is_revealed_for_a_while_and_then_gone(story: Story):
    page = story.page
    page.goto(story.notes["stripe"])
    page.get_by_role("button", name="Reveal api_key").click()
    page.get_by_text(LIVE_KEY).wait_for()
    page.get_by_role("button", name="Hide").or_(page.get_by_role("button", name="Reveal api_key")).first.click()
    page.get_by_text(LIVE_KEY).wait_for(state="detached")


def test_4d_a_whole_env_file_is_pasted_previewed_and_saved(story: Story):
    page = story.go("/vault/import/")
    page.select_option("[name=place]", label="Acme · staging")
    openai = "sk-" + "proj-" + secrets.token_urlsafe(36).replace("-", "x")
    page.fill("[name=text]", f'OPENAI_API_KEY={openai}\nexport DB_PASSWORD="p w#1"\nDEBUG=false\n')
    page.click("button:has-text('Read it')")
    page.wait_for_url("**/vault/import/preview/")
    page.locator("main [name^=provider-][value=openai]").first.wait_for()
    assert openai not in page.content()
    page.check("[name=is_age_unknown]")
    page.click("button:has-text('Store them')")
    page.wait_for_url("**/vault/?client=acme")
    page.locator("main").get_by_role("link", name=".env", exact=True).first.wait_for()


def story_day(days: int) -> str:
    """Return a day this far from today, as a date field takes it."""
    from datetime import date, timedelta

    return (date.today() + timedelta(days=days)).isoformat()


def test_5_the_sandbox_starts_from_the_first_page(story: Story):
    page = story.go("/")
    page.get_by_role("button", name="Try it with the sandbox").click()
    story.says("The sandbox runs")
    assert_accessible(page)


def choose_sandbox_hubspot(page: Page, story: Story, *, place: str, way: str) -> None:
    """Walk the wizard to its last step."""
    story.go("/connections/new/")
    page.select_option("[name=place]", label=place)
    page.get_by_role("button", name="Next").click()
    page.get_by_text("HubSpot (sandbox)").first.click()
    page.get_by_text(way).first.click()
    page.get_by_role("button", name="Next").click()
    story.says("Rights asked for")
    page.check("[name=scopes][value='crm.objects.deals.read']")


def test_5b_hubspot_is_connected_directly(story: Story):
    page = story.page
    choose_sandbox_hubspot(page, story, place="Acme · production", way="Connect now in this browser")
    assert_accessible(page)
    page.locator("main form button.primary").last.click()
    page.get_by_role("link", name="Go to HubSpot (sandbox)").click()
    page.locator("button[value=allow]").click()
    page.wait_for_url("**/oauth/connected/**")
    story.says("HubSpot (sandbox) is connected")
    story.says("24680135")
    story.says("Read deals")
    page.get_by_role("link", name="Go to the connection").click()
    page.wait_for_url(re.compile(r"/connections/[a-z0-9-]+/$"))
    story.notes["hubspot"] = page.url
    assert_accessible(page)


def test_5c_a_client_connects_on_a_phone_by_a_link(story: Story):
    page = story.page
    choose_sandbox_hubspot(page, story, place="Acme · staging", way="Send the client a connect link")
    page.get_by_role("button", name="Create connect link").click()
    link = page.locator("input[readonly]").first.input_value()
    assert "/connect/" in link
    page.context.request.head(link)  # a preview must not use it up
    phone = story.new_page(PHONE)
    phone.goto(link)
    assert "contacts" in phone.inner_text("main").lower()
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert_accessible(phone)
    phone.locator("form[method=post] button").first.click()
    phone.locator("main a.primary").first.click()
    phone.locator("input[type=radio]").nth(1).check()
    phone.locator("button[value=allow]").click()
    phone.wait_for_url("**/connect/thanks/**")
    assert_accessible(phone)
    phone.context.close()
    story.go("/connections/")
    page.locator("tbody tr").nth(1).wait_for()
    rows = page.locator("tbody tr").filter(has_text="HubSpot (sandbox)").filter(has_text="Connected")
    assert rows.count() == 2


def test_6_a_token_is_made_and_a_test_call_sent_without_a_terminal(story: Story):
    page = story.page
    page.goto(story.notes["hubspot"])
    page.get_by_role("link", name="Make a token and copy").first.click()
    if "reauthenticate" in page.url:
        page.fill("[name=password]", PASSWORD)
        page.click("main button[type=submit]")
    page.fill("[name=name]", "n8n lead intake")
    page.get_by_role("button", name="Make the token").click()
    story.says("It is shown this once")
    token = re.search(r"klg_[0-9A-Za-z]+", page.content())
    assert token
    story.notes["token"] = token[0]
    for tool in ("Make", "Zapier", "n8n"):
        page.locator("summary").filter(has_text=tool).first.click()
    page.evaluate("scrollTo(0, 0)")  # what lies half under the bar at the top is no smaller for that
    assert_accessible(page)
    page.goto(story.notes["hubspot"])
    assert story.notes["token"] not in page.content()
    page.get_by_role("button", name="Send test call").click()
    page.get_by_text("portalId").first.wait_for()


def call(story: Story, path: str = "/crm/v3/objects/contacts", *, method: str = "GET") -> int:
    """Call HubSpot through the gateway as an automation does, and return the status."""
    url = f"{story.live.url}/gateway/{story.notes['hubspot'].rstrip('/').rpartition('/')[2]}{path}"
    headers = {"Authorization": f"Bearer {story.notes['token']}"}
    return story.page.context.request.fetch(url, method=method, headers=headers, timeout=60_000).status


def trouble(story: Story, words: str) -> None:
    """Press one of the buttons that make trouble."""
    page = story.go("/sandbox/")
    page.get_by_role("button", name=words, exact=True).click()
    page.wait_for_load_state()


def test_7_a_busy_provider_is_waited_for_and_a_broken_one_becomes_an_error(story: Story):
    assert call(story) == 200
    trouble(story, "Too busy for one call (429)")
    assert call(story) == 200
    trouble(story, "Too busy (429)")
    assert call(story) == 429
    trouble(story, "Down (500)")
    assert call(story) == 500
    trouble(story, "All well")
    assert call(story) == 200


def test_7a_each_failure_has_its_cause_its_remedy_and_its_trace(story: Story):
    page = story.go("/errors/")
    assert page.locator(".issues li").count() >= 2
    for status in ("429", "500"):
        story.go("/errors/")
        page.locator(".issues a").filter(has_text=status).first.click()
        story.says("What happened.")
        story.says("What to do.")
        story.says("Who must act.")
    story.go("/calls/?outcome=limited")
    page.locator("tbody a.rowlink").first.click()
    page.wait_for_url(re.compile(r"/calls/[0-9a-f-]{36}/"))
    story.says("Attempt 2")
    text = page.inner_text("main")
    assert "****" in text
    assert story.notes["token"] not in page.content()
    assert_accessible(page)


def test_7aa_the_limits_page_moves(story: Story):
    page = story.go("/limits/")
    page.locator(".limit-grid .track").first.wait_for()
    assert "of 110 used" in page.inner_text("main") or "left" in page.inner_text(".limit-grid")
    assert_accessible(page)


def test_7b_a_withdrawn_grant_needs_reconnecting_and_says_so_by_mail(story: Story):
    trouble(story, "Withdraw the grant")
    assert call(story) in (401, 409)
    assert call(story) == 409
    page = story.page
    page.goto(story.notes["hubspot"])
    story.says("Needs reconnecting")
    story.go("/")
    story.says("HubSpot (sandbox) needs reconnecting")
    story.go("/messages/")
    page.get_by_role("link", name=re.compile("needs reconnecting")).first.click()
    story.says('press "Reconnect"')
    assert "/connections/" in page.inner_text("main")


def test_7c_reconnecting_mends_it(story: Story):
    page = story.page
    trouble(story, "All well")
    page.goto(story.notes["hubspot"])
    page.get_by_role("button", name="Reconnect").first.click()
    page.get_by_role("link", name="Go to HubSpot (sandbox)").click()
    page.locator("button[value=allow]").click()
    page.wait_for_url("**/oauth/connected/**")
    assert call(story) == 200
    story.go("/messages/")
    story.says("works again")


def test_8_rotations_show_the_old_key_and_the_unknown_age(story: Story):
    page = story.go("/rotations/")
    text = page.inner_text("main")
    assert "97 days" in text
    assert "age unknown" in text
    assert_accessible(page)


SET_ZONE = "from secrets_vault.models import User; User.objects.update(time_zone=input())"


def test_8b_mondays_digest_is_under_messages(story: Story):
    # It is written from Monday 07:00 on where its reader is, and this test runs on Monday nights as well.
    zones = {name: datetime.now(ZoneInfo(name)) for name in ("UTC", "Pacific/Kiritimati")}
    awake = next(name for name, local in zones.items() if local.weekday() or local.hour >= 7)
    assert story.live.command("shell", "-v0", "--no-imports", "-c", SET_ZONE, stdin=awake).returncode == 0
    page = story.go("/settings/background/")
    page.click("button:has-text('Run all now')")
    for _ in range(60):
        story.go("/messages/")
        if page.get_by_text("Keys to rotate").count():
            break
        page.wait_for_timeout(500)
    page.get_by_text("Keys to rotate").first.click()
    story.says("97 days")
    assert story.live.command("shell", "-v0", "--no-imports", "-c", SET_ZONE, stdin="UTC").returncode == 0


def test_8c_one_key_is_snoozed_and_the_other_replaced_and_restored(story: Story):
    page = story.go("/rotations/")
    page.get_by_role("checkbox", name="Choose .env").check()
    page.get_by_label("Reason").fill("waiting for the client")
    page.get_by_role("button", name="Snooze").click()
    story.says("waiting for the client")
    page.goto(story.notes["stripe"])
    page.click("text=Store a new version")
    newer = "sk_" + "live_" + secrets.token_hex(12)
    page.fill("input[name=value_api_key]", newer)
    page.fill("[name=made_on]", story_day(0))
    page.click("button:has-text('Store the new version')")
    story.says("The old one stays restorable")
    page.get_by_role("button", name="Restore version 1").click()
    story.says("restored from version 1")


def test_9_after_a_stop_and_a_start_nothing_is_lost(story: Story):
    home, port = story.live.home, story.live.port
    assert story.live.stop(2) == 0
    story.live = LiveKeylodge(home, KEYLODGE_PORT=str(port)).wait_until_started()
    page = story.go("/vault/")
    story.says("Stripe")
    assert page.locator("tbody tr").count() >= 2


def test_9b_a_backup_opens_in_an_empty_folder(story: Story, tmp_path: Path):
    page = story.go("/settings/backup/")
    if "reauthenticate" in page.url:
        page.fill("[name=password]", PASSWORD)
        page.click("main button[type=submit]")
        page.wait_for_url("**/settings/backup/")
    passphrase = "a passphrase of the story"
    page.fill("[name=passphrase]", passphrase)
    page.fill("[name=again]", passphrase)
    with page.expect_download(timeout=120_000) as download:  # scrypt takes its time, on purpose
        page.click("button:has-text('Download the backup')", timeout=120_000)
    file = tmp_path / "backup.age"
    download.value.save_as(file)
    assert LIVE_KEY.encode() not in file.read_bytes()
    restored = tmp_path / "restored"
    restored.mkdir(mode=0o700)
    (restored / "wrapping_key").write_bytes((story.live.home / "wrapping_key").read_bytes())
    (restored / "wrapping_key").chmod(0o600)
    other = LiveKeylodge.__new__(LiveKeylodge)
    other.environment = story.live.environment | {
        "KEYLODGE_HOME": str(restored),
        "KEYLODGE_BACKUP_PASSPHRASE": passphrase,
    }
    done = other.command("restore", str(file))
    assert done.returncode == 0, done.stderr
    assert '"ok": true' in other.command("audit_verify").stdout
    assert other.command("doctor").returncode == 0


def test_every_page_of_the_story_fits_a_phone(story: Story):
    cookies = story.page.context.cookies()
    phone = story.new_page(PHONE)
    phone.context.add_cookies(cookies)
    for path in ("/", "/clients/", "/vault/", "/rotations/", "/messages/", "/audit/", "/settings/"):
        phone.goto(story.live.url + path)
        assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
