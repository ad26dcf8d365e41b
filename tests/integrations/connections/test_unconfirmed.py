"""A certain account was expected and the provider names none: said, until a call or a person tells whose it is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations import connections
from integrations.connections import connect_key
from integrations.links.handing import Given, hand_over
from integrations.oauth.revoke import disconnect
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.models import AuditEvent
from secrets_vault.secret import Secret
from tests.factories import make_client, make_membership, make_user
from tests.integrations.links.conftest import request_of, vendor
from tests.integrations.links.vendor import ACCOUNTS, GOOD, OTHERS, make_key_connection

__all__ = ["request_of", "vendor"]
pytestmark = pytest.mark.django_db
NOW = timezone.now()
WANTED = "acc-acme"


@pytest.fixture
def acme():
    return make_client("acme", name="Acme")


@pytest.fixture
def ada(acme):
    user = make_user("Ada")
    make_membership(user, acme)
    return user


@pytest.fixture
def silent(monkeypatch):
    """The vendor says that a key works, and not whose it is."""
    monkeypatch.setitem(ACCOUNTS, GOOD, ("", ""))


@pytest.fixture
def gadgets(acme, vendor):
    return make_key_connection(acme, vendor, expected_account_id=WANTED)


def stored(connection):
    connect_key(connection, {"api_key": Secret(GOOD)}, actor=SYSTEM, now=NOW)
    connections.probe(connection, actor=SYSTEM, now=NOW)
    connection.refresh_from_db()
    return connection


def test_a_key_of_nobody_named_works_and_is_not_confirmed(gadgets, silent):
    connection = stored(gadgets)
    assert (connection.status, connection.account_unconfirmed) == ("connected", True)


def test_a_key_whose_account_is_named_is_confirmed_by_that(gadgets):
    assert (stored(gadgets).account_unconfirmed, gadgets.account_id) == (False, WANTED)


def test_where_nothing_is_expected_nothing_is_asked(acme, vendor, silent):
    assert stored(make_key_connection(acme, vendor)).account_unconfirmed is False


def test_a_key_handed_over_by_a_link_lands_unconfirmed(gadgets, silent, request_of):
    link, _ = request_of(gadgets)
    hand_over(link.items.get(), Given({"api_key": Secret(GOOD)}, {}), now=NOW)
    gadgets.refresh_from_db()
    assert (gadgets.status, gadgets.account_unconfirmed) == ("connected", True)


def test_a_person_confirms_it_once_and_later_tests_do_not_ask_again(gadgets, silent, ada):
    connection = stored(gadgets)
    assert connections.confirm_account(connection, actor=Actor.of(ada)) is True
    assert connections.confirm_account(connection, actor=Actor.of(ada)) is False
    event = AuditEvent.objects.get(action="connection.account_confirmed")
    assert (event.details["account"], event.actor_label) == (WANTED, "Ada")
    connections.probe(connection, actor=SYSTEM, now=NOW + timedelta(days=1))
    connection.refresh_from_db()
    assert connection.account_unconfirmed is False


def test_a_later_test_that_names_it_confirms_it(gadgets, monkeypatch):
    with monkeypatch.context() as quiet:
        quiet.setitem(ACCOUNTS, GOOD, ("", ""))
        connection = stored(gadgets)
        assert connection.account_unconfirmed is True
    connections.probe(connection, actor=SYSTEM, now=NOW + timedelta(days=1))
    connection.refresh_from_db()
    assert (connection.account_unconfirmed, connection.account_id) == (False, WANTED)


def test_a_later_test_that_names_another_fails_as_ever(gadgets, monkeypatch):
    with monkeypatch.context() as quiet:
        quiet.setitem(ACCOUNTS, GOOD, ("", ""))
        connection = stored(gadgets)
    monkeypatch.setitem(ACCOUNTS, GOOD, ACCOUNTS[OTHERS])
    connections.probe(connection, actor=SYSTEM, now=NOW + timedelta(days=1))
    connection.refresh_from_db()
    assert (connection.status, connection.status_code) == ("failing", "other_account")


def test_a_new_key_is_not_what_the_old_one_was_confirmed_for(gadgets, silent, ada):
    connection = stored(gadgets)
    connections.confirm_account(connection, actor=Actor.of(ada))
    connect_key(connection, {"api_key": Secret("gk_" + "d4" * 16)}, actor=SYSTEM, now=NOW)
    assert connection.account_unconfirmed is True


def test_what_is_disconnected_is_nobodys(gadgets, silent):
    connection = stored(gadgets)
    disconnect(connection, actor=SYSTEM, now=NOW)
    connection.refresh_from_db()
    assert connection.account_unconfirmed is False
