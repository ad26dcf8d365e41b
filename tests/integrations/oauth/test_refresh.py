"""A fresh access token for whoever needs one, and what happens when there is none to be had."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integrations import outbound
from integrations.models import AlertEpisode, Connection, OAuthApp
from integrations.oauth import flow, lease
from integrations.oauth.app import mend
from integrations.oauth.due import refresh_due
from integrations.oauth.errors import NeedsReconnecting, NotUsableNow
from integrations.oauth.held import read
from integrations.oauth.refresh import access_token, refresh
from integrations.status import pause
from secrets_vault import vault
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.models import AuditEvent, SecretVersion
from secrets_vault.secret import Secret
from tests.integrations.oauth.world import NOW, begin, connected, consent_at, make_connection

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(minutes=31)


def tokens_of(connection):
    row = read(connection.pk)
    return {name: value.expose() for name, value in vault.use(row.secret, actor=SYSTEM, purpose="test").items()}


def token_calls(sandbox):
    return [call for call in sandbox.arrived() if call["target"].split("?")[0].endswith("/oauth/2026-03/token")]


def never(*args, **kwargs):
    raise AssertionError("nothing may be sent")


@pytest.fixture
def live(reachable, connection, ada):
    return connected(reachable, connection, ada)


def test_a_living_token_is_used_as_it_is(live):
    assert access_token(live, now=NOW + timedelta(minutes=20), send=never).expose() == tokens_of(live)["access_token"]


def test_an_expired_token_is_replaced_on_demand(reachable, live):
    before = tokens_of(live)
    fresh = access_token(live, now=LATER)
    assert fresh.expose() != before["access_token"]
    assert reachable.hubspot(fresh.expose()).status == 200
    row = read(live.pk)
    assert row.access_expires_at > LATER + timedelta(minutes=29)
    assert (row.refresh_intent_at, row.refresh_lease_owner, row.refresh_failures) == (None, "", 0)
    assert AuditEvent.objects.filter(action="connection.refreshed").count() == 1


def test_an_absent_refresh_token_means_that_the_old_one_stays(live):
    before = tokens_of(live)

    def send(*args, **kwargs):
        return outbound.Answer(200, (), b'{"access_token": "fresh", "expires_in": 60, "token_type": "bearer"}')

    refresh(live, now=LATER, send=send)
    assert tokens_of(live) == {"access_token": "fresh", "refresh_token": before["refresh_token"]}


def test_a_rotated_refresh_token_is_stored_and_the_old_version_kept(reachable, live):
    reachable.control(rotate=True)
    before = tokens_of(live)
    refresh(live, now=LATER)
    after = tokens_of(live)
    assert after["refresh_token"] != before["refresh_token"]
    states = list(SecretVersion.objects.filter(secret=read(live.pk).secret).values_list("state", flat=True))
    assert states == ["current", "grace"]


@pytest.mark.parametrize("expires_in", ["", '"soon"', "null", "true", "[1]", "1e999", "-5", "99999999999999999999999"])
def test_a_missing_or_mad_lifetime_falls_back_to_the_documented_one(reachable, ada, expires_in):
    connection = make_connection(reachable.line, user=ada, oauth={"access_token_ttl_s": 1800})
    live = connected(reachable, connection, ada)
    field = f', "expires_in": {expires_in}' if expires_in else ""

    def send(*args, **kwargs):
        return outbound.Answer(200, (), f'{{"access_token": "fresh"{field}}}'.encode())

    row = refresh(live, now=LATER, send=send).connection
    assert row.access_expires_at > LATER + timedelta(minutes=29)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, b'{"error": "invalid_grant"}', "invalid_grant"),
        (400, b'{"status": "BAD_REFRESH_TOKEN", "message": "x"}', "bad_refresh_token"),
        (200, b'{"ok": false, "error": "token_revoked"}', "token_revoked"),
        (200, b'{"error": "bad_refresh_token"}', "bad_refresh_token"),
        (401, b'{"error": "invalid_grant", "error_description": "\\u00e4 bad \\"token\\""}', "invalid_grant"),
    ],
)
def test_a_dead_grant_needs_reconnecting_and_is_not_tried_again(live, status, body, code):
    with pytest.raises(NeedsReconnecting):
        access_token(live, now=LATER, send=lambda *a, **k: outbound.Answer(status, (), body))
    row = read(live.pk)
    assert (row.status, row.status_code, row.refresh_due_at) == ("needs_reconnecting", code, None)
    assert AlertEpisode.objects.filter(connection=live, closed_at=None).count() == 1
    with pytest.raises(NeedsReconnecting):
        access_token(live, now=LATER, send=never)
    assert refresh_due(now=LATER + timedelta(days=1), send=never) == 0


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, b'{"error": "invalid_grant"}'),
        (500, b"oops"),
        (503, b'{"error": "invalid_grant"}'),
        (408, b"{}"),
        (200, b"<html>maintenance</html>"),
        (200, b"[" * 100_000),
        (200, b"{}"),
        (200, b'{"access_token": "with\\nbreak"}'),
        (200, b'{"access_token": 7}'),
        (302, b""),
        (400, b'{"error": "temporarily_unavailable"}'),
        (400, b"\xff\xfe"),
    ],
)
def test_a_bad_minute_is_never_taken_for_a_dead_grant(live, status, body):
    with pytest.raises(NotUsableNow) as caught:
        access_token(live, now=LATER, send=lambda *a, **k: outbound.Answer(status, (), body))
    row = read(live.pk)
    assert (row.status, row.refresh_failures) == ("connected", 1)
    assert row.refresh_due_at >= LATER + timedelta(seconds=1)
    assert not {"maintenance", "oops", "break"} & set((repr(caught.value.__context__) + str(caught.value)).split())


@pytest.mark.parametrize("error", [outbound.Unreachable("x"), outbound.UpstreamTimeout("x", was_sent=True)])
def test_while_the_old_token_lives_a_failed_refresh_hurts_nobody(live, error):
    def send(*args, **kwargs):
        raise error

    assert refresh_due(now=NOW + timedelta(minutes=25), send=send) == 0
    assert access_token(live, now=NOW + timedelta(minutes=26), send=never)


def test_retry_after_of_a_token_endpoint_is_honoured(live):
    busy = outbound.Answer(429, ((b"Retry-After", b"120"),), b"{}")
    with pytest.raises(NotUsableNow):
        refresh(live, now=LATER, send=lambda *a, **k: busy)
    with pytest.raises(NotUsableNow):
        refresh(live, now=LATER + timedelta(seconds=119), send=never)
    assert refresh(live, now=LATER + timedelta(seconds=125)).outcome == "refreshed"


def test_after_five_failures_without_a_living_token_it_says_so_and_recovers(live):
    now = LATER
    for _ in range(5):
        with pytest.raises(NotUsableNow):
            refresh(live, now=now, send=lambda *a, **k: outbound.Answer(500, (), b""))
        now += timedelta(minutes=10)
    row = read(live.pk)
    assert (row.status, row.status_code) == ("failing", "unreadable_answer")
    refresh(live, now=now)
    assert read(live.pk).status == "connected"


def test_a_wrong_app_is_said_once_and_stops_all_its_connections(reachable, live, ada):
    def send(*args, **kwargs):
        return outbound.Answer(401, (), b'{"error": "invalid_client"}')

    with pytest.raises(NotUsableNow):
        access_token(live, now=LATER, send=send)
    app = OAuthApp.objects.get()
    assert (app.is_broken, app.broken_code) == (True, "invalid_client")
    assert (read(live.pk).status, read(live.pk).status_code) == ("failing", "oauth_app_broken")
    with pytest.raises(NotUsableNow):
        access_token(live, now=LATER + timedelta(hours=1), send=never)
    assert AuditEvent.objects.filter(action="oauth_app.broken").count() == 1
    mend(app, actor=Actor.of(ada), now=LATER)
    assert refresh_due(now=LATER + timedelta(hours=1)) == 1
    assert read(live.pk).status == "connected"


def test_a_withdrawn_grant_is_found_at_the_provider_itself(reachable, live):
    reachable.control(revoke=True)
    with pytest.raises(NeedsReconnecting):
        access_token(live, now=LATER)


def test_somebody_elses_newer_token_is_used_without_asking(live):
    seen = read(live.pk)
    refresh(live, now=LATER)
    result = refresh(live, now=LATER, seen=seen.secret.current_id, send=never)
    assert result.outcome == "used_newer"


def test_the_losers_invalid_grant_does_not_overwrite_the_winners_token(live):
    def send(*args, **kwargs):
        # While our answer was on its way, another writer stored a newer grant.
        row = read(live.pk)
        vault.replace(row.secret, {"access_token": Secret("w" * 20), "refresh_token": Secret("r" * 20)}, actor=SYSTEM)
        Connection.objects.filter(pk=live.pk).update(
            version=row.version + 1, access_expires_at=LATER + timedelta(hours=1)
        )
        return outbound.Answer(400, (), b'{"error": "invalid_grant"}')

    assert access_token(live, now=LATER, send=send).expose() == "w" * 20
    assert read(live.pk).status == "connected"


def test_a_reconnect_that_finished_meanwhile_wins_over_a_refresh(reachable, live, ada):
    def send(*args, **kwargs):
        answer = outbound.send(*args, **kwargs)
        came_back = consent_at(reachable, begin(live, ada, now=LATER))
        flow.finish(came_back.callback(), user=ada, now=LATER)
        return answer

    result = refresh(live, now=LATER, send=send)
    assert result.outcome == "used_newer"
    assert reachable.hubspot(tokens_of(live)["access_token"]).status == 200


def test_a_refused_token_is_replaced_once_and_not_over_and_over(live):
    used = read(live.pk).secret.current_id
    first = access_token(live, now=NOW + timedelta(minutes=5), refused=used)
    again = access_token(
        live, now=NOW + timedelta(minutes=5, seconds=9), refused=read(live.pk).secret.current_id, send=never
    )
    assert first == again


def test_after_a_crash_the_old_token_is_tried_once_more(reachable, live):
    row = read(live.pk)
    assert lease.take(row, now=NOW)  # and then the process was killed
    assert lease.was_interrupted(read(live.pk))
    assert refresh(live, now=LATER).outcome == "refreshed"
    assert read(live.pk).refresh_intent_at is None


def test_after_two_crashes_it_needs_reconnecting_and_never_loops(live):
    for minutes in (31, 33):
        assert lease.take(read(live.pk), now=NOW + timedelta(minutes=minutes))
    with pytest.raises(NeedsReconnecting):
        refresh(live, now=NOW + timedelta(minutes=35), send=never)
    assert read(live.pk).status_code == "refresh_interrupted"


def test_a_lease_from_a_clock_two_days_ahead_does_not_block(live):
    assert lease.take(read(live.pk), now=NOW + timedelta(days=2))
    assert refresh(live, now=LATER).outcome == "refreshed"


def test_what_a_clock_two_days_ahead_wrote_is_refreshed_again_once(live):
    refresh(live, now=NOW + timedelta(days=2))
    assert refresh_due(now=LATER) == 1
    assert read(live.pk).refreshed_at < LATER + timedelta(minutes=1)
    assert refresh_due(now=LATER + timedelta(minutes=1), send=never) == 0


def test_a_consent_at_a_clock_two_days_ahead_is_refreshed_once(reachable, connection, ada):
    live = connected(reachable, connection, ada, now=NOW + timedelta(days=2))
    assert refresh_due(now=NOW) == 1
    assert refresh_due(now=NOW + timedelta(minutes=1), send=never) == 0
    assert read(live.pk).access_expires_at < NOW + timedelta(hours=1)


def test_a_pause_set_by_a_clock_two_days_ahead_holds_nobody_up(live):
    with pytest.raises(NotUsableNow):
        refresh(live, now=NOW + timedelta(days=2), send=lambda *a, **k: outbound.Answer(503, (), b""))
    assert refresh_due(now=LATER) == 1
    assert read(live.pk).refresh_failures == 0


def test_without_a_refresh_token_the_end_is_said(live):
    row = read(live.pk)
    vault.replace(row.secret, {"access_token": Secret("only-this-one-here")}, actor=SYSTEM)
    with pytest.raises(NeedsReconnecting):
        access_token(live, now=LATER, send=never)
    assert read(live.pk).status_code == "no_refresh_token"


def test_the_sweep_refreshes_what_is_due_and_no_trouble_stops_the_rest(reachable, live, ada):
    other = connected(reachable, make_connection(reachable.line, slug="acme-two", client=live.client, user=ada), ada)
    Connection.objects.filter(pk=live.pk).update(refresh_due_at=NOW)
    vault.destroy(read(live.pk).secret, actor=SYSTEM, reason="test")
    assert refresh_due(now=NOW + timedelta(minutes=25)) == 1
    assert read(other.pk).refreshed_at is not None


def test_a_paused_connection_keeps_its_grant_alive(live, ada):
    pause(live, actor=Actor.of(ada), now=NOW)
    assert refresh_due(now=NOW + timedelta(minutes=25)) == 1
    assert read(live.pk).status == "paused"


def test_tokens_go_to_the_bound_token_endpoint_only(live):
    """Whoever edits the provider's row in the database does not get the refresh token."""
    from integrations.models import CustomProvider

    row = CustomProvider.objects.get()
    row.facts["oauth"]["token_url"] = "https://evil.example/token"
    row.save()
    with pytest.raises(NotUsableNow, match="host_refused"):
        refresh(live, now=LATER, send=never)
    assert read(live.pk).refresh_lease_owner == ""


def test_a_caller_whose_clock_is_behind_does_not_refresh_again(live):
    refresh(live, now=LATER)
    assert refresh(read(live.pk), now=LATER - timedelta(seconds=5), send=never).outcome == "too_young"


def test_a_holder_that_was_held_up_too_long_sends_nothing(live, monkeypatch):
    """The lease must outlive the call: another may already be sending the same refresh token."""
    monkeypatch.setattr(lease, "LEASE", timedelta(seconds=10))
    with pytest.raises(NotUsableNow, match="lease_too_short"):
        refresh(live, now=LATER, send=never)


def test_a_caller_whose_clock_is_behind_does_not_take_the_lease_from_its_holder(live):
    row = read(live.pk)
    assert lease.take(row, now=LATER)
    for behind_s in (0.001, 1, 60):
        assert lease.take(read(live.pk), now=LATER - timedelta(seconds=behind_s)) is None
        assert lease.is_held(read(live.pk), now=LATER - timedelta(seconds=behind_s))
