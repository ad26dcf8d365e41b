"""The sandbox panel: only an owner finds it; its buttons do what they say."""

import pytest

from integrations.models import WebhookEndpoint
from integrations.sandbox_control import TROUBLES, running, status, stop
from secrets_vault import vault
from secrets_vault.actor import COMMAND
from secrets_vault.secret import Secret

pytestmark = [pytest.mark.django_db, pytest.mark.processes]


@pytest.fixture(autouse=True)
def home(settings, tmp_path):
    settings.KEYLODGE_HOME = tmp_path
    yield
    stop(COMMAND)
    running._reap()


@pytest.mark.parametrize(("who", "code"), [("olive", 200), ("ada", 404), ("ben", 404), ("cora", 404)])
def test_only_an_owner_finds_the_panel(request, browser_of, who, code):
    browser = browser_of(request.getfixturevalue(who))
    assert browser.get("/sandbox/").status_code == code
    if code == 404:
        assert browser.post("/sandbox/", {"do": "start"}).status_code == 404
        assert not status().is_running


def test_start_trouble_and_stop_by_button(browser_of, olive):
    browser = browser_of(olive)
    assert b"Start the sandbox" in browser.get("/sandbox/").content
    page = browser.post("/sandbox/", {"do": "start"}, follow=True).content.decode()
    found = status()
    assert found.is_running
    assert found.url in page
    assert found.keys["stripe_api_key"] in page
    assert found.keys["client_secret"] not in page
    for trouble in TROUBLES.values():
        assert str(trouble.words) in page
    page = browser.post("/sandbox/", {"do": "down"}, follow=True).content.decode()
    assert str(TROUBLES["down"].next) in page
    assert status().troubles["hubspot"]["status"] == 500
    browser.post("/sandbox/", {"do": "well"})
    assert status().troubles == {}
    browser.post("/sandbox/", {"do": "stop"})
    assert not status().is_running


@pytest.mark.parametrize(("do", "words"), [("nonsense", "Choose one of the buttons"), ("busy", "not running")])
def test_a_button_that_cannot_work_says_so(browser_of, olive, do, words):
    page = browser_of(olive).post("/sandbox/", {"do": do}, follow=True).content.decode()
    assert words in page


def test_a_webhook_that_cannot_arrive_is_said_and_its_endpoint_is_kept(browser_of, olive, settings):
    settings.KEYLODGE_PORT = 1  # nothing of ours listens there
    browser = browser_of(olive)
    page = browser.post("/sandbox/", {"do": "hook_stripe"}, follow=True).content.decode()
    assert "not running" in page
    assert not WebhookEndpoint.objects.exists()
    browser.post("/sandbox/", {"do": "start"})
    page = browser.post("/sandbox/", {"do": "hook_stripe"}, follow=True).content.decode()
    assert "cannot reach Keylodge at http://127.0.0.1:1" in page
    endpoint = WebhookEndpoint.objects.get()
    browser.post("/sandbox/", {"do": "hook_twice"})
    assert endpoint.client.is_sandbox
    assert (str(endpoint), endpoint.targets.count()) == ("Stripe (sandbox)", 1)
    assert vault.holds(endpoint.secret, {"secret": Secret(status().keys["stripe_webhook_secret"])})
