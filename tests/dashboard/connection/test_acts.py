"""What a manager does to a connection, and the sentence the page then says."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from integrations import tokens
from integrations.links import make_link
from integrations.models import CallHour, Connection, ErrorGroup, OAuthApp
from secrets_vault.actor import SYSTEM
from secrets_vault.ids import uuid7
from secrets_vault.models import AuditEvent
from tests.proving import prove

pytestmark = pytest.mark.django_db
Status = Connection.Status


@pytest.fixture
def manager(browser_of, ada):
    browser = browser_of(ada)
    prove(browser)
    return browser


def url(name: str, *args: object) -> str:
    return reverse(f"dashboard:{name}", args=args)


def page_of(browser, connection) -> str:
    return browser.get(url("connection", connection.slug)).content.decode()


@pytest.mark.parametrize(
    ("status", "code", "title", "button"),
    [
        ("connected", "", "Connected", "Try it now"),
        ("untested", "", "Not tested yet", "Try it now"),
        ("failing", "credential_refused", "Fake refuses the credential", "Store the credential"),
        ("failing", "credential_unreadable", "It does not work as it should", "Try it now"),
        ("failing", "invalid_client", "OAuth app refused", "Try it now"),
        ("failing", "never_heard_of", "Calls fail", "Try it now"),
        ("needs_reconnecting", "invalid_grant", "Needs reconnecting", "Store the credential"),
        ("paused", "", "Paused", "Resume"),
        ("not_connected", "not_revoked", "Disconnected, only here", "Store the credential"),
    ],
)
def test_every_state_says_what_to_do(manager, connection, status, code, title, button):
    Connection.objects.update(status=status, status_code=code, status_since=timezone.now())
    state = page_of(manager, connection).split('id="state"')[1].split("</section>")[0]
    assert f'<h2 id="state-h">{title}</h2>' in state
    assert button in state
    assert state.count("btn primary") == 1


def test_a_trouble_says_how_many_calls_it_cost(manager, connection):
    now = timezone.now()
    Connection.objects.update(status="failing", status_code="credential_refused", status_since=now)
    hour = now.replace(minute=0, second=0, microsecond=0)
    CallHour.objects.create(connection_id=connection.pk, client_id=connection.client_id, hour=hour, calls=20, failed=14)
    assert "14 calls have failed since." in page_of(manager, connection)


def test_only_a_waiting_state_asks_again(manager, connection):
    Connection.objects.update(status="untested")
    assert 'hx-trigger="every 2s"' in page_of(manager, connection)
    part = {"hx-request": "true"}
    waiting = manager.get(url("connection", connection.slug), headers=part)
    assert "HX-Refresh" not in waiting.headers
    assert b"<html" not in waiting.content
    Connection.objects.update(status="connected")
    assert manager.get(url("connection", connection.slug), headers=part).headers["HX-Refresh"] == "true"
    assert "every 2s" not in page_of(manager, connection)


def test_the_name_changes_and_the_address_stays(manager, connection):
    manager.post(url("connection_rename", connection.slug), {"label": "Leads"})
    connection.refresh_from_db()
    assert (connection.label, connection.slug, connection.version) == ("Leads", "acme-fake", 1)


def test_pause_and_resume(manager, connection):
    manager.post(url("connection_pause", connection.slug))
    connection.refresh_from_db()
    assert connection.status == Status.PAUSED
    manager.post(url("connection_resume", connection.slug))
    connection.refresh_from_db()
    assert connection.status == Status.CONNECTED


@pytest.mark.parametrize(("answer", "words"), [(b"200 OK", "It works."), (b"401 No", "does not accept")])
def test_trying_says_what_came_of_it(manager, connection, upstream, answer, words):
    upstream.answers = [b"HTTP/1.1 " + answer + b"\r\nContent-Length: 0\r\n\r\n"]
    page = manager.post(url("connection_probe", connection.slug), follow=True).content.decode()
    assert words in page.split('id="notices"')[1].split("</div>")[0]
    assert upstream.requests[0].startswith(b"GET /api/me ")


def test_a_new_credential_is_tried_at_once_and_not_sent_back(manager, connection, upstream):
    secret = "sk_new_CANARY_9876543210"
    page = manager.post(url("connection_credential", connection.slug), {"api_key": secret}, follow=True)
    assert b"Stored. It works." in page.content
    assert secret.encode() in upstream.requests[0]
    assert secret.encode() not in page.content
    refused = manager.post(url("connection_credential", connection.slug), {"api_key": f"{secret}\nx"})
    assert refused.status_code == 422
    assert secret.encode() not in refused.content
    assert connection.secret.versions.count() == 2


def test_disconnecting_a_key_says_that_it_still_works_at_the_provider(manager, connection):
    page = manager.post(url("connection_disconnect", connection.slug), follow=True).content.decode()
    assert "still works at the provider until you revoke it there" in page
    connection.refresh_from_db()
    assert (connection.secret_id, connection.status) == (None, Status.NOT_CONNECTED)


def test_a_used_connection_is_deleted_only_when_that_is_said(manager, connection, token):
    page = manager.post(url("connection_delete", connection.slug), follow=True).content.decode()
    assert "n8n would stop working" in page
    assert Connection.objects.filter(pk=connection.pk).exists()
    manager.post(url("connection_delete", connection.slug), {"even_if_used": "yes"})
    assert not Connection.objects.filter(pk=connection.pk).exists()
    event = AuditEvent.objects.get(action="connection.deleted")
    assert event.details["tokens"] == ["n8n"]


def test_an_unused_connection_is_deleted(manager, connection, token):
    tokens.revoke(token, actor=SYSTEM, now=timezone.now())
    manager.post(url("connection_delete", connection.slug))
    assert not Connection.objects.filter(pk=connection.pk).exists()


def test_deleting_asks_who_it_is(browser_of, ada, connection):
    answer = browser_of(ada).post(url("connection_delete", connection.slug), {"even_if_used": "yes"})
    assert "reauthenticate" in answer.headers["Location"]
    assert Connection.objects.filter(pk=connection.pk).exists()


@pytest.fixture
def consented(acme):
    """Return an OAuth connection of HubSpot with an app: two rights asked for, one given and one unasked."""
    app = OAuthApp.objects.create(name="Agency", provider_key="hubspot", client_id="id")
    return Connection.objects.create(
        slug="acme-hubspot",
        client=acme,
        environment=acme.environments.first(),
        provider_key="hubspot",
        kind="oauth2",
        oauth_app=app,
        requested_scopes=["crm.objects.contacts.read", "crm.objects.deals.read"],
        granted_scopes=["crm.objects.contacts.read", "crm.lists.read"],
        connected_at=timezone.now() - timedelta(days=3),
        connected_by="Jo of Acme",
        refreshed_at=timezone.now() - timedelta(minutes=10),
        refresh_due_at=timezone.now() + timedelta(minutes=14),
        access_expires_at=timezone.now() + timedelta(minutes=20),
        status="connected",
    )


def test_rights_not_given_and_given_unasked_are_named(manager, consented):
    rights = page_of(manager, consented).split('id="rights-h"')[1].split("</section>")[0]
    missing, excess, given = rights.split("<li")[1:4]
    assert "crm.objects.deals.read" in missing
    assert "asked for, not given" in missing
    assert "crm.lists.read" in excess
    assert "given, not asked for" in excess
    assert "crm.objects.contacts.read" in given


def test_the_life_of_the_access_is_drawn(manager, consented):
    page = page_of(manager, consented)
    assert '<circle class="now" cx="200"' in page
    assert '<circle class="renew" cx="480"' in page
    assert "Jo of Acme" in page


def test_the_last_connect_links_are_listed_without_their_addresses(manager, consented):
    _link, address = make_link(consented, actor=SYSTEM, now=timezone.now(), sent_to="jo@acme.example")
    page = page_of(manager, consented)
    assert "jo@acme.example" in page
    assert "Not opened yet" in page
    assert address not in page
    assert url("connection_links", consented.slug) in page


@pytest.mark.parametrize("many", [1, 30])
def test_the_page_costs_the_same_whatever_its_lists_hold(
    manager, acme, connection, many, django_assert_max_num_queries
):
    now = timezone.now()
    for n in range(many):
        made, _text = tokens.make(acme, f"token {n}", [connection], actor=SYSTEM)
        hour = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=n)
        CallHour.objects.create(
            connection_id=connection.pk, client_id=acme.pk, token_id=made.pk, hour=hour, calls=3, failed=1
        )
        ErrorGroup.objects.create(
            key_hash=uuid7().bytes * 2,
            client_id=acme.pk,
            connection_id=connection.pk,
            provider_key="x",
            code="x",
            title="X",
            method="GET",
            path_template="/",
            cause="c",
            remedy="r",
            who="you",
            first_seen_at=now,
            last_seen_at=now,
            last_call_id=uuid7(),
        )
    page_of(manager, connection)
    with django_assert_max_num_queries(30):
        page_of(manager, connection)


def test_test_calls_and_tokens_are_named_as_callers(manager, acme, connection, token):
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    for token_id, calls in ((token.pk, 700), (None, 2)):
        more = {"token_id": token_id} if token_id else {}
        CallHour.objects.create(connection_id=connection.pk, client_id=acme.pk, hour=hour, calls=calls, **more)
    callers = page_of(manager, connection).split('id="callers-h"')[1].split("</section>")[0]
    assert callers.index("n8n") < callers.index("Test calls from this page")
    assert "About 702 calls a day" in callers


def test_a_kind_without_a_pasted_credential_has_no_form_for_one(manager, consented):
    assert manager.get(url("connection_credential", consented.slug)).status_code == 404
