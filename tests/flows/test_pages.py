"""Every page, as a person sees it: light and dark, on a desk and on a phone, without JavaScript, by keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

import pytest
from django.test import RequestFactory
from django.urls import reverse

from config import errors
from tests.browser import AXE_TAGS, DESKTOP, PHONE, Watch
from tests.flows import sitemap
from tests.live import LiveKeylodge

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = [pytest.mark.browser, pytest.mark.processes]

NARROWEST = {"width": 320, "height": 640}
MAX_FIRST_VISIT_BYTES = 160_000  # with headers; 153 KB measured
# Addresses that are no page of their own: what they do stands after the name.
NOT_PAGES = {
    "readyz": "answers machines",
    "integrations:start": "leads on to the provider",
    "integrations:callback": "the provider leads here",
    "integrations:connected": "after a consent only",
    "integrations:other_account": "after a consent only",
    "integrations:connect": "for clients; below with a link of its own",
    "integrations:thanks": "for clients; below",
    "integrations:request": "for clients; below with a link of its own",
    "integrations:logo": "a picture",
    "integrations:calendar": "a feed for calendars",
    "integrations:handover": "for whom a secret is handed to; below with a link of its own",
    "integrations:handover_hidden": "for whom a secret is handed to; below",
    "dashboard:offboarding_certificate": "a file, once a client is gone",
    "dashboard:offboarding_pdf": "a file, once a client is gone",
    "dashboard:connection_n8n": "a file",
    "dashboard:api_token_n8n": "a file",
    "api:nothing": "answers programs",
    "setup": "before there is an owner; below, and in test_first_run",
}
WEBHOOKS = "/webhooks/pages-stripe/"
CALLS = "/calls/?source=gateway&method=GET"  # the newest were reported by a tool, and those cannot be made again
MAKE_WEBHOOKS = """
from django.utils import timezone
from integrations.models import WebhookAttempt
from secrets_vault.models import Client
from tests.factories import *
now = timezone.now()
e = make_webhook_endpoint(Client.objects.filter(is_demo=True).first(), "pages-stripe", name="Payments")
t = make_webhook_target(e, "https://n8n.example/webhook/0f1e2d3c", name="n8n", breaker_state="open", failures_in_row=7)
body = b'{"id": "evt_1", "type": "invoice.paid", "lines": [1, {"note": "<b>paid</b>"}]}'
about = {"remote_ip": "192.0.2.10", "headers": (("content-type", b"application/json"),)}
refused = make_webhook_event(e, body, verdict="quarantined", reason="mismatch", why="Another.", **about)
event = make_webhook_event(e, body, secret_number=0, event_type="invoice.paid", event_key="evt_1", **about)
d = make_webhook_delivery(event, t, state="dead", attempts=1, last_status=503, next_at=None)
WebhookAttempt.objects.create(delivery=d, number=1, at=now, status=503, ms=84, response_head="HTTP 503")
e.secret.versions.update(first_used_at=now)
print("event", event.pk)
"""
THANKS = "/connect/thanks/en/"
HIDDEN = "/handover/hidden/en/"
MAKE_LINK = """
from django.utils import timezone
from integrations.handover import Terms, share_text
from integrations.links import Ask, make_link, make_request
from integrations.models import Connection, CustomProvider, LinkTemplate, OAuthApp
from integrations.providers.custom import custom_from
from secrets_vault.actor import COMMAND, Actor
from secrets_vault.models import User
from secrets_vault.secret import Secret
LinkTemplate.objects.create(name="Shop", asks=[{"provider_key": "stripe", "kind": "api_key", "lands_as": "current"}])
about = {"key": "custom-pages", "name": "Pages"}
facts = custom_from({"base_url": "https://api.vendor.example"}, today=timezone.localdate(), **about)
CustomProvider.objects.create(facts=facts, **about)
c = Connection.objects.filter(kind="oauth2", provider_key="hubspot").first()
c.oauth_app = OAuthApp.objects.filter(provider_key="hubspot").first() or OAuthApp.objects.create(
    provider_key="hubspot", name="A test's", client_id="11111111-2222-4333-8444-555555555555")
c.account_unconfirmed, c.expected_account_id = True, "24680135"
c.save()
now, ada = timezone.now(), Actor.of(User.objects.get())
app = OAuthApp.objects.create(provider_key="shopify", name="A shop's", client_id="id")
about = {"client": c.client, "environment": c.environment}
shop = Connection.objects.create(
    slug="pages-shop", provider_key="shopify", kind="oauth2", oauth_app=app, variables={"shop": "acme-store"}, **about)
key = Connection.objects.create(slug="pages-key", provider_key="openai", kind="api_key", **about)
why = {"why": "For the shop", "sent_to": "a@b.example"}
request = make_request(c.client, [Ask(key), Ask(shop)], actor=ada, now=now, **why)[1]
terms = Terms(label="A password", passphrase="correct horse battery", confirm="email", confirm_email="jo@b.example")
handed = share_text(Secret("made-up"), terms, client=c.client, actor=ada, now=now)[1]
print("others", request, request + "?item=2", make_link(shop, actor=ada, now=now)[1], handed)
print("link", make_link(c, actor=COMMAND, now=now)[1], c.slug)
"""


class NoRedirect(HTTPRedirectHandler):
    """A redirect is an answer."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


class Visit:
    """An installation with the demo, and one signed-in browser."""

    def __init__(self, live: LiveKeylodge, context: BrowserContext) -> None:
        self.live, self.context = live, context
        self.page = context.new_page()
        self.client_link = self.linked = ""
        self.other_links: list[str] = []

    def sign_in(self) -> None:
        """Make the owner, the demo and a client's link, and sign in: nothing asks for the password again."""
        email, password = self.live.make_owner(name="Ada Lindqvist")
        made = self.live.command("demo")
        assert made.returncode == 0, made.stderr
        made = self.live.command("shell", "-c", MAKE_LINK)
        link = re.search(r"^link (\S+) (\S+)", made.stdout, re.MULTILINE)
        assert link, made.stderr
        self.other_links = made.stdout.partition("others ")[2].split("\n")[0].split()
        made = self.live.command("shell", "-c", MAKE_WEBHOOKS)
        assert "event " in made.stdout, made.stderr
        self.client_link, self.linked = link[1], f"/connections/{link[2]}/"
        self.page.goto(self.live.url + "/accounts/login/")
        self.page.fill("[name=login]", email)
        self.page.fill("[name=password]", password)
        self.page.click("main button[type=submit]")
        self.page.wait_for_url(self.live.url + "/")

    def fetch(self, path: str) -> tuple[int, str]:
        """GET a path with the browser's cookies; what is not HTML has no body."""
        cookies = "; ".join(f"{c['name']}={c['value']}" for c in self.context.cookies())  # type: ignore[typeddict-item]
        request = Request(self.live.url + path, headers={"Cookie": cookies})
        try:
            with build_opener(NoRedirect).open(request, timeout=20) as answer:
                is_page = answer.headers.get_content_type() == "text/html"
                return (answer.status, answer.read().decode()) if is_page else (0, "")
        except HTTPError as refused:
            return refused.code, ""


@pytest.fixture(scope="module")
def watching() -> Watch:
    return Watch()


@pytest.fixture(scope="module")
def visit(browser: Browser, shared_keylodge: LiveKeylodge, watching: Watch) -> Iterator[Visit]:
    context = browser.new_context(viewport=DESKTOP, reduced_motion="reduce")
    context.set_default_timeout(15_000)
    watching.follow(context)
    visit = Visit(shared_keylodge, context)
    visit.sign_in()
    yield visit
    context.close()


@pytest.fixture
def stranger(browser: Browser, watching: Watch) -> Iterator[Page]:
    """Return a page of somebody who is not signed in."""
    context = browser.new_context(viewport=DESKTOP, reduced_motion="reduce")
    watching.follow(context)
    yield context.new_page()
    context.close()


@pytest.fixture(autouse=True)
def nothing_complains(watching: Watch) -> Iterator[None]:
    """Fail when the browser complained of CSP, scripts or missing files."""
    watching.complaints.clear()
    watching.allowed = ["status of 404", "status of 400", "status of 403"]
    yield
    assert watching.unexpected() == []


AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
RUN_AXE = """
options => axe.run(document, options).then(found => found.violations.map(v => v.id + ": " + v.help + " " +
    v.nodes.slice(0, 2).map(n => n.target.join(" ")).join(" | ")))
"""
EVERYTHING = {"runOnly": AXE_TAGS, "resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
WHAT_A_THEME_CHANGES = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
# A theme changes colours alone, and they are the same at every width.
LOOKS = (
    (DESKTOP, "light", EVERYTHING),
    (DESKTOP, "dark", WHAT_A_THEME_CHANGES),
    (PHONE, "light", EVERYTHING),
)


def faults(page: Page) -> list[str]:
    """Return what is wrong with the page that is open, in both themes and at three widths."""
    found: list[str] = []
    page.evaluate(AXE)
    for size, scheme, rules in LOOKS:
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found += [f"{scheme} {size['width']}: {fault}" for fault in page.evaluate(RUN_AXE, rules)]
    for size in (PHONE, NARROWEST):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        width = page.evaluate("document.documentElement.scrollWidth")
        found += [f"{size['width']}: scrolls sideways, {width} wide"] if width > size["width"] else []
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    page.emulate_media(color_scheme="light")
    return found


def all_faults(page: Page, urls: list[str]) -> dict[str, list[str]]:
    """Return the faults of each page that has any."""
    found = {}
    for url in urls:
        page.goto(url)
        if wrong := faults(page):
            found[url] = wrong
    return found


@pytest.fixture(scope="module")
def every_page(visit: Visit) -> dict[str, str]:
    """Return a path for every page a signed-in person can reach, by name."""
    return sitemap.pages(visit.fetch, first=[visit.linked, WEBHOOKS, CALLS, *sitemap.fixed_paths()])


def test_every_page_of_one_thing_is_reached_by_a_link(visit: Visit, every_page: dict[str, str]):
    unreached = []
    for name, pattern in sitemap.names():
        if not pattern.pattern.converters or name in every_page or name in NOT_PAGES or ":" not in name:
            continue
        sample = {"UUID": "01890000-0000-7000-8000-000000000000", "Int": 1}
        arguments = {key: sample.get(type(c).__name__[:-9], "acme") for key, c in pattern.pattern.converters.items()}
        if visit.fetch(reverse(name, kwargs=arguments))[0] != 405:  # 405: only posts, so not a page
            unreached.append(name)
    assert unreached == [], "No link of the demo leads to these pages. Link them, or say in NOT_PAGES why not."


def test_every_page_is_accessible_in_both_themes_and_fits_a_phone(visit: Visit, every_page: dict[str, str]):
    assert len(every_page) > 30
    assert all_faults(visit.page, [visit.live.url + path for path in every_page.values()]) == {}


def test_pages_for_strangers_are_accessible_and_fit_a_phone(visit: Visit, stranger: Page):
    paths = [
        "/accounts/login/",
        "/accounts/password/reset/",
        "/setup/used-up",
        "/connect/used-up",
        THANKS,
        HIDDEN,
        "/oauth/callback",
    ]
    assert len(visit.other_links) == 4
    urls = [visit.client_link, *visit.other_links, *(visit.live.url + path for path in paths)]
    assert all_faults(stranger, urls) == {}


@pytest.mark.parametrize("handler", [errors.bad_request, errors.forbidden, errors.not_found, errors.server_error])
def test_an_error_page_is_accessible_and_fits_a_phone(visit: Visit, handler: Any):
    answer = handler(RequestFactory().get("/broken/"))
    visit.page.route(
        "**/broken/", lambda route: route.fulfill(body=answer.content, content_type="text/html; charset=utf-8")
    )
    try:
        assert all_faults(visit.page, [visit.live.url + "/broken/"]) == {}
    finally:
        visit.page.unroute("**/broken/")


@pytest.mark.parametrize("path", ["/", "/accounts/login/"])
def test_a_first_visit_is_light(visit: Visit, browser: Browser, path: str):
    cookies = visit.context.cookies() if path == "/" else []
    context = browser.new_context(viewport=DESKTOP)
    context.add_cookies(cookies)  # type: ignore[arg-type]
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    arrived: list[int] = []
    session.on("Network.loadingFinished", lambda event: arrived.append(int(event["encodedDataLength"])))
    page.goto(visit.live.url + path, wait_until="networkidle")
    context.close()
    assert len(arrived) > 3
    assert sum(arrived) <= MAX_FIRST_VISIT_BYTES


def test_without_javascript_a_key_is_found_shown_and_snoozed(visit: Visit, browser: Browser, watching: Watch):
    context = browser.new_context(viewport=DESKTOP, java_script_enabled=False)
    context.add_cookies(visit.context.cookies())  # type: ignore[arg-type]
    watching.follow(context)
    page = context.new_page()
    page.goto(visit.live.url + "/clients/")
    page.locator("main a.rowlink").first.click()
    page.get_by_role("link", name="Secrets", exact=True).click()
    page.get_by_role("link", name="DEMO Stripe key").first.click()
    page.get_by_role("button", name="Reveal").first.click()
    assert "shown for" in page.inner_text("main")
    page.goto(visit.live.url + "/rotations/")
    page.get_by_role("checkbox", name="Choose DEMO Stripe key").first.check()
    page.get_by_label("Reason").fill("read without scripts")
    page.get_by_role("button", name="Snooze").click()
    assert "read without scripts" in page.inner_text("main")
    context.close()


def test_keys_open_the_palette_move_between_rows_and_go_places(visit: Visit):
    page = visit.page
    page.goto(visit.live.url + "/")
    page.keyboard.press("Control+k")
    page.locator("dialog[open] [role=option]").first.wait_for()
    page.keyboard.type("vault")
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.evaluate("[...document.querySelectorAll('[data-row]')].indexOf(document.activeElement)") == 0
    page.keyboard.press("?")
    page.locator("dialog#shortcuts[open]").wait_for()
    page.keyboard.press("Escape")
    for letter, path in (("c", "/clients/"), ("v", "/vault/"), ("r", "/rotations/")):
        page.keyboard.press("g")
        page.keyboard.press(letter)
        page.wait_for_url(visit.live.url + path)


def test_escape_clears_a_search_field_before_anything_else(visit: Visit):
    page = visit.page
    page.goto(visit.live.url + "/vault/")
    page.keyboard.press("/")
    field = page.locator("main input[type=search]")
    field.type("stripe")
    page.keyboard.press("Escape")
    assert field.input_value() == ""


def test_without_javascript_an_error_is_read(visit: Visit, browser: Browser, every_page: dict[str, str]):
    assert "dashboard:error" in every_page, "the demo has failed calls"
    context = browser.new_context(viewport=DESKTOP, java_script_enabled=False)
    context.add_cookies(visit.context.cookies())  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(visit.live.url + "/errors/")
    page.locator("main a[href^='/errors/']").first.click()
    assert "What to do" in page.inner_text("main")
    context.close()
