"""What a person or a provider typed is text on every page, never markup (CWE-79)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client as AnyBrowser

from integrations import alerts
from integrations.models import Call, Connection, ErrorGroup, GatewayToken
from secrets_vault import vault
from secrets_vault.actor import COMMAND
from secrets_vault.models import Session
from secrets_vault.secret import Secret
from tests.factories import make_client, make_user

pytestmark = pytest.mark.django_db
EVIL = "<script>alert(7)</script><img src=x onerror=alert(7)>\"'"
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.fixture
def world():
    """A client in which every text that anyone may write is markup."""
    olga = make_user("Olga", is_owner=True)
    client = make_client("acme", name=EVIL[:120], notes=EVIL)
    environment = client.environments.first()
    secret = vault.store(
        actor=COMMAND, client=client, environment=environment, kind="api_key", label=EVIL[:100],
        fields={"api_key": Secret("value-0123456789-abcd")}, owner_name=EVIL[:100], where_used=EVIL, reason=EVIL,
    )  # fmt: skip
    connection = Connection.objects.create(
        slug="acme-stripe", client=client, environment=environment, provider_key="stripe", kind="api_key",
        label=EVIL[:100], secret=secret, account_id=EVIL[:100], account_name=EVIL[:100], granted_scopes=[EVIL],
        connected_by=EVIL[:100], status="connected",
    )  # fmt: skip
    token = GatewayToken.objects.create(client=client, name=EVIL[:100], prefix="klg_x", token_hash=b"x" * 32)
    token.connections.add(connection)
    group = ErrorGroup.objects.create(
        key_hash=b"k" * 32, client_id=client.pk, environment_id=environment.pk, connection_id=connection.pk,
        provider_key="stripe", status=400, code="x", title=EVIL, method="GET", path_template=EVIL, cause=EVIL,
        remedy=EVIL, who="you", count=1, first_seen_at=NOW, last_seen_at=NOW, last_call_id=connection.pk,
    )  # fmt: skip
    call = Call.objects.create(
        at=NOW, client_id=client.pk, connection_id=connection.pk, environment_id=environment.pk, method="GET",
        path=EVIL, host=EVIL, token_name=EVIL, status=400, outcome="client_error", cause=EVIL, request_head=EVIL,
        response_head=EVIL, response_body=EVIL, request_body=EVIL, caller_ip="203.0.113.9", group_id=group.pk,
        provider_key="stripe",
    )  # fmt: skip
    ErrorGroup.objects.update(last_call_id=call.pk)
    message = alerts.say(olga, "failing", dedupe_key="1", subject=EVIL, body=EVIL, client=client)
    browser = AnyBrowser(SERVER_NAME="localhost", headers={"user-agent": EVIL})
    browser.force_login(olga)
    Session.objects.update(user_agent=EVIL)
    paths = [
        "/", "/clients/", "/clients/acme/", "/clients/acme/connections/", "/clients/acme/secrets/",
        "/clients/acme/tokens/", "/connections/", "/connections/acme-stripe/", "/vault/", f"/vault/{secret.pk}/",
        "/errors/", f"/errors/{group.pk}/", "/calls/", f"/calls/{call.pk}/", "/limits/", "/rotations/", "/messages/",
        f"/messages/{message.pk}/", "/audit/", "/settings/security/", "/oauth-apps/",
    ]  # fmt: skip
    return browser, paths


def test_no_page_turns_a_text_into_markup(world):
    browser, paths = world
    shown = 0
    for path in paths:
        answer = browser.get(path)
        assert answer.status_code == 200, path
        page = answer.content.decode()
        assert "<script>alert" not in page, path
        assert "<img src=x" not in page, path
        assert "'\">" not in page.replace("&quot;", "").replace("&#x27;", ""), path
        shown += "&lt;script&gt;alert" in page
    assert shown >= 12, "the texts were not on the pages that should show them"
