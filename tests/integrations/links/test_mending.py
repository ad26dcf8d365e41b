"""A part of the address that the consultant mistyped: the client mends it, within what the provider's facts allow."""

from __future__ import annotations

import pytest
from django.utils import timezone

from integrations.connections import create_connection
from integrations.links import make_link
from integrations.models import Connection, Message, OAuthFlow
from integrations.oauth.app import make_app
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.models import AuditEvent
from secrets_vault.secret import Secret
from tests.integrations.links.test_requests import OURS

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(acme, ada):
    """A Shopify connection whose shop was mistyped."""
    from tests.factories import make_membership

    make_membership(ada, acme) if not ada.memberships.filter(client=acme).exists() else None
    app = make_app("Shopify", "shopify", client_id="id", client_secret=Secret("s" * 40), actor=SYSTEM)
    about = {"provider_key": "shopify", "kind": "oauth2", "oauth_app": app, "variables": {"shop": "acme-wrong"}}
    return create_connection(acme, acme.environments.get(slug="production"), actor=SYSTEM, now=timezone.now(), **about)


@pytest.fixture(params=["connect", "request"])
def path(request, shop, request_of, ada):
    if request.param == "request":
        return request_of(shop)[1]
    return make_link(shop, actor=Actor.of(ada), now=timezone.now())[1].removeprefix("http://localhost:8000")


def go_on(phone, path, **typed):
    return phone.post(path, {"item": "1"} | typed, headers={"origin": OURS})


def test_the_client_mends_the_shop_and_the_consultant_is_told(phone, path, shop, ada):
    page = phone.get(path).content.decode()
    assert 'name="var_shop" type="text" value="acme-wrong"' in page
    assert "Correct it if it is not yours" in page
    answer = go_on(phone, path, var_shop="acme-right")
    assert (answer.status_code, "https://acme-right.myshopify.com/admin/oauth" in answer.content.decode()) == (
        200,
        True,
    )
    shop.refresh_from_db()
    assert shop.variables["shop"] == "acme-right"
    event = AuditEvent.objects.get(action="link.address_mended")
    assert (event.details["before"], event.details["after"]) == ("acme-wrong", "acme-right")
    assert event.actor_kind == "client_link"
    body = Message.objects.get(kind="link_address_mended", user=ada).body
    assert "acme-wrong → acme-right" in body


@pytest.mark.parametrize(
    "typed",
    [
        "evil.example",
        "evil.example/",
        "a b",
        "shop.myshopify.com.evil.example",
        "{shop}",
        "é",
        "x" * 300,
        "../x",
        "a\r\nb",
    ],
)
def test_an_address_elsewhere_is_refused_and_changes_nothing(phone, path, shop, typed):
    answer = go_on(phone, path, var_shop=typed)
    assert answer.status_code == 422
    assert "does not look right" in answer.content.decode()
    shop.refresh_from_db()
    assert shop.variables["shop"] == "acme-wrong"
    assert not OAuthFlow.objects.exists()
    assert not AuditEvent.objects.filter(action="link.address_mended").exists()
    assert not Message.objects.exists()


@pytest.mark.parametrize("typed", [{}, {"var_shop": ""}, {"var_shop": "acme-wrong"}])
def test_what_is_left_alone_stays_and_nobody_is_told(phone, path, shop, typed):
    assert go_on(phone, path, **typed).status_code == 200
    shop.refresh_from_db()
    assert shop.variables["shop"] == "acme-wrong"
    assert not Message.objects.exists()


def test_a_consent_that_was_begun_at_the_old_address_is_void(phone, browser_of, path, shop):
    assert go_on(browser_of(), path).status_code == 200
    assert go_on(phone, path, var_shop="acme-right").status_code == 200
    assert list(OAuthFlow.objects.order_by("created_at").values_list("outcome", flat=True)) == ["superseded", ""]


def test_where_something_is_connected_nothing_is_mended(phone, path, shop, acme):
    from secrets_vault import vault

    about = {"actor": SYSTEM, "client": acme, "environment": shop.environment}
    stored = vault.store(kind="oauth_tokens", label="t", fields={"access_token": Secret("t" * 40)}, **about)
    Connection.objects.update(secret=stored)
    assert "var_shop" not in phone.get(path).content.decode()
    go_on(phone, path, var_shop="acme-right")
    shop.refresh_from_db()
    assert shop.variables["shop"] == "acme-wrong"


def test_another_field_of_the_connection_cannot_be_named(phone, path, shop):
    go_on(phone, path, var_shop="acme-right", var_expected_account_id="1", var_base_url="https://evil.example")
    shop.refresh_from_db()
    assert shop.variables == {"shop": "acme-right", "api_version": shop.variables["api_version"]}
    assert "api_version" not in phone.get(path).content.decode()
    assert shop.expected_account_id == ""


def test_script_in_what_is_typed_stays_text(phone, path):
    page = go_on(phone, path, var_shop='"><script>alert(1)</script>').content.decode()
    assert "<script>alert" not in page
