"""A connection in a real browser: connect at the sandbox, make a token, call with it, see it in the page."""

from __future__ import annotations

import json
import re
from urllib.request import Request, urlopen

import pytest

from tests.browser import PHONE, assert_accessible

pytestmark = [pytest.mark.browser, pytest.mark.processes]

MAKE = """
from django.utils import timezone
from integrations import sandbox_control
from integrations.connections import connect_key, create_connection
from integrations.models import OAuthApp
from secrets_vault.actor import COMMAND
from secrets_vault.models import Client, Environment
from secrets_vault.secret import Secret
acme, now = Client.objects.create(slug="acme", name="Acme"), timezone.now()
env = Environment.objects.create(client=acme, slug="production", is_production=True)
app = OAuthApp.objects.get(provider_key="custom-sandbox-hubspot")
made = {"actor": COMMAND, "now": now}
create_connection(acme, env, provider_key=app.provider_key, kind="oauth2", oauth_app=app, slug="acme-hubspot", **made)
openai = create_connection(acme, env, provider_key="custom-sandbox-openai", kind="api_key", slug="acme-openai", **made)
connect_key(openai, {"api_key": Secret(sandbox_control.status().keys["openai_api_key"])}, **made)
"""


@pytest.fixture
def signed_in(live_keylodge, page):
    """Return the installation and a page in it, with the sandbox and two connections."""
    email, password = live_keylodge.make_owner()
    page.goto(f"{live_keylodge.url}/accounts/login/")
    page.fill("[name=login]", email)
    page.fill("[name=password]", password)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{live_keylodge.url}/")
    page.goto(f"{live_keylodge.url}/sandbox/")
    page.locator("button[value=start]").first.click()
    page.wait_for_load_state()
    made = live_keylodge.command("shell", "-c", MAKE)
    assert made.returncode == 0, made.stderr
    return live_keylodge, page


def test_connect_make_a_token_and_call(signed_in, watch):
    watch.allow("status of 422")
    live, page = signed_in
    page.goto(f"{live.url}/connections/acme-hubspot/")
    assert_accessible(page)
    page.get_by_role("button", name="Connect now").click()
    page.locator("a.btn.primary").click()
    page.get_by_role("button", name="Connect app").click()
    page.wait_for_url(re.compile("/oauth/connected/"))
    page.locator("a.btn.primary").click()
    page.get_by_role("link", name="Make a token and copy").first.click()
    assert_accessible(page)
    page.get_by_role("button", name="Make the token").click()
    token = page.locator("#gateway-token").input_value()
    assert_accessible(page)
    answer = urlopen(
        Request(
            f"{live.url}/gateway/acme-hubspot/account-info/v3/details", headers={"Authorization": f"Bearer {token}"}
        ),
        timeout=20,
    )
    assert json.load(answer)["portalId"] == 24680135
    page.get_by_role("link", name="Send test call").click()
    page.get_by_role("button", name="Send test call").click()
    page.locator("#tried .code", has_text="200").first.wait_for()
    assert "24680135" in page.locator("#tried").inner_text()
    page.fill("#tried [name=path]", "https://elsewhere.example/")
    page.get_by_role("button", name="Send test call").click()
    page.locator("#tried .errorlist", has_text="Give only the path").wait_for()
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme="dark")
    page.goto(f"{live.url}/connections/acme-hubspot/")
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_openais_own_library_needs_only_the_two_fields(signed_in):
    openai = pytest.importorskip("openai")
    live, page = signed_in
    page.goto(f"{live.url}/connections/acme-openai/")
    page.get_by_role("heading", name="Not tested yet").wait_for()
    page.get_by_role("button", name="Send test call").click()
    page.get_by_role("heading", name="It works").wait_for()
    page.get_by_role("link", name="Make a token and copy").first.click()
    page.get_by_role("button", name="Make the token").click()
    fields = page.locator(".recipe[open] input")
    client = openai.OpenAI(base_url=fields.nth(0).input_value(), api_key=fields.nth(1).input_value())
    assert "gpt-5-mini" in [model.id for model in client.models.list()]
