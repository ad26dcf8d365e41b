"""Giving a grant back: what the provider confirms, and what is said when it does not."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl

import pytest

from integrations import connections, outbound
from integrations.models import Connection, CustomProvider
from integrations.oauth.held import read
from integrations.oauth.keeping import app_policy, provider_of
from integrations.oauth.revoke import give_back, revoke
from secrets_vault import vault
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.errors import NoValue
from secrets_vault.models import AuditEvent, SecretField
from secrets_vault.secret import Secret
from tests.factories import make_client
from tests.integrations.oauth.world import NOW, connected, make_connection

pytestmark = pytest.mark.django_db


@pytest.fixture
def live(reachable, connection, ada):
    connected(reachable, connection, ada)
    return read(connection.pk)


def test_disconnecting_ends_the_grant_at_the_provider_and_shreds_the_tokens(reachable, live, ada):
    token = vault.use(live.secret, actor=SYSTEM, purpose="test")["access_token"].expose()
    stored = live.secret
    outcome = connections.disconnect(live, actor=Actor.of(ada), now=NOW)
    assert (outcome.done, live.status) == (True, "not_connected")
    assert reachable.hubspot(token).status == 401
    assert not SecretField.objects.filter(version__secret=stored).exists()
    with pytest.raises(NoValue):
        vault.use(stored, actor=SYSTEM, purpose="test")
    assert AuditEvent.objects.get(action="connection.disconnected").details == {"revoked": True}


def test_the_refresh_token_goes_first(live):
    sent = []

    def send(method, url, *, body, **more):
        sent.append(body.decode())
        return outbound.Answer(200, (), b"")

    revoke(live, now=NOW, send=send)
    assert ["token_type_hint=refresh_token" in body for body in sent] == [True, False]


def test_a_503_is_tried_again_and_a_lasting_one_is_said_honestly(reachable, live, ada):
    waits = []
    reachable.control(provider="oauth", status=503, times=1)
    assert revoke(live, now=NOW, sleep=waits.append).done
    assert len(waits) == 1
    reachable.control(provider="oauth", status=503)
    outcome = connections.disconnect(live, actor=Actor.of(ada), now=NOW)
    reachable.control(clear=True)
    assert not outcome.done
    assert "did not confirm" in outcome.sentence
    row = Connection.objects.get()
    assert (row.status, row.status_code, row.secret) == ("not_connected", "not_revoked", None)


def test_a_provider_without_revocation_says_where_to_end_it(reachable, ada):
    connection = make_connection({**reachable.line, "revoke_url": ""}, user=ada)
    connected(reachable, connection, ada)
    outcome = revoke(read(connection.pk), now=NOW)
    assert (outcome.done, outcome.code) == (False, "no_revoke_url")
    assert "provider's own settings" in outcome.sentence


def test_a_token_that_is_gone_already_counts_as_ended(live):
    answer = outbound.Answer(400, (), b'{"error": "invalid_grant"}')
    assert revoke(live, now=NOW, send=lambda *a, **k: answer).done


def test_a_providers_own_way_signs_with_the_token_itself(reachable, ada):
    connection = make_connection(reachable.line, user=ada, oauth={"revoke_style": "bearer"})
    connected(reachable, connection, ada)
    sent = []

    def send(method, url, *, headers, **more):
        sent.append(dict(headers).get("Authorization", ""))
        return outbound.Answer(200, (), b"{}")

    assert revoke(read(connection.pk), now=NOW, send=send).done
    tokens = vault.use(connection.secret, actor=SYSTEM, purpose="test")
    assert sent == [f"Bearer {tokens[name].expose()}" for name in ("access_token", "refresh_token")]


def test_a_provider_that_takes_no_form_is_sent_none(reachable, ada):
    connection = make_connection(reachable.line, user=ada, oauth={"revoke_style": "bearer_alone"})
    connected(reachable, connection, ada)
    sent = []

    def send(method, url, *, headers, body, **more):
        sent.append((dict(headers)["Authorization"][:7], "Content-Type" in dict(headers), body))
        return outbound.Answer(200, (), b"null")

    assert revoke(read(connection.pk), now=NOW, send=send).done
    assert sent == [("Bearer ", False, b"")] * 2


def in_form(reachable, ada):
    return make_connection(
        reachable.line, user=ada, oauth={"revoke_style": "form", "token_auth_method": "client_secret_basic"}
    )


def test_an_app_that_signs_in_a_header_is_named_in_the_form_where_a_revocation_wants_it_there(reachable, ada):
    connection = in_form(reachable, ada)
    connected(reachable, connection, ada)
    sent = []

    def send(method, url, *, headers, body, **more):
        sent.append(({name.lower() for name, _ in dict(headers).items()}, dict(parse_qsl(body.decode()))))
        return outbound.Answer(200, (), b"{}")

    assert revoke(read(connection.pk), now=NOW, send=send).done
    assert all("authorization" not in names for names, _ in sent)
    assert all({"client_id", "client_secret", "token"} <= set(form) for _, form in sent)


def test_a_secret_bound_to_the_header_does_not_go_into_a_form(reachable, ada):
    connection = in_form(reachable, ada)
    connected(reachable, connection, ada)
    app = connection.oauth_app
    bound = replace(app_policy(provider_of(connection)), slots=("header:authorization",))
    vault.bind_policy(app.secret, bound, actor=SYSTEM)
    outcome = revoke(read(connection.pk), now=NOW, send=refuse_to_send)
    assert (outcome.done, outcome.code) == (False, "host_refused")


def test_a_revocation_at_another_host_than_before_is_sent_nothing_and_disconnects_all_the_same(live, ada):
    """Whoever edits a description does not get the grant, nor keep anybody from ending it."""
    row = CustomProvider.objects.get()
    row.facts["oauth"]["revoke_url"] = "https://elsewhere.example/revoke"
    row.save()
    outcome = connections.disconnect(live, actor=Actor.of(ada), now=NOW, send=refuse_to_send)
    assert (outcome.done, outcome.code, live.status) == (False, "host_refused", "not_connected")


def test_a_grant_that_is_given_back_unstored_takes_no_client_secret_to_another_host(live):
    """A consent that ended badly: nothing is stored yet, and the app's secret is bound all the same."""
    row = CustomProvider.objects.get()
    row.facts["oauth"]["revoke_url"] = "https://elsewhere.example/revoke"
    row.save()
    live.secret = None
    outcome = give_back(live, Secret("at-fresh"), None, now=NOW, send=refuse_to_send)
    assert (outcome.done, outcome.code) == (False, "host_refused")


def refuse_to_send(*args, **more):
    raise AssertionError("nothing may be sent")


@pytest.mark.parametrize("error", ["not_allowed_token_type", "token_revoked"])
def test_a_refusal_with_status_200_is_no_confirmation(reachable, ada, error):
    connection = make_connection(reachable.line, user=ada, oauth={"revoke_style": "bearer"})
    connected(reachable, connection, ada)
    answer = outbound.Answer(200, (), f'{{"ok": false, "error": "{error}"}}'.encode())
    outcome = revoke(read(connection.pk), now=NOW, send=lambda *a, **k: answer, sleep=lambda _: None)
    assert (outcome.done, outcome.code) == (False, error)


def test_an_answer_that_is_no_json_still_confirms(live):
    answer = outbound.Answer(200, (), b"<html>")
    assert revoke(live, now=NOW, send=lambda *a, **k: answer).done


def test_everything_of_one_client_ends_in_one_act(reachable, live, ada):
    other = make_connection(reachable.line, slug="globex", client=make_client("globex"), user=ada)
    connected(reachable, other, ada)
    ended = connections.disconnect_all(live.client, actor=Actor.of(ada), now=NOW)
    assert [(row.slug, outcome.done) for row, outcome in ended] == [("acme-hubspot", True)]
    other.refresh_from_db()
    assert other.status == "connected"
