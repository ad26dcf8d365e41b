"""Tokens for /api/v1: what they are made of, when they end, and how many requests a minute they give."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from integrations import tokens as gateway_tokens
from integrations.api import tokens
from integrations.api.tokens import BadApiToken
from integrations.models import ApiToken
from secrets_vault.actor import SYSTEM
from secrets_vault.models import AuditEvent
from tests.factories import make_client
from tests.integrations.test_tokens import connect

NOW = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def acme(db):
    return make_client()


def make(client, name="n8n errors", **about):
    token, text = tokens.make(client, name, actor=SYSTEM, now=about.pop("now", NOW), **about)
    return token, text.expose()


def test_a_token_is_found_by_its_text_and_kept_only_as_a_hash(acme):
    token, text = make(acme)
    assert tokens.find(text, now=NOW) == token
    assert text.startswith("kla_")
    assert len(text) == tokens.TEXT.length
    row = ApiToken.objects.filter(pk=token.pk).values().get()
    assert text not in str(row)
    assert text[10:] not in str(AuditEvent.objects.values())


def test_the_two_kinds_of_token_do_not_open_each_other(acme):
    _token, text = make(acme)
    _gateway, klg = gateway_tokens.make(acme, "n8n", [connect(acme)], actor=SYSTEM)
    assert gateway_tokens.find(text) is None
    assert tokens.find(klg.expose(), now=NOW) is None
    assert tokens.find("kla_" + klg.expose()[4:], now=NOW) is None


def test_a_slip_of_one_character_opens_nothing(acme):
    _token, text = make(acme)
    for place in (0, 5, 30, len(text) - 1):
        slipped = text[:place] + ("a" if text[place] != "a" else "b") + text[place + 1 :]
        assert not tokens.TEXT.is_well_formed(slipped)
    assert not tokens.TEXT.is_well_formed(text + "\n")


def test_a_rolled_token_opens_by_both_texts_until_the_old_one_ends(acme):
    token, old = make(acme)
    new = tokens.roll(token, actor=SYSTEM, now=NOW, keep=timedelta(hours=1)).expose()
    assert tokens.find(old, now=NOW + timedelta(minutes=59)) == token
    assert tokens.find(old, now=NOW + timedelta(minutes=61)) is None
    assert tokens.find(new, now=NOW + timedelta(minutes=61)) == token


def test_the_text_of_a_test_opens_the_token_for_one_minute(acme):
    token, _text = make(acme)
    text = tokens.for_a_test(token, actor=SYSTEM, now=NOW).expose()
    assert tokens.find(text, now=NOW + timedelta(seconds=59)) == token
    assert tokens.find(text, now=NOW + timedelta(seconds=61)) is None


@pytest.mark.parametrize("end", ["revoked", "over"])
def test_a_token_that_has_ended_opens_nothing_and_cannot_be_tested(acme, end):
    token, text = make(acme, expires_at=NOW + timedelta(hours=1))
    later = NOW + timedelta(hours=2) if end == "over" else NOW
    if end == "revoked":
        tokens.revoke(token, actor=SYSTEM, now=NOW)
    assert tokens.find(text, now=later) is None
    assert not tokens.take(token, ip="", now=later)
    with pytest.raises(BadApiToken):
        tokens.for_a_test(token, actor=SYSTEM, now=later)


def test_a_minute_gives_so_many_requests_and_the_next_one_as_many_again(acme):
    token, _text = make(acme, per_minute=3)
    assert [tokens.take(token, ip="10.0.0.1", now=NOW) for _ in range(5)] == [True] * 3 + [False] * 2
    assert tokens.take(token, ip="10.0.0.2", now=NOW + timedelta(seconds=30))
    token.refresh_from_db()
    assert (token.minute_count, token.last_used_ip) == (1, "10.0.0.2")


def test_a_clock_put_back_does_not_stop_a_token(acme):
    token, _text = make(acme, per_minute=1)
    assert tokens.take(token, ip="", now=NOW + timedelta(days=2))
    assert tokens.take(token, ip="", now=NOW)


@pytest.mark.parametrize(
    "about",
    [{"name": " "}, {"tool": "gateway"}, {"per_minute": 0}, {"per_minute": 601}, {"expires_at": NOW}],
    ids=str,
)
def test_what_cannot_be_is_refused(acme, about):
    with pytest.raises(BadApiToken):
        make(acme, **about)
    assert not ApiToken.objects.exists()


def test_a_name_is_one_tokens_and_a_connection_the_clients_own(acme):
    make(acme)
    with pytest.raises(BadApiToken):
        make(acme)
    with pytest.raises(BadApiToken):
        make(make_client("beta"), connection=connect(acme))
