"""A connection from its making to its end, with keys that providers accept, refuse and mix up."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from integrations import connections, outbound
from integrations.connections import BadValue, ConnectionChanged
from integrations.connections.making import CannotMake
from integrations.models import Connection, CustomProvider
from integrations.providers.custom import custom_from
from secrets_vault import vault
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.errors import PolicyRefused
from secrets_vault.models import AuditEvent, StoredSecret
from secrets_vault.secret import Secret
from tests.factories import make_client, make_user
from tests.fake_upstream import FakeUpstream

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEY = Secret("sk_live_0123456789abcdefCANARY")
INJECTIONS = {
    "header": {"in": "header", "name": "X-Api-Key", "template": "{token}"},
    "query": {"in": "query", "name": "api_key", "template": "{token}"},
}


@pytest.fixture
def ada(db):
    return Actor.of(make_user("Ada", is_owner=True))


@pytest.fixture
def upstream(settings):
    with FakeUpstream() as upstream:
        settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]
        yield upstream


def answer(status, table=None, **headers):
    body = json.dumps(table or {}).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n"
    return (head + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n").encode() + body


@pytest.fixture
def make(upstream, ada):
    """Return a function that makes a connection to the upstream."""

    def made(kind="api_key", where="header", **more):
        client = more.pop("client", None) or make_client()
        probe = {"method": "GET", "path": "/me"}
        facts = {"probe": probe, "identity": {"probe_id": "id", "probe_name": "name"}} | more.pop("facts", {})
        table = {"base_url": upstream.url, "inject": INJECTIONS[where]}
        facts = custom_from(table, key="custom-crm", name="A CRM", today=date(2026, 11, 22), **facts)
        CustomProvider.objects.get_or_create(key="custom-crm", defaults={"name": "A CRM", "facts": facts})
        environment = client.environments.get(slug=more.pop("environment", "production"))
        return connections.create_connection(
            client, environment, provider_key="custom-crm", kind=kind, actor=ada, now=NOW, **more
        )

    return made


def test_slugs_are_made_from_client_provider_and_environment_and_never_collide(make, ada):
    acme = make_client()
    slugs = [make(client=acme, environment=name).slug for name in ("production", "staging", "production")]
    assert slugs == ["acme-crm", "acme-crm-staging", "acme-crm-2"]


@pytest.mark.parametrize("slug", ["new", "Acme", "a b", "../x", "a/b", "ä", "a" * 81, "<script>"])
def test_a_slug_that_could_not_stand_in_a_path_is_refused(make, slug):
    with pytest.raises(CannotMake) as caught:
        make(slug=slug)
    assert caught.value.field == "slug"


def test_a_taken_slug_is_refused_and_nothing_is_made(make):
    make(slug="mine")
    with pytest.raises(CannotMake):
        make(slug="mine", client=make_client("other"))
    assert Connection.objects.count() == 1


def test_an_environment_of_another_client_is_refused(make, ada):
    make()
    other = make_client("other")
    with pytest.raises(CannotMake):
        connections.create_connection(
            Connection.objects.get().client, other.environments.first(), provider_key="custom-crm",
            kind="api_key", actor=ada, now=NOW,
        )  # fmt: skip


def test_a_key_is_stored_bound_to_the_providers_host_and_slot(make, upstream, ada):
    connection = make()
    stored = connections.connect_key(connection, {"api_key": KEY}, actor=ada, now=NOW, made_on=date(2026, 8, 1))
    assert (connection.status, stored.current.made_on) == ("untested", date(2026, 8, 1))
    vault.check_policy(stored, host=upstream.host, slot="header:x-api-key")
    for host, slot in (("evil.example", "header:x-api-key"), (upstream.host, "query:api_key")):
        with pytest.raises(PolicyRefused):
            vault.check_policy(stored, host=host, slot=slot)


@pytest.mark.parametrize("where", ["header", "query"])
def test_a_key_that_works_is_called_connected(make, upstream, ada, where):
    upstream.answers = [answer(200, {"id": 7, "name": "Acme GmbH"})]
    connection = make(where=where)
    connections.connect_key(connection, {"api_key": KEY}, actor=ada, now=NOW)
    result = connections.probe(connection, actor=ada, now=NOW)
    assert (result.outcome, result.status, str(result)) == ("works", 200, "It works.")
    assert (connection.status, connection.account_id, connection.account_name) == ("connected", "7", "Acme GmbH")
    assert KEY.expose().encode() in upstream.requests[0]


@pytest.mark.parametrize(
    ("status", "outcome", "state"),
    [
        (401, "refused", "failing"),
        (403, "refused", "failing"),
        (404, "refused", "failing"),
        (302, "refused", "failing"),
        (429, "busy", "untested"),
        (500, "failing", "untested"),
        (503, "failing", "untested"),
    ],
)
def test_only_what_the_provider_says_of_the_key_changes_the_state(make, upstream, ada, status, outcome, state):
    upstream.answers = [answer(status, Location="https://evil.example/")]
    connection = make()
    connections.connect_key(connection, {"api_key": KEY}, actor=ada, now=NOW)
    assert connections.probe(connection, actor=ada, now=NOW).outcome == outcome
    assert connection.status == state
    assert upstream.connections == 1


def test_an_unreachable_provider_is_no_verdict_on_the_key(make, upstream, ada):
    connection = make()
    connections.connect_key(connection, {"api_key": KEY}, actor=ada, now=NOW)
    upstream.close()
    assert connections.probe(connection, actor=ada, now=NOW).outcome == "unreachable"
    assert connection.status == "untested"


def test_slacks_200_with_a_no_inside_is_a_no(make, upstream, ada):
    upstream.answers = [answer(200, {"ok": False})]
    connection = make(facts={"probe": {"method": "GET", "path": "/me", "true_at": "ok"}})
    connections.connect_key(connection, {"api_key": KEY}, actor=ada, now=NOW)
    assert connections.probe(connection, actor=ada, now=NOW).outcome == "refused"


def test_a_key_of_another_account_is_noticed(make, upstream, ada):
    upstream.answers = [answer(200, {"id": "A"}), answer(200, {"id": "B"})]
    connection = make()
    connections.connect_key(connection, {"api_key": KEY}, actor=ada, now=NOW)
    connections.probe(connection, actor=ada, now=NOW)
    connections.connect_key(connection, {"api_key": Secret("sk_live_of_another_account")}, actor=ada, now=NOW)
    result = connections.probe(connection, actor=ada, now=NOW)
    assert (result.outcome, result.account_id) == ("other_account", "B")
    assert (connection.status, connection.status_code, connection.account_id) == ("failing", "other_account", "A")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "nothing"),
        ("sk\r\nX-Evil: 1", "line break"),
        ("sk\nlive", "line break"),
        ("sk\tlive", "control"),
        ("sk\x00live", "control"),
        ("sk\x7flive", "control"),
        (" sk_live", "space"),
        ("sk_live\n", "line break"),
        ("sk_live\u2026", "word processor"),
        ("x" * 1_000_000, "longer"),
    ],
)
def test_a_value_that_could_not_be_sent_is_refused_before_it_is_stored(make, ada, value, why):
    connection = make()
    with pytest.raises(BadValue, match=why) as caught:
        connections.connect_key(connection, {"api_key": Secret(value)}, actor=ada, now=NOW)
    assert caught.value.field == "api_key"
    assert len(value) < 5 or value not in str(caught.value) + repr(caught.value.__context__)
    assert StoredSecret.objects.count() == 0


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("api_key", {"token": "x"}),
        ("bearer", {"api_key": "x"}),
        ("basic", {"username": "u"}),
        ("basic", {"username": "a:b", "password": "p"}),
        ("basic", {"username": "u", "password": "p", "api_key": "x"}),
    ],
)
def test_fields_of_another_kind_are_refused(make, ada, kind, fields):
    connection = make(kind=kind)
    with pytest.raises(BadValue):
        connections.connect_key(connection, {n: Secret(v) for n, v in fields.items()}, actor=ada, now=NOW)


def test_a_password_may_hold_what_a_key_may_not(make, upstream, ada):
    connection = make(kind="basic")
    fields = {"username": Secret("ada"), "password": Secret(" pässwörd … ")}
    connections.connect_key(connection, fields, actor=ada, now=NOW)
    assert connections.probe(connection, actor=ada, now=NOW).outcome == "works"


def test_a_latin_1_character_arrives_as_one_byte(make, upstream, ada):
    connection = make()
    connections.connect_key(connection, {"api_key": Secret("clé-0123456789")}, actor=ada, now=NOW)
    connections.probe(connection, actor=ada, now=NOW)
    assert b"X-Api-Key: cl\xe9-0123456789\r\n" in upstream.requests[0]


def test_a_base_url_edited_in_the_database_gets_nothing(make, upstream, ada, settings):
    connection = make()
    connections.connect_key(connection, {"api_key": KEY}, actor=ada, now=NOW)
    with FakeUpstream() as evil:
        settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host, evil.host]
        row = CustomProvider.objects.get()
        row.facts |= {"base_url": evil.url, "allowed_hosts": [evil.host]}
        row.save()
        assert connections.probe(connection, actor=ada, now=NOW).outcome == "unreadable"
        assert evil.connections == 0


def test_a_secret_of_another_client_cannot_be_used(make, ada):
    connection = make()
    stored = connections.connect_key(connection, {"api_key": KEY}, actor=ada, now=NOW)
    other = make(client=make_client("other"))
    with pytest.raises(BadValue):
        connections.use_stored(other, stored, actor=ada, now=NOW)


def test_pausing_remembers_the_state_and_a_probe_does_not_end_it(make, upstream, ada):
    upstream.answers = [answer(200)]
    connection = make()
    connections.connect_key(connection, {"api_key": KEY}, actor=ada, now=NOW)
    connections.pause(connection, actor=ada, now=NOW)
    connections.probe(connection, actor=ada, now=NOW)
    assert connection.status == "paused"
    connection.refresh_from_db()
    connections.resume(connection, actor=ada, now=NOW)
    assert connection.status == "connected"


def test_of_two_writers_who_read_the_same_version_one_is_told(make, ada):
    make()
    first, second = Connection.objects.get(), Connection.objects.get()
    connections.pause(first, actor=ada, now=NOW)
    with pytest.raises(ConnectionChanged):
        connections.set_status(second, "failing", "x", actor=ada, now=NOW)
    assert not AuditEvent.objects.filter(action="connection.failing").exists()


def test_a_disconnected_key_is_gone_from_the_connection_and_can_be_brought_back(make, ada):
    connection = make()
    stored = connections.connect_key(connection, {"api_key": KEY}, actor=ada, now=NOW)
    assert connections.disconnect(connection, actor=ada, now=NOW).done
    assert (connection.status, connection.secret) == ("not_connected", None)
    vault.undelete(stored, actor=SYSTEM)
    assert vault.use(stored, actor=SYSTEM, purpose="test")["api_key"] == KEY


def test_the_sweep_tries_what_nobody_tried_for_a_day(make, upstream, ada):
    upstream.answers = [answer(200)]
    connection = make()
    connections.connect_key(connection, {"api_key": KEY}, actor=ada, now=NOW)
    assert connections.probe_due(now=NOW) == 1
    assert connections.probe_due(now=NOW + timedelta(hours=23)) == 0
    assert connections.probe_due(now=NOW + timedelta(hours=25)) == 1


def test_a_test_planned_by_a_clock_two_days_ahead_is_made_now(make, upstream, ada):
    upstream.answers = [answer(200)]
    connections.connect_key(make(), {"api_key": KEY}, actor=ada, now=NOW)
    assert connections.probe_due(now=NOW + timedelta(days=2)) == 1
    assert connections.probe_due(now=NOW) == 1
    assert connections.probe_due(now=NOW) == 0


def test_no_value_reaches_book_log_or_connection(make, upstream, ada, caplog):
    caplog.set_level("DEBUG")
    upstream.answers = [answer(401)]
    connection = make(where="query")
    connections.connect_key(connection, {"api_key": KEY}, actor=ada, now=NOW)
    result = connections.probe(connection, actor=ada, now=NOW)
    seen = (
        repr(result) + caplog.text + repr(list(AuditEvent.objects.values())) + repr(list(Connection.objects.values()))
    )
    assert "CANARY" not in seen


def test_a_hostile_answer_breaks_nothing(make, ada, upstream):
    connection = make()
    connections.connect_key(connection, {"api_key": KEY}, actor=ada, now=NOW)
    for body in (b"[" * 100_000, b"\xff", b"null", b'{"id": {"a": 1}}', b'{"id": "a\\u0000b"}', b'{"id": true}'):
        sent = connections.probe(
            connection, actor=ada, now=NOW, send=lambda *a, b=body, **k: outbound.Answer(200, (), b)
        )
        assert sent.outcome in ("works", "other_account")
