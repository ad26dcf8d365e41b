"""The sandbox as a process, Ada, and her connection to it."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from django.test import Client as Browser

from tests.factories import make_user
from tests.integrations.oauth.world import make_connection
from tests.integrations.sandbox.conftest import sandbox, shared_sandbox

__all__ = ["sandbox", "shared_sandbox"]


@pytest.fixture
def ada(db):
    return make_user("Ada", is_owner=True)


@pytest.fixture
def reachable(sandbox, settings):
    """Let outbound calls reach the sandbox on loopback."""
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [urlsplit(sandbox.line["url"]).netloc]
    return sandbox


@pytest.fixture
def connection(reachable, ada):
    return make_connection(reachable.line, user=ada)


@pytest.fixture
def browser_of(settings):
    """Return a function that gives a browser, signed in when a user is named."""
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"

    def opened(user=None, **options):
        browser = Browser(SERVER_NAME="localhost", SERVER_PORT="8000", **options)
        if user is not None:
            browser.force_login(user)
        return browser

    return opened


@pytest.fixture
def browser(browser_of, ada):
    """Ada's browser."""
    return browser_of(ada)
