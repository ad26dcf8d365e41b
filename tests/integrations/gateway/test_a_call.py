"""A call through the gateway, from the token to the row in the log."""

from __future__ import annotations

import base64
import threading

import pytest

from tests.integrations.gateway.conftest import KEY

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_call_arrives_with_the_credential_and_leaves_a_row(world):
    answer = world.call("/crm/v3/objects", query=b"limit=1")
    assert (answer.status, answer.body) == (200, b"ok")
    assert world.upstream.requests == [
        b"GET /api/crm/v3/objects?limit=1 HTTP/1.1\r\nHost: %b\r\nAuthorization: Bearer %b\r\n\r\n"
        % (world.upstream.host.encode(), KEY.encode())
    ]
    (call,) = world.calls()
    assert (call.status, call.outcome, call.attempts, call.method) == (200, "ok", 1, "GET")
    assert (call.path, call.host) == ("/api/crm/v3/objects?limit=1", world.upstream.host)
    assert call.token_id == world.token.pk
    assert call.secret_version == 1
    assert answer.header("x-keylodge-request-id") == str(call.pk)
    assert answer.header("x-keylodge-attempts") == "1"


def test_an_answer_that_is_whole_goes_back_in_one_message_and_every_other_as_it_comes(world):
    whole = world.call()
    assert (whole.chunks, whole.is_ended) == ([b"ok"], True)
    second = threading.Event()

    def in_parts(sock, request):
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        assert second.wait(5)  # the first part has arrived while there was no second
        sock.sendall(b"3\r\ntwo\r\n0\r\n\r\n")

    world.upstream.answers = [in_parts]
    answer = world.call(on_chunk=lambda chunk: second.set())
    assert (answer.chunks[0], answer.body, answer.is_ended) == (b"one", b"onetwo", True)
    assert world.calls()[1].response_bytes == 6


def test_a_used_token_says_when_and_from_where(world):
    world.call()
    world.token.refresh_from_db()
    assert (world.token.use_count, world.token.last_used_ip) == (1, "198.51.100.7")
    world.connection.secret.refresh_from_db()
    assert world.connection.secret.last_used_at is not None


def test_the_token_is_accepted_wherever_an_sdk_puts_it(world):
    text = world.text.encode()
    places = [
        [(b"authorization", b"Bearer " + text)],
        [(b"authorization", b"bearer " + text)],
        [(b"x-keylodge-token", text)],
        [(b"authorization", b"Basic " + base64.b64encode(text + b":"))],
        [(b"authorization", b"Basic " + base64.b64encode(b"user:" + text))],
        [(b"authorization", b"Bearer " + text), (b"x-keylodge-token", text)],
    ]
    for headers in places:
        assert world.call(headers=headers).status == 200, headers
    assert all(text not in request for request in world.upstream.requests)
    assert all(KEY.encode() in request for request in world.upstream.requests)


def problem(answer):
    """Return (status, code) of an answer of ours."""
    import json

    assert answer.header("content-type") == "application/problem+json"
    told = json.loads(answer.body)
    assert told["status"] == answer.status
    assert told["request_id"] == answer.header("x-keylodge-request-id")
    return answer.status, told["code"]


def test_without_a_token_or_with_a_wrong_one_nothing_is_called(world):
    from integrations import tokens

    other = tokens.new_text().encode()
    assert problem(world.call(headers=[])) == (401, "token_missing")
    assert problem(world.call(headers=[(b"authorization", b"Bearer sk-other")])) == (401, "token_invalid")
    assert problem(world.call(headers=[(b"authorization", b"Bearer klg_short")])) == (401, "token_invalid")
    assert problem(world.call(headers=[(b"authorization", b"Bearer " + other)])) == (401, "token_invalid")
    two = [(b"authorization", b"Bearer " + world.text.encode()), (b"x-keylodge-token", other)]
    assert problem(world.call(headers=two)) == (400, "token_ambiguous")
    elsewhere = [(b"x-anything", world.text.encode())]
    assert problem(world.call(headers=elsewhere)) == (401, "token_missing")
    assert world.upstream.requests == []


def test_a_slug_outside_the_token_is_not_found(world):
    assert problem(world.call(slug="acme-other")) == (404, "connection_not_found")
    assert world.upstream.requests == []
