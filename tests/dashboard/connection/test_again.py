"""Making a call of the log again: at once where all of it is known, else in the console; never twice for one yes."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from django.urls import reverse

from integrations.call_log.keeping import Kept
from integrations.call_log.record import CallRecord
from integrations.call_log.retention import drop_old
from integrations.call_log.rows import masked_row
from integrations.call_log.tables import write_batch
from integrations.gateway.again import FIRST_CALL, Effect, Lack, draft_of, effect_of, first_of, left_of
from integrations.gateway.held.sealing import Request
from integrations.gateway.held.sending import trace_of
from integrations.gateway.retry import Kind
from integrations.models import Call, CallAgain, Connection, CustomProvider, HeldCall
from integrations.models.call import Outcome
from integrations.outbound import split_url
from integrations.providers.custom import custom_from
from integrations.providers.registry import get_provider
from integrations.tokens import new_text
from secrets_vault import generation
from secrets_vault.ids import uuid7
from secrets_vault.models import AuditEvent
from tests.integrations.gateway.conftest import KEY

pytestmark = pytest.mark.django_db(transaction=True)

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
HEAD = [(b"X-Version", b"2"), (b"Authorization", b"Bearer klg_x"), (b"User-Agent", b"n8n"), (b"Host", b"here")]


def host_of(connection):
    return split_url(get_provider(connection.provider_key).base_url)[0].bound_name


def write(connection, **fields):
    """Write a call as the gateway does; it failed by the upstream unless told otherwise."""
    host = "" if fields.get("attempts") == 0 else host_of(connection)
    now = datetime.now(UTC)
    given = {"method": "GET", "target": b"/api/contacts?limit=2", "attempts": 1, "status": 404,
             "outcome": Outcome.CLIENT_ERROR, "request_headers": HEAD, "host": host} | fields  # fmt: skip
    given["request_bytes"] = (
        len(given.get("request_body", b"")) if "request_bytes" not in given else given["request_bytes"]
    )
    record = CallRecord(
        id=uuid7(), at=now, client_id=connection.client_id, connection_id=connection.pk,
        environment_id=connection.environment_id, provider_key=connection.provider_key, **given,
    )  # fmt: skip
    write_batch([record], [masked_row(record)])
    return Call.objects.get(pk=record.id)


@pytest.fixture
def manager(browser_of, ada):
    return browser_of(ada)


def ask(browser, call):
    return browser.get(reverse("dashboard:call_again", args=[call.pk]))


def approval_in(page):
    return re.search(r'name="approval" value="([^"]+)"', page.content.decode())[1]


def make(browser, call, approval=None):
    approval = approval or approval_in(ask(browser, call))
    return browser.post(reverse("dashboard:call_again", args=[call.pk]), {"approval": approval})


def test_a_read_is_made_again_as_it_was_and_the_two_calls_name_each_other(manager, connection, upstream):
    call = write(connection)
    upstream.answers = [OK]
    answer = make(manager, call)
    assert answer.status_code == 200
    sent = upstream.requests[0]
    assert sent.startswith(b"GET /api/contacts?limit=2 ")
    assert b"x-version: 2\r\n" in sent.lower()
    assert b"klg_" not in sent
    assert KEY.encode() in sent
    new = Call.objects.exclude(pk=call.pk).get()
    assert (new.outcome, new.token_name) == ("ok", "Made again by Ada")
    assert f"/calls/{call.pk}/" in manager.get(f"/calls/{new.pk}/").content.decode()
    assert f"/calls/{new.pk}/" in manager.get(f"/calls/{call.pk}/").content.decode()
    event = AuditEvent.objects.get(action="connection.called_again")
    assert event.details == {"method": "GET", "call": str(call.pk)}


def test_one_yes_sends_one_call(manager, connection, upstream):
    call = write(connection, method="DELETE")
    approval = approval_in(ask(manager, call))
    upstream.answers = [OK, OK]
    assert make(manager, call, approval).status_code == 200
    second = make(manager, call, approval)
    new = Call.objects.exclude(pk=call.pk).get()
    assert (second.status_code, second.url) == (302, f"/calls/{new.pk}/")
    assert len(upstream.requests) == 1
    assert manager.post(reverse("dashboard:call_again", args=[call.pk])).status_code == 422
    assert len(upstream.requests) == 1


def test_a_second_click_while_the_first_call_is_under_way_leads_back_to_the_call(manager, connection, upstream):
    call, under_way = write(connection), uuid7()
    CallAgain.objects.create(call_id=under_way, of_id=call.pk, key_id=call.pk, client_id=connection.client_id)
    answer = make(manager, call, str(CallAgain.objects.get().pk))
    assert (answer.status_code, answer.url) == (302, f"/calls/{call.pk}/")
    assert manager.get(answer.url).status_code == 200
    assert upstream.requests == []


@pytest.mark.parametrize(("who", "status"), [("ada", 200), ("olive", 200), ("ben", 404), ("cora", 404)])
def test_who_may_not_use_the_connection_makes_nothing_again(request, browser_of, connection, upstream, who, status):
    call, browser = write(connection), browser_of(request.getfixturevalue(who))
    assert ask(browser, call).status_code == status
    if status == 404:
        assert make(browser, call, str(uuid4())).status_code == 404
        assert browser.get(reverse("dashboard:connection_call", args=[connection.slug])).status_code == 404
        assert upstream.requests == []
    if who == "ben":
        assert "Make this call again" not in browser.get(f"/calls/{call.pk}/").content.decode()


def test_a_write_of_which_the_whole_body_was_kept_is_sent_as_it_was(manager, connection, upstream):
    body = '{"name": "Grüße", "n": 1}'.encode()
    head = [*HEAD, (b"Content-Type", b"application/json")]
    call = write(
        connection, method="POST", request_body=body, request_headers=head, status=429, outcome=Outcome.LIMITED
    )
    page = ask(manager, call).content.decode()
    assert "So nothing happens twice." in page
    upstream.answers = [OK]
    assert make(manager, call).status_code == 200
    assert upstream.requests[0].endswith(b"\r\n\r\n" + body)


@pytest.mark.parametrize(
    ("fields", "lack"),
    [
        ({"method": "POST", "request_body": b'{"password": "hunter2hunter2"}'}, Lack.BODY),
        ({"method": "POST", "request_body": b"a=b", "request_bytes": 70_000}, Lack.BODY),
        ({"method": "POST", "request_bytes": 9, "status": 201, "outcome": Outcome.OK}, Lack.BODY),
        ({"method": "POST", "request_body": "Grüße".encode("latin-1"),
          "request_headers": [(b"Content-Type", b"text/plain; charset=latin-1")]}, Lack.BODY),
        ({"method": "POST", "request_body": b"HELLO".decode().encode("cp500"),
          "request_headers": [(b"Content-Type", b"text/plain; charset=cp500")]}, Lack.BODY),
        ({"method": "PUT", "request_body": b"abc",
          "request_headers": [(b"Content-Encoding", b"identity")]}, Lack.BODY),
        ({"method": "POST", "attempts": 0, "status": 409, "code": "paused", "outcome": Outcome.REFUSED,
          "target": b"/contacts", "request_headers": [*HEAD, (b"Content-Length", b"40")]}, Lack.BODY),
        ({"method": "POST", "attempts": 0, "status": 409, "code": "paused", "outcome": Outcome.REFUSED,
          "target": b"/contacts", "request_headers": [*HEAD, (b"Transfer-Encoding", b"chunked")]}, Lack.BODY),
        ({"method": "POST", "request_body": b"abc",
          "request_headers": [*HEAD, (b"Content-Length", b"7")]}, Lack.BODY),
        ({"target": b"/api/contacts?email=ann%40example.com&token=abcdefghijklmnop1234"}, Lack.PATH),
        ({"target": b"/api/" + b"x" * 2_500}, Lack.PATH),
        ({"target": "/api/grün".encode("latin-1")}, Lack.PATH),
        ({"request_headers": [*HEAD, (b"X-Customer-Secret", b"abcdefghijklmnop1234")]}, Lack.HEADERS),
        ({"request_headers": [*HEAD, (b"X-Note", b"a\tb")]}, Lack.HEADERS),
        ({"target": b"/v9/contacts"}, Lack.MOVED),
        ({"host": "elsewhere.example"}, Lack.MOVED),
        ({"method": "PROPFIND"}, Lack.METHOD),
    ],
)  # fmt: skip
def test_what_is_not_known_whole_is_never_sent_at_once_but_completed_in_the_console(
    manager, connection, upstream, fields, lack
):
    call = write(connection, **fields)
    left = left_of(call, connection)
    assert left.lacks == {lack}
    answer = make(manager, call, str(uuid4()))
    assert (answer.status_code, answer.url) == (302, f"/connections/{connection.slug}/call/?earlier={call.pk}")
    page = manager.get(answer.url)
    assert page.status_code == 200
    assert f'name="earlier" value="{call.pk}"' in page.content.decode()
    assert "in the console" in manager.get(f"/calls/{call.pk}/").content.decode()
    assert upstream.requests == []
    assert not CallAgain.objects.exists()


def test_the_console_sends_what_was_completed_and_refuses_what_was_not(manager, connection, upstream):
    Connection.objects.filter(pk=connection.pk).update(status="connected")
    connection.environment.is_production = False
    connection.environment.save(update_fields=["is_production"])
    call = write(connection, method="POST", request_body=b'{"password": "hunter2hunter2"}')
    assert "****" in draft_of(call, left_of(call, connection))
    address = reverse("dashboard:connection_call", args=[connection.slug])
    form = {"method": "POST", "path": "/contacts", "earlier": str(call.pk)}
    stars = manager.post(address, form | {"body": call.request_body})
    assert stars.status_code == 422
    assert "four stars" in stars.content.decode()
    assert upstream.requests == []
    upstream.answers = [OK]
    assert manager.post(address, form | {"body": '{"password": "new"}'}).status_code == 200
    assert CallAgain.objects.get().of_id == call.pk
    assert Call.objects.exclude(pk=call.pk).get().pk == CallAgain.objects.get().call_id


def test_what_is_completed_in_the_console_is_sent_once_from_one_form(manager, connection, upstream):
    call = write(connection, status=422)
    address = reverse("dashboard:connection_call", args=[connection.slug])
    page = manager.get(address, {"earlier": str(call.pk)})
    form = {"method": "GET", "path": "/contacts", "earlier": str(call.pk), "approval": approval_in(page)}
    upstream.answers = [OK, OK, OK]  # the first also has the connection looked at, which was never seen to work
    first = manager.post(address, form)
    second = manager.post(address, form)
    assert (first.status_code, second.status_code, CallAgain.objects.count()) == (200, 409, 1)
    assert "made once only" in second.content.decode()
    for shown in (first, second):  # what is sent from the page as it is then is another call
        assert approval_in(shown) not in (form["approval"], str(call.pk))
    assert manager.post(address, form | {"approval": approval_in(second)}).status_code == 200
    assert len([sent for sent in upstream.requests if b" /api/contacts " in sent]) == 2


def test_a_test_call_is_sent_once_from_one_form_and_makes_no_other_again(manager, connection, upstream):
    address = reverse("dashboard:connection_call", args=[connection.slug])
    form = {"method": "POST", "path": "/contacts", "body": "{}", "approval": approval_in(manager.get(address))}
    upstream.answers = [OK, OK]
    first, second = (manager.post(address, form | {"sure": "1"}) for _ in range(2))
    assert (first.status_code, second.status_code, CallAgain.objects.count()) == (200, 409, 1)
    assert "made once only" in second.content.decode()
    made = Call.objects.get()
    assert len([sent for sent in upstream.requests if b" /api/contacts " in sent]) == 1
    page = manager.get(reverse("dashboard:call", args=[made.pk]))
    assert reverse("dashboard:call", args=[made.pk]) + '"' not in page.content.decode().partition("<main")[2]


def test_another_connections_call_is_not_taken_for_an_earlier_one(manager, connection, upstream):
    call = write(connection)
    Call.objects.filter(pk=call.pk).update(connection_id=uuid4())
    page = manager.get(reverse("dashboard:connection_call", args=[connection.slug]), {"earlier": str(call.pk)})
    assert page.status_code == 200
    assert f'value="{call.pk}"' not in page.content.decode()
    assert (
        manager.get(reverse("dashboard:connection_call", args=[connection.slug]), {"earlier": "x"}).status_code == 200
    )


def test_a_call_that_waits_is_made_again_from_where_it_waits(manager, connection, token, upstream):
    call = write(connection, status=503, outcome=Outcome.UPSTREAM_ERROR)
    HeldCall.objects.create(
        id=call.pk, client=connection.client, environment=connection.environment, connection=connection, token=token,
        token_name=token.name, held_at=call.at, method="GET", path=call.path,
    )  # fmt: skip
    assert ask(manager, call).url == f"/waiting/{call.pk}/"
    assert make(manager, call, str(uuid4())).url == f"/waiting/{call.pk}/"
    page = manager.get(f"/calls/{call.pk}/").content.decode()
    assert "See the waiting call" in page
    assert "Make this call again" not in page
    assert upstream.requests == []


def kept_and_made(connection, token):
    """Return a call that was kept, and the row in the log of its failing once more when it was made."""
    change_facts(connection, idempotency={"header": "Idempotency-Key", "methods": ["POST"]})
    held = HeldCall.objects.create(
        client=connection.client, environment=connection.environment, connection=connection, token=token,
        token_name=token.name, held_at=datetime.now(UTC), method="POST", path="/contacts",
    )  # fmt: skip
    trace = trace_of(held, Request("POST", b"/contacts", b"", HEAD[:1]), text=new_text())
    failed = {"method": "POST", "status": 500, "outcome": Outcome.UPSTREAM_ERROR}
    return held, write(connection, request_headers=trace.request_headers, **failed)


def test_a_kept_call_that_was_made_and_failed_is_made_again_from_where_it_waits(manager, connection, token, upstream):
    held, call = kept_and_made(connection, token)
    assert ask(manager, call).url == f"/waiting/{held.pk}/"
    assert make(manager, call, str(uuid4())).url == f"/waiting/{held.pk}/"
    page = manager.get(f"/calls/{call.pk}/").content.decode()
    assert "See the waiting call" in page
    assert "Make this call again" not in page
    assert upstream.requests == []


def test_a_kept_call_that_is_forgotten_is_made_again_under_the_key_that_it_had(manager, connection, token, upstream):
    held, call = kept_and_made(connection, token)
    HeldCall.objects.all().delete()
    assert "the same idempotency key" in ask(manager, call).content.decode()
    upstream.answers = [OK]
    assert make(manager, call).status_code == 200
    assert f"idempotency-key: {held.pk}".encode() in upstream.requests[0].lower()
    assert b"x-keylodge" not in upstream.requests[0].lower()


@pytest.mark.parametrize("named", [b"x", b"", b"-"])
def test_a_call_that_names_no_other_as_its_first_is_its_own(connection, named):
    call = write(connection, request_headers=[*HEAD, (FIRST_CALL.encode(), named)])
    assert first_of(call) == call.pk


@pytest.mark.parametrize(
    ("fields", "effect"),
    [
        ({"outcome": Outcome.OK, "status": 200}, Effect.TOOK),
        ({"outcome": Outcome.RECOVERED, "status": 200, "attempts": 2}, Effect.TOOK),
        ({"status": 404}, Effect.NONE),
        ({"status": 429, "outcome": Outcome.LIMITED}, Effect.NONE),
        ({"status": 409, "attempts": 2}, Effect.UNKNOWN),
        ({"status": 500}, Effect.UNKNOWN),
        ({"status": 503}, Effect.UNKNOWN),
        ({"status": None, "outcome": Outcome.CANCELLED}, Effect.UNKNOWN),
        ({"status": 504, "code": "upstream_timeout"}, Effect.UNKNOWN),
        ({"status": 502, "code": "upstream_unreachable"}, Effect.UNKNOWN),
        ({"status": 409, "code": "paused", "attempts": 0}, Effect.NONE),
    ],
)
def test_whether_it_took_effect_is_said_only_where_it_is_known(connection, fields, effect):
    assert effect_of(write(connection, **fields)) is effect


@pytest.mark.parametrize(
    ("method", "fields", "said"),
    [
        ("GET", {}, "only reads"),
        ("DELETE", {}, "also what was made there since"),
        ("PUT", {}, "over whatever was changed there since"),
        ("POST", {"outcome": Outcome.OK, "status": 201}, "It happens a second time"),
        ("PATCH", {"status": 502}, "If it did, it happens twice"),
        ("POST", {"status": 422}, "So nothing happens twice."),
        ("DELETE", {"outcome": Outcome.OK, "status": 204}, "Its headers were not kept"),
    ],
)
def test_what_may_happen_twice_is_said_before_it_is_made(manager, connection, method, fields, said):
    page = ask(manager, write(connection, method=method, **fields)).content.decode()
    assert said in page


def test_a_keyed_write_carries_the_key_of_the_first_call_on(manager, connection, upstream):
    change_facts(connection, idempotency={"header": "Idempotency-Key", "methods": ["POST"]})
    call = write(connection, method="POST", status=500, outcome=Outcome.UPSTREAM_ERROR)
    assert left_of(call, connection).kind is Kind.KEYED
    assert "the same idempotency key" in ask(manager, call).content.decode()
    console = manager.get(reverse("dashboard:connection_call", args=[connection.slug]), {"earlier": str(call.pk)})
    assert "the same idempotency key" not in console.content.decode()  # what is completed there is a call of its own
    assert "it happens twice" in console.content.decode()
    upstream.answers = [OK, OK]
    make(manager, call)
    new = Call.objects.exclude(pk=call.pk).get()
    make(manager, new)
    assert [f"idempotency-key: {call.pk}".encode() in sent.lower() for sent in upstream.requests] == [True, True]


def change_facts(connection, **facts):
    """Give the described provider of a connection other facts."""
    row = CustomProvider.objects.get(key=connection.provider_key)
    row.facts = row.facts | facts
    row.save(update_fields=["facts"])
    generation.bump()


def test_the_gateway_token_that_stood_in_the_query_is_not_a_part_of_the_call(manager, connection):
    key = connection.provider_key
    table = {"base_url": "http://127.0.0.1:1/api", "inject": {"in": "query", "name": "api_key"}}
    injections = custom_from(table, key=key, name="Fake", today=date(2026, 11, 22))["injections"]
    change_facts(connection, injections=injections)
    call = write(connection, target=b"/api/contacts?api_key=klg_" + b"a" * 49 + b"&limit=2")
    left = left_of(call, connection)
    assert (left.path, left.lacks) == ("/contacts?limit=2", frozenset())


def test_a_reported_error_is_no_call_of_ours(manager, connection):
    call = write(connection)
    Call.objects.filter(pk=call.pk).update(source="n8n")
    call.refresh_from_db()
    assert left_of(call, connection) is None
    assert ask(manager, call).url == f"/calls/{call.pk}/"
    assert "Make this call again" not in manager.get(f"/calls/{call.pk}/").content.decode()


def test_what_made_again_is_forgotten_with_the_calls(connection):
    CallAgain.objects.create(call_id=uuid7(), of_id=uuid7(), key_id=uuid7(), client_id=connection.client_id)
    kept = Kept.calls()
    drop_old(kept, now=datetime.now(UTC) + kept.longest - timedelta(minutes=1), sleep=lambda _s: None)
    assert CallAgain.objects.exists()
    drop_old(kept, now=datetime.now(UTC) + kept.longest + timedelta(minutes=1), sleep=lambda _s: None)
    assert not CallAgain.objects.exists()
