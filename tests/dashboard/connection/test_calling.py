"""Gateway tokens and test calls from the page: shown once, bound to the connection, written in the log."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from integrations import tokens
from integrations.models import Call, Connection, GatewayToken
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import AuditEvent
from secrets_vault.secret import Secret
from tests.integrations.gateway.conftest import KEY, make_connection
from tests.proving import prove

TEXT = re.compile(r"klg_[0-9A-Za-z]{49}")


@pytest.fixture
def manager(browser_of, ada):
    browser = browser_of(ada)
    prove(browser)
    return browser


def make(browser, connection, **fields):
    data = {"name": "lead intake", "connections": [str(connection.pk)], **fields}
    return browser.post(reverse("dashboard:token_new", args=[connection.slug]), data)


@pytest.mark.django_db
def test_a_token_is_shown_once_with_everything_to_paste(manager, connection):
    page = make(manager, connection, methods=["GET"], paths="/crm/*\n/me", per_minute="30", ip_ranges="203.0.113.0/24")
    shown = set(TEXT.findall(page.content.decode()))
    token = GatewayToken.objects.get(name="lead intake")
    assert len(shown) == 1
    assert tokens.find(shown.pop()) == token
    assert (token.methods, token.paths, token.per_minute) == (["GET"], ["/crm/*", "/me"], 30)
    assert token.ip_ranges == ["203.0.113.0/24"]
    for words in ("curl", "Zapier", "Make", "n8n", "requests", "fetch"):
        assert words in page.content.decode()
    again = manager.get(reverse("dashboard:connection", args=[connection.slug])).content.decode()
    assert not TEXT.search(again)
    assert token.prefix in again


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "value"),
    [("name", ""), ("paths", "crm"), ("ip_ranges", "everywhere"), ("per_minute", "0"), ("ends_on", "2020-01-01")],
)
def test_a_limit_that_means_nothing_makes_no_token(manager, connection, field, value):
    assert make(manager, connection, **{field: value}).status_code == 422
    assert not GatewayToken.objects.exists()


@pytest.mark.django_db
def test_a_token_is_not_made_for_another_clients_connection(manager, connection, upstream):
    from tests.factories import make_client

    foreign = make_connection(make_client("other"), upstream, "other-fake")
    assert make(manager, connection, connections=[str(foreign.pk)]).status_code == 422
    assert not GatewayToken.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["token_new", "token_roll", "token_change"])
def test_a_token_is_made_only_after_the_person_proved_who_they_are(browser_of, ada, connection, token, name):
    target = connection.slug if name == "token_new" else token.pk
    answer = browser_of(ada).post(reverse(f"dashboard:{name}", args=[target]), {"name": "x", "hours": "1"})
    assert answer.status_code == 302
    assert "reauthenticate" in answer.headers["Location"]
    assert GatewayToken.objects.count() == 1
    assert GatewayToken.objects.get().previous_hash is None


@pytest.mark.django_db
def test_a_rolled_token_works_in_both_forms_until_the_old_one_ends(manager, acme, connection):
    token, old = tokens.make(acme, "n8n", [connection], actor=SYSTEM)
    page = manager.post(reverse("dashboard:token_roll", args=[token.pk]), {"hours": "24"}).content.decode()
    new = TEXT.search(page)[0]
    assert tokens.find(new) == token == tokens.find(old.expose())
    page = manager.post(reverse("dashboard:token_roll", args=[token.pk]), {"hours": "0"}).content.decode()
    assert tokens.find(new) is None
    assert tokens.find(TEXT.search(page)[0]) == token


@pytest.mark.django_db
@pytest.mark.parametrize("who", ["ben", "cora"])
def test_who_may_not_manage_ends_no_token(request, browser_of, token, who):
    browser = browser_of(request.getfixturevalue(who))
    prove(browser)
    for name in ("token_roll", "token_revoke", "token_change"):
        assert browser.post(reverse(f"dashboard:{name}", args=[token.pk]), {"hours": "1"}).status_code == 404
    token.refresh_from_db()
    assert token.revoked_at is None
    assert token.previous_hash is None


@pytest.mark.django_db
def test_a_token_is_changed_and_keeps_its_text(manager, acme, connection, upstream):
    other = make_connection(acme, upstream, "acme-other")
    token, text = tokens.make(acme, "n8n", [connection], actor=SYSTEM, per_day=50, max_uses=5)
    url = reverse("dashboard:token_change", args=[token.pk])
    for listed in (reverse("dashboard:client_tokens", args=["acme"]), f"/connections/{connection.slug}/"):
        assert url in manager.get(listed).content.decode()
    assert 'name="per_day" value="50"' in manager.get(url).content.decode()
    answer = manager.post(
        url,
        {
            "name": "lead intake", "connections": [str(other.pk)], "methods": ["GET"], "paths": "/crm/*",
            "per_minute": "30", "min_gap_s": "0.5", "max_wait_s": "0",
            "serve_stale": "on", "ends_on": "2099-12-31", "ip_ranges": "203.0.113.0/24",
        },
    )  # fmt: skip
    token = tokens.find(text.expose())
    assert answer.status_code == 302
    assert (token.name, token.methods, token.paths, token.ip_ranges) == (
        "lead intake", ["GET"], ["/crm/*"], ["203.0.113.0/24"],
    )  # fmt: skip
    assert (token.per_minute, token.per_day, token.max_uses) == (30, None, None)
    assert token.min_gap_s == 0.5
    assert (token.max_wait_s, token.serve_stale, token.keep_failed) == (0, True, False)
    assert "0.50 s apart" in manager.get(reverse("dashboard:client_tokens", args=["acme"])).content.decode()
    assert list(token.connections.all()) == [other]
    event = AuditEvent.objects.get(action="token.changed")
    assert (event.actor_label, event.details["per_day"]) == ("Ada", {"old": 50, "new": None})
    assert text.expose() not in str(event.details)


@pytest.mark.django_db
def test_what_the_form_shows_is_kept_as_it_was(manager, acme, connection):
    ends_at = timezone.now() + timedelta(hours=1)
    token, _ = tokens.make(acme, "n8n", [connection], actor=SYSTEM, expires_at=ends_at)
    url = reverse("dashboard:token_change", args=[token.pk])
    day = manager.get(url).context["form"]["ends_on"].value()
    manager.post(url, {"name": "n8n", "connections": [str(connection.pk)], "ends_on": day.isoformat()})
    token.refresh_from_db()
    assert token.expires_at == ends_at
    assert not AuditEvent.objects.filter(action="token.changed").exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "other"),
        ("paths", "crm"),
        ("per_day", "0"),
        ("min_gap_s", "0"),
        ("max_wait_s", "301"),
        ("connections", ""),
        ("ends_on", "2020-01-01"),
    ],
)
def test_a_change_that_means_nothing_changes_nothing(manager, acme, connection, token, field, value):
    tokens.make(acme, "other", [connection], actor=SYSTEM)
    data = {"name": "n8n", "connections": [str(connection.pk)], field: value}
    assert manager.post(reverse("dashboard:token_change", args=[token.pk]), data).status_code == 422
    assert not AuditEvent.objects.filter(action="token.changed").exists()


@pytest.mark.django_db
def test_a_revoked_token_is_not_changed(manager, connection, token):
    tokens.revoke(token, actor=SYSTEM, now=timezone.now())
    url = reverse("dashboard:token_change", args=[token.pk])
    assert "is revoked and cannot be changed" in manager.get(url, follow=True).content.decode()


@pytest.mark.django_db
def test_a_token_is_revoked(manager, token):
    manager.post(reverse("dashboard:token_revoke", args=[token.pk]))
    token.refresh_from_db()
    assert token.revoked_at is not None


@pytest.mark.django_db
def test_the_n8n_node_calls_the_gateway_and_holds_no_token(manager, connection, token):
    node = json.loads(manager.get(reverse("dashboard:connection_n8n", args=[connection.slug])).content)["nodes"][0]
    assert node["type"] == "n8n-nodes-base.httpRequest"
    assert node["parameters"]["url"].endswith(f"/gateway/{connection.slug}/me")
    assert "klg_" not in json.dumps(node)


def call(browser, connection, **fields):
    data = {"method": "GET", "path": "/me", **fields}
    return browser.post(reverse("dashboard:connection_call", args=[connection.slug]), data)


@pytest.mark.django_db(transaction=True)
def test_a_test_call_goes_through_the_gateway_into_the_log(manager, connection, upstream):
    echo = f'{{"email": "jo@example.org", "you_sent": "{KEY}"}}'.encode()
    upstream.answers = [
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Hint: blue\r\nContent-Length: %d\r\n\r\n" % len(echo)
        + echo
    ]
    page = call(manager, connection, path="/me?limit=1").content.decode()
    sent = upstream.requests[0]
    assert sent.startswith(b"GET /api/me?limit=1 HTTP/1.1\r\n")
    assert KEY.encode() in sent
    assert b"klg_" not in sent
    logged = Call.objects.get()
    assert (logged.connection_id, logged.status, logged.token_name) == (connection.pk, 200, "Test call by Ada")
    assert str(logged.pk) in page
    assert "x-hint: blue" in page
    assert KEY not in page
    assert "jo@example.org" not in page
    assert AuditEvent.objects.filter(action="connection.test_call", object_id=str(connection.pk)).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_test_call_shows_no_other_secret_of_the_client_either(manager, connection, upstream):
    words = "four plain words here"
    about = {"client": connection.client, "environment": connection.environment}
    vault.store(actor=SYSTEM, kind="note", label="Door", fields={"note": Secret(words)}, **about)
    echo = f'{{"said": "{words}", "coded": "{b64encode(words.encode()).decode()}"}}'.encode()
    upstream.answers = [
        b"HTTP/1.1 400 No\r\nContent-Length: %d\r\nX-Hint: %b\r\n\r\n%b" % (len(echo), words.encode(), echo)
    ]
    page = call(manager, connection).content.decode()
    assert "x-hint: ****" in page
    assert words not in page
    assert b64encode(words.encode()).decode() not in page


@pytest.mark.django_db(transaction=True)
def test_the_state_beside_a_test_call_is_the_one_after_it(manager, connection, upstream):
    Connection.objects.filter(pk=connection.pk).update(status="failing", status_code="upstream_unreachable")
    url = reverse("dashboard:connection_call", args=[connection.slug])
    page = manager.post(url, {"method": "GET", "path": "/me"}, headers={"HX-Request": "true"}).content.decode()
    console, state = page.split('<section class="card" id="state"')
    assert 'id="tried"' in console
    assert 'hx-swap-oob="true" hx-nonce="' in state
    assert "It works" in state
    Connection.objects.filter(pk=connection.pk).update(status="connected", probed_at=None)
    call(manager, connection)
    connection.refresh_from_db()
    assert connection.probed_at is not None
    assert 'id="state"' not in call(manager, connection).content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_refused_test_call_asks_the_provider_whether_the_credential_lives(manager, connection, upstream):
    refused = b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"
    Connection.objects.filter(pk=connection.pk).update(status="connected")
    upstream.answers = [refused, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"]
    call(manager, connection, path="/not-for-this-key")
    connection.refresh_from_db()
    assert connection.status == "connected"
    upstream.answers = [refused, refused]
    call(manager, connection, path="/not-for-this-key")
    connection.refresh_from_db()
    assert (connection.status, connection.status_code) == ("failing", "credential_refused")


@pytest.mark.django_db(transaction=True)
def test_a_test_call_sends_a_body_and_explains_a_failure(manager, connection, upstream):
    upstream.answers = [b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"]
    page = call(manager, connection, method="POST", path="/things", body='{"a": 1}', sure="on").content.decode()
    assert upstream.requests[0].endswith(b'{"a": 1}')
    assert b"content-type: application/json" in upstream.requests[0].lower()
    assert '<span class="code warn">404</span>' in page
    assert Call.objects.get().status == 404


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/x",
        "//evil.example/x",
        "/a/../b",
        "/%2e%2e/b",
        "\\\\evil",
        "evil.example",
        "/a b",
        "/ü",
        "",
    ],
)
def test_a_test_call_takes_no_address_and_no_trick(manager, connection, upstream, path):
    assert call(manager, connection, path=path, url="https://evil.example/").status_code == 422
    assert upstream.requests == []
    assert not Call.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_test_call_on_a_paused_connection_is_refused_in_words(manager, connection, upstream):
    manager.post(reverse("dashboard:connection_pause", args=[connection.slug]))
    page = call(manager, connection).content.decode()
    assert "Connection paused" in page
    assert upstream.requests == []
