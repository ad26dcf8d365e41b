"""The sandbox behind a button, with a real child process."""

from __future__ import annotations

import socket

import pytest

from integrations import outbound, sandbox_control
from integrations.models import CustomProvider, OAuthApp
from integrations.outbound import allowed_private_hosts
from integrations.providers.registry import get_provider
from integrations.sandbox_control import SandboxFailed, keep_running, running, start, status, stop, trouble
from integrations.timetable import keep_sandbox
from secrets_vault import vault
from secrets_vault.actor import COMMAND
from secrets_vault.models import AuditEvent, InstallationSetting
from secrets_vault.secret import Secret

pytestmark = [pytest.mark.django_db, pytest.mark.processes]


@pytest.fixture
def home(settings, tmp_path):
    """A home of its own, and no sandbox left behind."""
    settings.KEYLODGE_HOME = tmp_path
    yield tmp_path
    stop(COMMAND)
    running._reap()


def answers(path="/stripe/v1/balance"):
    found = status()
    headers = {"Authorization": f"Bearer {found.keys['stripe_api_key']}"}
    return outbound.send("GET", found.url + path, headers=headers)


def test_starting_describes_three_providers_and_allows_exactly_its_host(home):
    found = start(COMMAND)
    host = found.url.removeprefix("http://")
    assert found.is_running
    assert allowed_private_hosts() == {host}
    names = set(CustomProvider.objects.filter(is_sandbox=True).values_list("name", flat=True))
    assert names == {"HubSpot (sandbox)", "OpenAI (sandbox)", "Stripe (sandbox)"}
    hubspot = get_provider("custom-sandbox-hubspot")
    assert hubspot.allowed_hosts == (host,)
    assert hubspot.oauth.granted_scopes_at == "scopes"
    assert hubspot.retries_500
    assert get_provider("custom-sandbox-openai").base_url.endswith("/openai/v1")
    app = OAuthApp.objects.get()
    assert vault.holds(app.secret, {"client_secret": Secret(found.keys["client_secret"])})
    assert answers().status == 200
    assert start(COMMAND) == found


def test_it_comes_back_at_its_address_with_its_identity_after_our_restart(home):
    before = start(COMMAND)
    child = running._children[0]
    child.stdin.close()
    child.wait(10)
    assert not status().is_running
    assert keep_sandbox(None) == 1
    assert status().keys == before.keys
    assert status().url == before.url
    assert not keep_running()


def test_stopping_ends_it_and_allows_nothing(home):
    start(COMMAND)
    child = running._children[0]
    stop(COMMAND)
    assert child.poll() is not None
    assert allowed_private_hosts() == frozenset()
    assert not status().is_running
    assert not keep_running()
    assert start(COMMAND).is_running


@pytest.mark.parametrize(("kind", "code"), [("busy", 429), ("down", 500), ("well", 200), ("withdrawn", 200)])
def test_trouble_in_plain_words_is_made(home, kind, code):
    start(COMMAND)
    said = trouble(kind, actor=COMMAND)
    assert said.words
    assert said.next
    assert answers().status == code
    trouble("well", actor=COMMAND)
    assert answers().status == 200


def test_every_trouble_is_understood_by_the_sandbox(home):
    start(COMMAND)
    for kind in sandbox_control.TROUBLES:
        trouble(kind, actor=COMMAND)
    assert AuditEvent.objects.filter(action="sandbox.trouble").count() == len(sandbox_control.TROUBLES)


def test_a_taken_port_is_said(home):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        value = {"port": port, "url": url, "control_url": url + "/control/x", "is_wanted": False}
        InstallationSetting.objects.create(key="sandbox", value=value)
        with pytest.raises(SandboxFailed, match=f"port {port} is used"):
            start(COMMAND)


def test_without_a_sandbox_nothing_can_be_troubled(home):
    with pytest.raises(SandboxFailed, match="not running"):
        trouble("busy", actor=COMMAND)
    assert not status().is_running
    stop(COMMAND)


def test_the_control_url_and_tokens_are_not_in_the_state_file(home):
    found = start(COMMAND)
    text = (home / "sandbox.json").read_text()
    assert not [value for value in found.keys.values() if value in text]
