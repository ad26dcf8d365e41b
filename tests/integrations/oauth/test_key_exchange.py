"""Two-step API keys: a pasted key is exchanged for a token that calls carry, and nobody else ever sees the key."""

from __future__ import annotations

import base64
import json
import logging
from datetime import timedelta
from urllib.parse import parse_qs

import pytest

from integrations import outbound
from integrations.connections import BadValue, disconnect, probe
from integrations.connections.granting import connect_exchange
from integrations.gateway.route import TokenFacts, routed
from integrations.models import Connection, CustomProvider, Message
from integrations.models.call import NO_TOKEN
from integrations.oauth import lease as leases
from integrations.oauth.due import refresh_due
from integrations.oauth.errors import NeedsReconnecting, NotUsableNow
from integrations.oauth.held import read
from integrations.oauth.refresh import access_token, refresh
from integrations.providers.custom import custom_from
from integrations.providers.reading import BadFacts
from integrations.status import Status
from secrets_vault import vault
from secrets_vault.actor import COMMAND
from secrets_vault.errors import PolicyRefused
from secrets_vault.models import AuditEvent
from secrets_vault.secret import Secret
from tests.factories import make_client
from tests.integrations.oauth.world import NOW

pytestmark = pytest.mark.django_db
URL = "https://id.vendor.example/auth/token"
KEY, KEY2, TOKEN = "key-CANARY-0123456789", "key-CANARY-9876543210", "at-CANARY-1"
ANY = TokenFacts(NO_TOKEN, "t", None, frozenset(), (), None, None, None, None, None, ())
EXCHANGE = {"url": URL, "body": {"apiKey": "{api_key}"}, "token_at": "data.token", "expires_at": "data.ttl"}


def described(**exchange):
    table = {"base_url": "https://api.vendor.example", "exchange": EXCHANGE | exchange}
    return custom_from(table, key="custom-keys", name="Vendor", today=NOW.date(),
                       probe={"method": "GET", "path": "/me"})  # fmt: skip


def made(**exchange):
    CustomProvider.objects.update_or_create(
        key="custom-keys", defaults={"name": "Vendor", "facts": described(**exchange)}
    )
    client = make_client()
    return Connection.objects.create(
        slug="acme-keys", client=client, environment=client.environments.first(), provider_key="custom-keys",
        kind="key_exchange",
    )  # fmt: skip


def kept(fields=None, **exchange):
    connection = made(**exchange)
    connect_exchange(connection, fields or {"api_key": Secret(KEY)}, actor=COMMAND, now=NOW)
    return connection


class Vendor:
    """The token address and the probe of a vendor; keeps what arrived."""

    def __init__(self, ttl=600) -> None:
        self.asked, self.probed, self.status, self.meanwhile = [], [], 200, lambda: None
        self.answer = {"data": {"token": TOKEN, "ttl": ttl}}

    def __call__(self, method, url, *, headers, body=None, **_):
        sent = {(k.decode() if isinstance(k, bytes) else k).lower(): v for k, v in
                (headers.items() if isinstance(headers, dict) else headers)}  # fmt: skip
        if url.endswith("/me"):
            self.probed.append(sent["authorization"].decode())
            return outbound.Answer(200, (), b"{}")
        self.asked.append((method, url, sent, body))
        self.meanwhile()
        return outbound.Answer(self.status, (), json.dumps(self.answer).encode())


def told(caplog, *more):
    rows = [*AuditEvent.objects.values_list("details", "object_label"), *Message.objects.values_list("subject", "body")]
    return f"{caplog.text} {rows} {more}"


def test_the_key_goes_to_its_one_address_and_the_token_into_calls(caplog):
    caplog.set_level(logging.DEBUG)
    vendor, connection = Vendor(), kept()
    assert probe(connection, actor=COMMAND, now=NOW, send=vendor).is_good
    method, url, headers, body = vendor.asked[0]
    assert (method, url, headers["content-type"]) == ("POST", URL, "application/json")
    assert json.loads(body) == {"apiKey": KEY}
    assert vendor.probed == [f"Bearer {TOKEN}"]
    row = read(connection.pk)
    assert row.status == Status.CONNECTED
    assert timedelta(seconds=599) < row.access_expires_at - NOW < timedelta(seconds=610)
    assert vault.use(row.secret, actor=COMMAND, purpose="t").keys() == {"access_token"}
    assert "CANARY" not in told(caplog, repr(vendor.answer["data"].keys()))


def test_a_call_through_the_gateway_carries_the_token_and_is_bound_as_any_other():
    vendor, connection = Vendor(), kept()
    access_token(connection, now=NOW, send=vendor)
    assert routed(ANY, Connection.objects.select_related("secret__current").get()).problem in (None, "")
    row = read(connection.pk)
    assert row.grant_secret.policy == {"hosts": ["id.vendor.example"], "slots": ["body:apiKey"]}
    assert "api.vendor.example" in row.secret.policy["hosts"]
    with pytest.raises(PolicyRefused):
        vault.check_policy(row.grant_secret, host="api.vendor.example", slot="header:authorization")


def test_one_token_serves_until_it_ends_and_is_replaced_ahead_of_that():
    vendor, connection = Vendor(), kept()
    for minute in (0, 3, 6):
        access_token(connection, now=NOW + timedelta(minutes=minute), send=vendor)
    assert len(vendor.asked) == 1
    vendor.answer["data"]["token"] = "at-2"
    assert refresh_due(now=NOW + timedelta(minutes=9), send=vendor) == 1
    assert access_token(connection, now=NOW + timedelta(minutes=9), send=vendor).expose() == "at-2"
    assert len(vendor.asked) == 2


def test_a_token_that_the_upstream_refuses_is_exchanged_anew():
    vendor, connection = Vendor(), kept()
    access_token(connection, now=NOW, send=vendor)
    vendor.answer["data"]["token"] = "at-2"
    refused = read(connection.pk).secret.current_id
    assert access_token(connection, now=NOW + timedelta(minutes=2), refused=refused, send=vendor).expose() == "at-2"


@pytest.mark.parametrize("ttl", [None, "later", -5])
def test_a_token_whose_end_nobody_says_is_used_until_it_is_refused(ttl):
    vendor, connection = Vendor(ttl), kept()
    access_token(connection, now=NOW, send=vendor)
    assert read(connection.pk).access_expires_at is None
    access_token(connection, now=NOW + timedelta(days=30), send=vendor)
    assert len(vendor.asked) == 1


def test_an_end_in_writing_and_a_lifetime_of_the_facts_are_read():
    ends = Vendor("2026-11-22T12:30:00Z")
    connection = kept()
    access_token(connection, now=NOW, send=ends)
    assert abs(read(connection.pk).access_expires_at - NOW - timedelta(minutes=30)) < timedelta(seconds=9)
    CustomProvider.objects.update(facts=described(ttl_s=1200, expires_at=""))
    refresh(read(connection.pk), now=NOW + timedelta(minutes=29), send=ends)
    assert timedelta(minutes=48) < read(connection.pk).access_expires_at - NOW < timedelta(minutes=50)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_needs_a_person_and_the_next_one_mends_it(status, caplog):
    caplog.set_level(logging.DEBUG)
    vendor, connection = Vendor(), kept()
    vendor.status, vendor.answer = status, {"error": f"{KEY} is bad", "message": KEY}
    with pytest.raises(NeedsReconnecting) as refused:
        access_token(connection, now=NOW, send=vendor)
    row = read(connection.pk)
    assert (row.status, row.status_code) == (Status.NEEDS_RECONNECTING, "key_refused")
    assert "CANARY" not in told(caplog, repr(refused.value), row.status_code)
    vendor.status, vendor.answer = 200, {"data": {"token": TOKEN, "ttl": 600}}
    connect_exchange(row, {"api_key": Secret(KEY2)}, actor=COMMAND, now=NOW)
    assert access_token(connection, now=NOW, send=vendor).expose() == TOKEN
    assert json.loads(vendor.asked[-1][3]) == {"apiKey": KEY2}
    assert read(connection.pk).grant_secret.versions.count() == 2


@pytest.mark.parametrize(
    ("status", "answer"), [(500, {}), (429, {}), (400, {"x": 1}), (200, {"data": {}}), (200, ["x"])]
)
def test_a_busy_or_odd_answer_is_tried_again_later_and_the_key_lives(status, answer):
    vendor, connection = Vendor(), kept()
    vendor.status, vendor.answer = status, answer
    with pytest.raises(NotUsableNow):
        access_token(connection, now=NOW, send=vendor)
    row = read(connection.pk)
    assert (row.status, row.refresh_failures) == (Status.UNTESTED, 1)
    assert row.refresh_due_at > NOW


@pytest.mark.parametrize(
    ("exchange", "fields", "check"),
    [
        ({"encoding": "form", "body": {"key": "{api_key}", "secret": "{api_secret}", "grant": "password"}},
         {"api_key": KEY, "api_secret": "s&=x"},
         lambda h, b: parse_qs(b.decode()) == {"key": [KEY], "secret": ["s&=x"], "grant": ["password"]}),
        ({"encoding": "form", "body": {}, "basic": True}, {"username": "jo", "password": KEY},
         lambda h, b: base64.b64decode(h["authorization"].removeprefix("Basic ")).decode() == f"jo:{KEY}"),
        ({"method": "GET", "body": {}, "headers": {"X-Api-Key": "{api_key}"}}, {"api_key": KEY},
         lambda h, b: h["x-api-key"] == KEY and not b),
        ({"body": {"apiKey": "{api_key}"}}, {"api_key": "{other} {api_key}"},
         lambda h, b: json.loads(b) == {"apiKey": "{other} {api_key}"}),
    ],
)  # fmt: skip
def test_a_key_is_sent_as_the_facts_say_and_never_in_the_address(exchange, fields, check):
    vendor = Vendor()
    connection = kept({name: Secret(text) for name, text in fields.items()}, **exchange)
    access_token(connection, now=NOW, send=vendor)
    _, url, headers, body = vendor.asked[0]
    assert url.rstrip("?") == URL
    assert check(headers, body)


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({}, "api_key"),
        ({"api_key": ""}, "api_key"),
        ({"api_key": "a\nb"}, "api_key"),
        ({"api_key": KEY, "x": "y"}, "x"),
    ],
)
def test_what_cannot_be_sent_is_not_stored(fields, at):
    connection = made()
    with pytest.raises(BadValue) as bad:
        connect_exchange(connection, {n: Secret(v) for n, v in fields.items()}, actor=COMMAND, now=NOW)
    assert bad.value.field == at
    assert read(connection.pk).grant_secret is None


@pytest.mark.parametrize(
    ("exchange", "reason"),
    [
        ({"url": ""}, "is missing"),
        ({"url": "https://id.vendor.example/t?x=1"}, "must not hold a query"),
        ({"method": "GET"}, "never stands in an address"),
        ({"body": {}}, "belong together"),
        ({"body": {"k": "{token}"}}, "must hold {api_key}"),
        ({"body": {"a b": "{api_key}"}}, "is no name of a field"),
        ({"headers": {"Host": "{api_key}"}}, "cannot be set here"),
        ({"fields": [{"name": "other", "words": "Other"}]}, "goes nowhere"),
        ({"dead_statuses": [429]}, "refuse for good"),
        ({"token_at": ""}, "must say where"),
        ({"surprise": 1}, "is not a known field"),
    ],
)
def test_a_description_that_would_leak_or_do_nothing_is_refused(exchange, reason):
    with pytest.raises(BadFacts, match=reason):
        described(**exchange)


def test_an_exchange_and_a_consent_are_two_descriptions():
    table = {"base_url": "https://api.vendor.example", "token_url": URL, "exchange": EXCHANGE}
    with pytest.raises(BadFacts, match="two ways to a token"):
        custom_from(table, key="custom-x", name="X", today=NOW.date())


def test_disconnecting_says_that_the_key_lives_on_at_the_provider():
    vendor, connection = Vendor(), kept()
    access_token(connection, now=NOW, send=vendor)
    row = read(connection.pk)
    outcome = disconnect(row, actor=COMMAND, now=NOW, send=vendor)
    assert (outcome.done, outcome.code) == (False, "pasted_key_lives")
    assert "until you delete it there" in outcome.sentence
    row.refresh_from_db()
    assert (row.secret_id, row.grant_secret_id, row.status) == (None, None, Status.NOT_CONNECTED)


def test_while_one_asks_nobody_else_does():
    vendor, connection = Vendor(), kept()
    seen = []
    vendor.meanwhile = lambda: seen.append(leases.take(read(connection.pk), now=NOW))
    access_token(connection, now=NOW, send=vendor)
    assert seen == [None]
