"""What somebody inside may try at every address: foreign ids beside an address of their own, or only a token."""

from __future__ import annotations

from base64 import b64encode

import pytest
from django.conf import settings as configured
from django.test import Client as Browser

from integrations import tokens
from integrations.models import WebhookEvent
from integrations.providers.registry import get_provider
from secrets_vault.actor import SYSTEM
from tests.fake_upstream import FakeUpstream
from tests.house.route_table import PUBLIC, ROWS, routes
from tests.house.test_access_matrix import mine_of
from tests.house.test_routes import NO_REAL_PASSKEY
from tests.house.world import changed, everything_stored, make_world

pytestmark = pytest.mark.django_db
ALL = routes()
# Every name under which some form, helper or API takes an address to send something to.
ADDRESSES = (
    *("url", "base_url", "api_base", "host", "endpoint", "target", "callback", "redirect_uri", "server", "next"),
    *("token_url", "authorize_url", "revoke_url", "introspect_url", "webhook", "proxy", "allowed_hosts", "to"),
    *("address", "public_url", "domain", "subdomain", "instance", "variables", "probe_path", "docs_url", "issuer"),
    *("discovery_url", "jwks_uri", "image", "logo", "icon", "import_url", "where_used", "redirect", "return_to"),
)
# And under which one names a credential, a connection or what holds one.
IDS = {
    "connection": ("connection", "connection_id", "connections", "slug", "ids", "id"),
    "secret": ("secret", "secret_id", "credential", "credential_id", "version", "stored"),
    "app": ("app", "app_id", "oauth_app", "client_id"),
    "provider": ("provider", "provider_key", "key"),
    "environment": ("environment", "place", "environment_id"),
    "client": ("client", "for_client", "client_slug"),
    "token": ("token", "token_id", "gateway_token"),
}
PATHS = ("path", "target_path")


def fuzz(world, thief: FakeUpstream) -> list[dict[str, str]]:
    """Return forms that name every foreign thing, and an address of the attacker's in every field."""
    foreign = {
        name: str(getattr(world.beta.of[kind], "pk", world.beta.of[kind]))
        for kind, names in IDS.items()
        for name in names
    }
    slugs = {"slug": "beta-api", "connection": "beta-api", "client": "beta", "provider": "custom-beta"}
    by_id = foreign | dict.fromkeys(ADDRESSES, thief.url) | dict.fromkeys(PATHS, thief.url)
    by_name = foreign | slugs | dict.fromkeys(ADDRESSES, f"//{thief.host}/x") | {"path": "/x", "method": "GET"}
    return [by_id, by_name]


@pytest.mark.matrix
def test_no_address_sends_another_clients_credential_anywhere(settings):
    world, strays = make_world(), []
    with FakeUpstream() as thief:
        settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [thief.host, "127.0.0.1:9"]
        browser = world.browser_of("manager")
        for form in fuzz(world, thief):
            for route in ALL:
                row = ROWS[route.name]
                if route.name == "account_logout" or route.name.startswith(NO_REAL_PASSKEY):
                    continue
                own, theirs = mine_of(world, route), ""
                if row.of and row.of in world.beta.of:
                    theirs = route.address(world.beta.values(row.of))
                for address in filter(None, (own, theirs)):
                    for method in row.methods:
                        answer = getattr(browser, method)(address, form)
                        away = answer.headers.get("Location", "").split("?")[0]
                        strays += [(method, route.name, answer.status_code)] if answer.status_code >= 500 else []
                        strays += [(method, route.name, away)] if f"//{thief.host}" in away else []
        assert strays == []
        assert [request for request in thief.requests if not is_own_event(request, world)] == []
        assert thief.connections == len(thief.requests)


def is_own_event(request: bytes, world) -> bool:
    """Tell whether a request is an event of the manager's own client, sent to a target that the manager moved there."""
    ids = WebhookEvent.objects.filter(client=world.acme.client).values_list("pk", flat=True)
    named = [
        line[len(b"webhook-id: ") :] for line in request.lower().split(b"\r\n") if line.startswith(b"webhook-id: ")
    ]
    return len(named) == 1 and named[0].decode() in {str(pk) for pk in ids}


def carried(text: str) -> dict[str, dict[str, str]]:
    """Return the ways to present a gateway token."""
    basic = b64encode(f"x:{text}".encode()).decode()
    return {
        "bearer": {"authorization": f"Bearer {text}"},
        "basic": {"authorization": f"Basic {basic}"},
        "token": {"authorization": f"Token {text}"},
        "own header": {"x-keylodge-token": text, "x-api-key": text},
        "session": {"cookie": f"{configured.SESSION_COOKIE_NAME}={text}"},
    }


@pytest.mark.matrix
def test_a_gateway_token_opens_no_page_and_manages_nothing():
    world, strays = make_world(), []
    text = tokens.make(world.acme.client, "Make", [world.acme.of["connection"]], actor=SYSTEM)[1].expose()
    before = everything_stored()
    for way, headers in carried(text).items():
        for route in ALL:
            if ROWS[route.name].who == PUBLIC:
                continue
            for method in ROWS[route.name].methods:
                browser = Browser(SERVER_NAME="localhost", raise_request_exception=False)
                answer = getattr(browser, method)(mine_of(world, route), {"token": text}, headers=headers)
                if answer.status_code != 302 or not answer.headers["Location"].startswith("/accounts/login/"):
                    strays.append((way, method, route.name, answer.status_code))
    assert strays == []
    assert changed(before) == []


@pytest.mark.django_db(transaction=True)
def test_an_api_that_is_described_anew_takes_no_stored_credential_with_it(settings):
    world = make_world()
    browser, connection = world.browser_of("manager"), world.acme.of["connection"]
    with FakeUpstream() as thief:
        settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [thief.host, "127.0.0.1:9"]
        form = {"name": "Acme", "owner": str(world.acme.client.pk), "base_url": f"{thief.url}/api", "probe_path": "/me"}
        form |= {"inject_in": "header", "inject_name": "Authorization", "inject_template": "Bearer {token}"}
        answer = browser.post(f"/providers/{world.acme.of['provider'].pk}/", form)
        assert answer.status_code == 302, answer.content.decode()
        assert get_provider(connection.provider_key).base_url == f"{thief.url}/api"
        browser.post(f"/connections/{connection.slug}/probe/")
        page = browser.post(f"/connections/{connection.slug}/call/", {"method": "GET", "path": "/me"})
        assert (thief.requests, thief.connections) == ([], 0)
        assert "Host" in page.content.decode()
