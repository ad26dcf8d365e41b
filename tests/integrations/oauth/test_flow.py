"""A consent, from the address to the stored tokens, against a real authorization server."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations import outbound
from integrations.models import Connection, OAuthFlow
from integrations.oauth import connecting, flow
from integrations.oauth.account import Account
from integrations.oauth.errors import CannotStart, ConsentRefused
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import AuditEvent, SecretField, StoredSecret
from tests.factories import make_client, make_membership, make_user
from tests.integrations.oauth.world import (
    BROWSER,
    DEALS,
    NOW,
    OTHER_PORTAL,
    PORTAL,
    READ,
    WRITE,
    begin,
    connected,
    consent_at,
    make_connection,
)

pytestmark = pytest.mark.django_db


def query_of(url):
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def refused(callback, *, user, now=NOW):
    with pytest.raises(ConsentRefused) as caught:
        flow.finish(callback, user=user, now=now)
    assert StoredSecret.objects.filter(kind="oauth_tokens").count() == 0
    assert not Connection.objects.filter(status="connected").exists()
    return caught.value.code


def test_a_consent_connects_and_names_the_account_and_the_scopes(reachable, connection, ada):
    connected(reachable, connection, ada)
    assert (connection.status, connection.account_id) == ("connected", PORTAL)
    assert connection.account_name == "Acme Ltd (sandbox)"
    assert sorted(connection.granted_scopes) == [READ, "oauth"]
    assert connection.connected_by == "Ada"
    assert connection.access_expires_at == NOW + timedelta(minutes=30)
    assert NOW + timedelta(minutes=22) < connection.refresh_due_at <= NOW + timedelta(minutes=24)
    tokens = vault.use(connection.secret, actor=SYSTEM, purpose="test")
    assert reachable.hubspot(tokens["access_token"].expose()).status == 200


def test_the_authorize_url_carries_s256_one_redirect_uri_and_both_kinds_of_scope(connection, ada):
    asked = query_of(begin(connection, ada, scopes=[READ, DEALS]))
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == 43
    assert asked["redirect_uri"] == "http://localhost:8000/oauth/callback"
    assert (asked["scope"], asked["optional_scope"]) == (READ, DEALS)
    assert len(asked["state"]) == 43


def test_a_scope_that_the_app_lacks_is_refused_before_the_provider_does(connection, ada):
    with pytest.raises(CannotStart) as caught:
        begin(connection, ada, scopes=[READ, "crm.objects.quotes.read"])
    assert (caught.value.code, caught.value.scopes) == ("scope_not_in_app", ("crm.objects.quotes.read",))


def test_neither_state_nor_verifier_nor_browser_stand_in_the_database(connection, ada):
    state = query_of(begin(connection, ada))["state"]
    row = OAuthFlow.objects.get()
    columns = b"".join(bytes(value) for value in (row.state_hash, row.browser_hash, row.sealed_verifier))
    assert state.encode() not in columns
    assert BROWSER.encode() not in columns
    assert row.expires_at == NOW + timedelta(minutes=10)


def test_a_callback_works_once(reachable, connection, ada):
    came_back = consent_at(reachable, begin(connection, ada))
    flow.finish(came_back.callback(), user=ada, now=NOW)
    with pytest.raises(ConsentRefused, match="replayed"):
        flow.finish(came_back.callback(), user=ada, now=NOW)


def test_the_attackers_callback_in_the_victims_browser_is_refused(reachable, connection, ada):
    came_back = consent_at(reachable, begin(connection, ada))
    assert refused(came_back.callback(browser_secret="another-browser"), user=ada) == "other_browser"
    assert refused(came_back.callback(browser_secret=""), user=ada) == "other_browser"
    flow.finish(came_back.callback(), user=ada, now=NOW)  # the refused attempts did not use it up


def test_another_user_and_a_signed_out_browser_are_refused(reachable, connection, ada):
    came_back = consent_at(reachable, begin(connection, ada))
    assert refused(came_back.callback(), user=make_user("Ben", is_owner=True)) == "other_user"
    assert refused(came_back.callback(), user=None) == "other_user"


def test_somebody_who_lost_the_right_meanwhile_is_refused(reachable, connection, ada):
    ben = make_user("Ben")
    membership = make_membership(ben, connection.client)
    came_back = consent_at(reachable, begin(connection, ben))
    membership.delete()
    assert refused(came_back.callback(), user=ben) == "connection_gone"


@pytest.mark.parametrize(("minutes", "code"), [(10, "expired"), (60 * 24, "expired")])
def test_a_consent_older_than_ten_minutes_is_refused(reachable, connection, ada, minutes, code):
    came_back = consent_at(reachable, begin(connection, ada))
    assert refused(came_back.callback(), user=ada, now=NOW + timedelta(minutes=minutes)) == code


@pytest.mark.parametrize("state", ["", "x", "A" * 43, "ü" * 10, "\x00", "A" * 100_000, "\ud800"])
def test_a_made_up_state_is_refused(connection, ada, state):
    begin(connection, ada)
    assert refused(flow.Callback(state=state, code="c", browser_secret=BROWSER), user=ada) == "state_unknown"


def test_of_two_tabs_on_one_connection_only_the_newer_counts(reachable, connection, ada):
    first = consent_at(reachable, begin(connection, ada))
    second = consent_at(reachable, begin(connection, ada))
    assert refused(first.callback(), user=ada) == "superseded"
    flow.finish(second.callback(), user=ada, now=NOW)


def test_two_tabs_on_two_connections_of_two_clients_each_connect_their_own(reachable, connection, ada):
    other = make_connection(reachable.line, slug="globex-hubspot", client=make_client("globex"), user=ada)
    first = consent_at(reachable, begin(connection, ada))
    second = consent_at(reachable, begin(other, ada), account=OTHER_PORTAL)
    assert flow.finish(second.callback(), user=ada, now=NOW).connection.slug == "globex-hubspot"
    assert flow.finish(first.callback(), user=ada, now=NOW).connection.slug == "acme-hubspot"
    secrets = {c.secret.client.slug for c in Connection.objects.select_related("secret__client")}
    assert secrets == {"acme", "globex"}


def test_a_refused_consent_is_said_and_stores_nothing(reachable, connection, ada):
    came_back = consent_at(reachable, begin(connection, ada), decision="deny")
    assert came_back.error == "access_denied"
    assert refused(came_back.callback(), user=ada) == "access_denied"
    assert OAuthFlow.objects.get().outcome == "access_denied"


@pytest.mark.parametrize("iss", ["https://evil.example", "ISSUER/", "ISSUER#"])
def test_an_issuer_other_than_the_providers_is_refused(reachable, ada, iss):
    connection = make_connection(reachable.line, user=ada, oauth={"issuer": reachable.line["url"]})
    came_back = consent_at(reachable, begin(connection, ada))
    sent = iss.replace("ISSUER", reachable.line["url"])
    assert refused(came_back.callback(iss=sent), user=ada) == "issuer_mismatch"
    assert not any("/token" in str(call) for call in reachable.arrived())


def test_the_right_issuer_connects(reachable, ada):
    reachable.control(iss=True)
    connection = make_connection(reachable.line, user=ada, oauth={"issuer": reachable.line["url"]})
    came_back = consent_at(reachable, begin(connection, ada))
    assert came_back.iss == reachable.line["url"]
    flow.finish(came_back.callback(), user=ada, now=NOW)


def test_a_code_of_another_server_fails_at_our_own(reachable, connection, ada):
    came_back = consent_at(reachable, begin(connection, ada))
    assert refused(came_back.callback(code="code-of-another-server"), user=ada) == "code_refused"


def test_missing_scopes_are_named_at_once_and_excess_ones_are_a_finding(reachable, connection, ada):
    reachable.control(missing_scope=DEALS)
    came_back = consent_at(reachable, begin(connection, ada, scopes=[READ, DEALS]))

    def generous(*args, **kwargs):
        got = outbound.send(*args, **kwargs)
        return outbound.Answer(got.status, got.headers, got.body.replace(READ.encode(), WRITE.encode()))

    finished = flow.finish(came_back.callback(), user=ada, now=NOW, send=generous)
    assert finished.missing_scopes == (READ, DEALS)
    assert finished.excess_scopes == (WRITE,)
    assert finished.connection.status == "connected"
    event = AuditEvent.objects.get(action="connection.excess_scopes")
    assert event.details == {"scopes": [WRITE]}


def test_a_wrong_client_secret_marks_the_app_once_and_not_the_client(reachable, connection, ada):
    app = connection.oauth_app
    vault.replace(
        app.secret,
        {"client_secret": type(vault.use(app.secret, actor=SYSTEM, purpose="t")["client_secret"])("wrong")},
        actor=SYSTEM,
    )
    came_back = consent_at(reachable, begin(connection, ada))
    assert refused(came_back.callback(), user=ada) == "app_wrong"
    app.refresh_from_db()
    assert (app.is_broken, app.broken_code) == (True, "invalid_client")
    with pytest.raises(CannotStart, match="oauth_app_broken"):
        begin(connection, ada)


def test_a_provider_that_is_down_loses_nothing(reachable, connection, ada):
    came_back = consent_at(reachable, begin(connection, ada))
    reachable.control(provider="oauth", status=503, times=1)
    assert refused(came_back.callback(), user=ada) == "provider_down"


def test_another_account_is_asked_about_first_and_can_be_refused(reachable, connection, ada):
    connected(reachable, connection, ada)
    before = connection.secret.current_id
    came_back = consent_at(reachable, begin(connection, ada), account=OTHER_PORTAL)
    other = flow.finish(came_back.callback(), user=ada, now=NOW).other_account
    assert (other.expected_id, other.expected_name) == (PORTAL, "Acme Ltd (sandbox)")
    assert (other.chosen_id, other.chosen_name) == (OTHER_PORTAL, "Acme Staging (sandbox)")
    assert connecting.refuse(other.flow_id, user=ada, now=NOW).done
    connection = Connection.objects.get()
    assert (connection.account_id, connection.secret.current_id) == (PORTAL, before)


def test_a_consent_that_names_no_account_forgets_none(reachable, connection, ada, monkeypatch):
    connected(reachable, connection, ada)
    before = connection.secret.current_id
    came_back = consent_at(reachable, begin(connection, ada))
    with monkeypatch.context() as quiet:
        quiet.setattr(flow, "find_account", lambda connection, *_, **__: Account(variables=connection.variables))
        flow.finish(came_back.callback(), user=ada, now=NOW)
    connection = Connection.objects.get()
    assert connection.secret.current_id != before
    assert (connection.account_id, connection.account_name) == (PORTAL, "Acme Ltd (sandbox)")
    assert connection.account_unconfirmed is True
    event = AuditEvent.objects.get(action="connection.account_unconfirmed")
    assert event.details["account"] == PORTAL
    connected(reachable, connection, ada)
    assert Connection.objects.get().account_unconfirmed is False


def test_another_account_can_be_accepted(reachable, connection, ada):
    connected(reachable, connection, ada)
    came_back = consent_at(reachable, begin(connection, ada), account=OTHER_PORTAL)
    other = flow.finish(came_back.callback(), user=ada, now=NOW).other_account
    connecting.accept(other.flow_id, user=ada, now=NOW)
    connection = Connection.objects.select_related("secret__current").get()
    assert connection.account_id == OTHER_PORTAL
    tokens = vault.use(connection.secret, actor=SYSTEM, purpose="test")
    assert reachable.hubspot(tokens["access_token"].expose()).json["portalId"] == int(OTHER_PORTAL)
    with pytest.raises(ConsentRefused, match="nothing_to_decide"):
        connecting.accept(other.flow_id, user=ada, now=NOW)


def test_only_who_consented_decides_about_another_account(reachable, connection, ada):
    connection.expected_account_id = PORTAL
    connection.save()
    came_back = consent_at(reachable, begin(connection, ada), account=OTHER_PORTAL)
    other = flow.finish(came_back.callback(), user=ada, now=NOW).other_account
    with pytest.raises(ConsentRefused, match="nothing_to_decide"):
        connecting.accept(other.flow_id, user=make_user("Ben", is_owner=True), now=NOW)


def test_no_token_stands_in_the_clear_anywhere(reachable, connection, ada, caplog):
    caplog.set_level("DEBUG")
    connected(reachable, connection, ada)
    tokens = vault.use(connection.secret, actor=SYSTEM, purpose="test")
    found = repr(list(Connection.objects.values())) + repr(list(AuditEvent.objects.values())) + caplog.text
    found += repr(list(OAuthFlow.objects.values())) + repr(list(SecretField.objects.values("name", "blob")))
    for token in tokens.values():
        assert token.expose() not in found


def test_writing_scopes_is_asked_only_when_chosen(connection, ada):
    assert WRITE not in begin(connection, ada)
