"""Gateway tokens: what they are made of, who may use them, and when they end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from integrations import tokens
from integrations.models import Connection, GatewayToken
from secrets_vault import generation
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.models import AuditEvent
from tests.factories import make_client, make_user

NOW = datetime.now(UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme(db):
    """Return Acme."""
    return make_client()


def connect(client, slug="acme-hubspot"):
    """Return a connection of a client."""
    return Connection.objects.create(
        slug=slug, client=client, environment=client.environments.first(), provider_key="hubspot", kind="oauth2"
    )


def make(client, name="n8n", **limits):
    """Return a token and its text."""
    connections = limits.pop("connections", None) or [connect(client)]
    token, text = tokens.make(client, name, connections, actor=limits.pop("actor", SYSTEM), **limits)
    return token, text.expose()


def test_a_token_is_found_by_its_text_and_kept_only_as_a_hash(acme):
    token, text = make(acme)
    assert tokens.find(text) == token
    assert len(text) == tokens.LENGTH
    assert text.startswith("klg_")
    assert text.startswith(token.prefix)
    assert text.encode() not in bytes(token.token_hash)
    row = GatewayToken.objects.values().get()
    assert text not in str(row)


def test_two_tokens_differ(acme):
    connection = connect(acme)
    texts = {make(acme, str(n), connections=[connection])[1] for n in range(20)}
    assert len(texts) == 20


def test_one_wrong_character_is_seen_before_any_look_up(acme, django_assert_num_queries):
    _, text = make(acme)
    slips = [text[:-1] + ("0" if text[-1] != "0" else "1"), text[:10] + "!" + text[11:], text + "0", text[1:], ""]
    slips.append(text[:10] + ("a" if text[10] != "a" else "b") + text[11:])
    with django_assert_num_queries(0):
        assert [tokens.find(slip) for slip in slips] == [None] * len(slips)


def test_a_revoked_token_opens_nothing(acme):
    token, text = make(acme)
    before = generation.current()
    tokens.revoke(token, actor=SYSTEM, now=NOW)
    assert tokens.find(text) is None
    assert token.revoked_at == NOW
    tokens.revoke(token, actor=SYSTEM, now=NOW + timedelta(days=1))
    assert token.revoked_at == NOW
    assert AuditEvent.objects.filter(action="token.revoked").count() == 1
    assert before <= generation.current()


@pytest.mark.django_db(transaction=True)
def test_every_process_is_told_of_a_revocation():
    token, _ = make(make_client())
    before = generation.current()
    tokens.revoke(token, actor=SYSTEM, now=NOW)
    assert generation.current() > before


def test_an_expired_token_opens_nothing(acme):
    _, text = make(acme, expires_at=NOW + timedelta(hours=1))
    assert tokens.find(text, now=NOW) is not None
    assert tokens.find(text, now=NOW + timedelta(hours=1)) is None


def test_both_texts_work_while_a_token_rolls(acme):
    token, old = make(acme)
    new = tokens.roll(token, actor=SYSTEM, now=NOW, keep=timedelta(hours=2)).expose()
    assert old != new
    assert new.startswith(token.prefix)
    assert tokens.find(old, now=NOW) == tokens.find(new, now=NOW) == token
    assert tokens.find(old, now=NOW + timedelta(hours=2)) is None
    assert tokens.find(new, now=NOW + timedelta(hours=2)) == token


def test_rolling_twice_ends_the_first_text(acme):
    token, first = make(acme)
    second = tokens.roll(token, actor=SYSTEM, now=NOW).expose()
    tokens.roll(token, actor=SYSTEM, now=NOW)
    assert tokens.find(first, now=NOW) is None
    assert tokens.find(second, now=NOW) == token


def test_a_revoked_token_is_not_rolled(acme):
    token, _ = make(acme)
    tokens.revoke(token, actor=SYSTEM, now=NOW)
    with pytest.raises(tokens.BadTokenLimits):
        tokens.roll(token, actor=SYSTEM, now=NOW)


def test_making_rolling_changing_and_revoking_are_written_in_the_book_without_the_text(acme):
    ada = make_user(is_owner=True)
    token, text = make(acme, actor=Actor.of(ada), per_minute=100)
    rolled = tokens.roll(token, actor=SYSTEM, now=NOW).expose()
    tokens.change(token, actor=SYSTEM, methods=["GET"])
    tokens.revoke(token, actor=SYSTEM, now=NOW)
    events = list(AuditEvent.objects.filter(action__startswith="token.").order_by("seq"))
    assert [e.action for e in events] == ["token.made", "token.rolled", "token.changed", "token.revoked"]
    assert events[0].details == {"connections": ["acme-hubspot"], "per_minute": 100}
    assert token.created_by == ada
    assert token.methods == ["GET"]
    assert all(secret not in str(vars(event)) for event in events for secret in (text, rolled))


def test_the_book_says_what_a_token_was_and_is(acme):
    hubspot, stripe = connect(acme), connect(acme, "acme-stripe")
    token, _ = make(acme, connections=[hubspot], per_minute=100, paths=["/crm/*"])
    tokens.change(
        token, actor=SYSTEM, name="lead intake", connections=[stripe], per_minute=None, paths=["/crm/*"], expires_at=NOW
    )
    assert (token.name, token.per_minute, list(token.connections.all())) == ("lead intake", None, [stripe])
    assert AuditEvent.objects.get(action="token.changed").details == {
        "name": {"old": "n8n", "new": "lead intake"},
        "connections": {"old": ["acme-hubspot"], "new": ["acme-stripe"]},
        "per_minute": {"old": 100, "new": None},
        "expires_at": {"old": None, "new": NOW.isoformat(sep=" ")},
    }
    tokens.change(token, actor=SYSTEM, name="lead intake", connections=[stripe], paths=["/crm/*"])
    assert AuditEvent.objects.filter(action="token.changed").count() == 1


@pytest.mark.django_db(transaction=True)
def test_every_process_is_told_of_a_change():
    token, _ = make(make_client())
    before = generation.current()
    tokens.change(token, actor=SYSTEM, methods=["GET"])
    assert generation.current() > before


def test_a_change_that_cannot_be_changes_nothing(acme):
    token, _ = make(acme)
    make(acme, "other", connections=list(token.connections.all()))
    stranger = connect(make_client("stranger"), "stranger-hubspot")
    for wrong in ({"connections": [stranger]}, {"connections": []}, {"per_day": 0}, {"name": " "}):
        with pytest.raises(tokens.BadTokenLimits):
            tokens.change(token, actor=SYSTEM, **wrong)
    with pytest.raises(tokens.TokenNameTaken):
        tokens.change(token, actor=SYSTEM, name="other")
    tokens.revoke(token, actor=SYSTEM, now=NOW)
    with pytest.raises(tokens.BadTokenLimits):
        tokens.change(token, actor=SYSTEM, methods=["GET"])
    assert not AuditEvent.objects.filter(action="token.changed").exists()


def test_a_name_is_used_once_per_client(acme):
    connection = connect(acme)
    make(acme, connections=[connection])
    with pytest.raises(tokens.TokenNameTaken):
        make(acme, connections=[connection])


def test_a_token_only_holds_connections_of_its_client(acme):
    stranger = connect(make_client("other"), "other-hubspot")
    with pytest.raises(tokens.BadTokenLimits):
        make(acme, connections=[stranger])
    with pytest.raises(tokens.BadTokenLimits):
        tokens.make(acme, "none", [], actor=SYSTEM)


@pytest.mark.parametrize(
    "limits",
    [
        {"per_minute": 0},
        {"per_day": -1},
        {"max_uses": 0},
        {"min_gap_s": 0},
        {"max_wait_s": -0.1},
        {"max_wait_s": 300.5},
        {"max_wait_s": float("nan")},
        {"min_gap_s": float("nan")},
        {"methods": ["GET POST"]},
        {"paths": ["crm/*"]},
        {"paths": ["/a b"]},
        {"paths": ["/é"]},
        {"ip_ranges": ["999.1.1.1"]},
        {"ip_ranges": ["10.0.0.1/8"]},
        {"speed": 1},
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(acme, limits):
    with pytest.raises(tokens.BadTokenLimits):
        make(acme, **limits)
    assert not GatewayToken.objects.exists()


def test_a_nameless_token_is_refused(acme):
    with pytest.raises(tokens.BadTokenLimits):
        make(acme, " ")
