"""What was used in the last seven days goes only when its name is typed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from integrations import tokens
from integrations.models import Call, CallHour, Connection
from secrets_vault.actor import SYSTEM
from tests.dashboard.connection.test_health import make_connection
from tests.proving import prove

pytestmark = pytest.mark.django_db


@pytest.fixture
def used(acme):
    connection = make_connection(acme, "acme-zendesk")
    token, _text = tokens.make(acme, "n8n", [connection], actor=SYSTEM)
    hour = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    CallHour.objects.create(
        client_id=acme.pk, connection_id=connection.pk, token_id=token.pk, hour=hour, calls=48, failed=1
    )
    token.last_used_at = hour
    token.save()
    return connection, token


@pytest.fixture
def browser(browser_of, ada):
    signed_in = browser_of(ada)
    prove(signed_in)
    return signed_in


def test_a_secrets_page_names_who_calls_with_it(browser, used):
    connection, _token = used
    page = browser.get(reverse("dashboard:secret", args=[connection.secret_id])).content.decode()
    assert "Who calls with it" in page
    assert "n8n" in page


@pytest.mark.parametrize(("typed", "is_left"), [("", True), ("acme", True), ("acme-zendesk", False)])
def test_a_connection_in_use_is_deleted_only_by_its_typed_name(browser, used, typed, is_left):
    connection, _token = used
    url = reverse("dashboard:connection_delete", args=[connection.slug])
    browser.post(url, {"even_if_used": "yes", "typed": typed})
    assert Connection.objects.filter(pk=connection.pk).exists() is is_left


@pytest.mark.parametrize(("typed", "is_revoked"), [("", False), ("N8N", False), ("n8n", True)])
def test_a_token_in_use_is_revoked_only_by_its_typed_name(browser, used, typed, is_revoked):
    _connection, token = used
    browser.post(reverse("dashboard:token_revoke", args=[token.pk]), {"typed": typed})
    token.refresh_from_db()
    assert (token.revoked_at is not None) is is_revoked


def test_a_token_that_nobody_used_for_a_week_is_revoked_at_once(browser, used):
    _connection, token = used
    type(token).objects.filter(pk=token.pk).update(last_used_at=timezone.now() - timedelta(days=8))
    browser.post(reverse("dashboard:token_revoke", args=[token.pk]))
    token.refresh_from_db()
    assert token.revoked_at is not None


@pytest.mark.parametrize(("typed", "is_left"), [("", True), ("acme", True), ("acme-zendesk", False)])
def test_a_connection_in_use_is_disconnected_only_by_its_typed_name(browser, used, typed, is_left):
    connection, _token = used
    page = browser.get(reverse("dashboard:connection", args=[connection.slug])).content.decode()
    assert "disconnect-typed" in page
    browser.post(reverse("dashboard:connection_disconnect", args=[connection.slug]), {"typed": typed})
    connection.refresh_from_db()
    assert (connection.secret is not None) is is_left


@pytest.mark.parametrize("column", ["grant_secret", "beside_secret"])
def test_a_private_key_that_signs_and_a_value_beside_a_token_are_not_deleted_from_under_them(browser, acme, column):
    signing = make_connection(acme, "acme-robot")
    key = signing.secret
    Connection.objects.filter(pk=signing.pk).update(**{"secret": None, column: key})
    page = browser.post(reverse("dashboard:secret_delete", args=[key.pk]), follow=True).content.decode()
    assert "is used by acme-robot" in page
    key.refresh_from_db()
    assert key.deleted_at is None


def test_programs_and_jwts_of_the_newest_calls_stand_beside_the_token(browser, used):
    connection, token = used
    about = {"client_id": connection.client_id, "connection_id": connection.pk, "token_id": token.pk, "path": "/x"}
    for agent, subject in (("n8n/1.71", ""), ("axios/1.7", "repo:acme/site"), ("axios/1.7", "repo:acme/site")):
        now = timezone.now()
        Call.objects.create(at=now, method="GET", outcome="ok", agent=agent, jwt_subject=subject, **about)
    for name, key in (("connection", connection.slug), ("secret", connection.secret_id)):
        page = browser.get(reverse(f"dashboard:{name}", args=[key])).content.decode()
        assert "n8n/1.71" in page
        assert page.count("axios/1.7 · JWT of repo:acme/site") == 1
