"""A real browser for tests marked `browser`. A CSP violation or an error on the console fails the test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

ARGUMENTS = [
    "--no-sandbox",  # as root Chromium refuses to start with it; the pages are our own
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
]
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation",
    event => console.error(`CSP violation: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


# Chromium's clock, not the page: a busy machine draws the text, and so uses the font, seconds after the page came.
SLOW_MACHINE = "was preloaded using link preload but not used within a few seconds"


class Watch:
    """Collects what the browser complains about. A test that means to cause an error allows its text."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.allowed: list[str] = []

    def allow(self, *texts: str) -> None:
        """Let a complaint pass that contains one of these texts."""
        self.allowed += texts

    def follow(self, context: BrowserContext) -> None:
        """Hear every page of this context."""
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.complaints.append(f"uncaught: {error.error}"))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def unexpected(self) -> list[str]:
        """Return the complaints that no test allowed."""
        allowed = [*self.allowed, SLOW_MACHINE]
        return [text for text in self.complaints if not any(part in text for part in allowed)]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return one Chromium for the whole run."""
    from playwright.sync_api import sync_playwright

    installed = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=installed, headless=True, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Return the collector of complaints; the test fails when any is left at its end."""
    collected = Watch()
    yield collected
    assert collected.unexpected() == [], "The browser complained. See above: mend the page, not the test."


@pytest.fixture
def new_page(browser: Browser, watch: Watch) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a page in a profile of its own: `new_page(viewport=PHONE, color_scheme="dark")`."""
    contexts = []

    def new(**options: Any) -> Page:
        context = browser.new_context(**{"viewport": DESKTOP, "reduced_motion": "reduce", **options})
        context.set_default_timeout(10_000)
        watch.follow(context)
        contexts.append(context)
        return context.new_page()

    yield new
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """Return a page as wide as a desk."""
    return new_page()


@pytest.fixture
def phone(new_page: Callable[..., Page]) -> Page:
    """Return a page as narrow as a phone."""
    return new_page(viewport=PHONE, has_touch=True)


def assert_accessible(page: Page) -> None:
    """Fail with axe's findings, WCAG 2.2 AA with target sizes, when the page has any."""
    from axe_playwright_python.sync_playwright import Axe

    results = Axe().run(page, options={"runOnly": AXE_TAGS, "resultTypes": ["violations"]})
    assert results.violations_count == 0, results.generate_report()
