"""Each place of a credential, byte by byte as it arrives; and what tries to leave its place."""

from __future__ import annotations

import base64
import re
from hashlib import sha256

import pytest

from integrations import tokens
from integrations.models import Connection
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.secret import Secret
from tests.integrations.gateway.conftest import KEY, World, make_provider

pytestmark = pytest.mark.django_db(transaction=True)

HEADER = {"in": "header", "name": "Authorization", "template": "Bearer {token}"}
PATH = {"in": "path", "template": "bot{token}"}
JSON = {"in": "json", "name": "key"}
TWO = {
    "in": "header",
    "name": "DD-API-KEY",
    "more": [{"in": "header", "name": "DD-APPLICATION-KEY", "template": "{application_key}"}],
}
SIGV4 = {"in": "sigv4", "service": "s3", "region": "eu-central-1"}
APPLICATION = [{"name": "application_key", "words": "Application key"}]
SECOND = "app-CANARY-9876543210"
AWS_SECRET = "wJalrXUtnFEMI/CANARY+bPxRfiCYEXAMPLEKEY"


@pytest.fixture
def made(world):
    """Return what makes a connection whose credential goes into a given place, and its world."""

    def make(place, *, kind="api_key", fields=None, slots=None, **facts) -> World:
        key = make_provider(world.upstream, "custom-placed", injections={kind: place}, **facts)
        stored = vault.store(
            actor=SYSTEM,
            client=world.client,
            environment=world.connection.environment,
            kind=kind,
            label="placed",
            fields={name: Secret(value) for name, value in (fields or {"api_key": KEY}).items()},
            policy=vault.Policy((world.upstream.host,), slots),
        )
        connection = Connection.objects.create(
            slug="placed",
            client=world.client,
            environment=world.connection.environment,
            provider_key=key,
            kind=kind,
            secret=stored,
            status=Connection.Status.CONNECTED,
        )
        token, text = tokens.make(world.client, "placed", [connection], actor=SYSTEM)
        return World(world.client, connection, world.upstream, token, text.expose())

    return make


@pytest.fixture
def telegram(made):
    """Return a connection whose credential is a segment of the path."""
    return made(PATH, slots=("path:bot{token}",))


@pytest.fixture
def mandrill(made):
    """Return a connection whose credential is a field of the JSON body."""
    return made(JSON, slots=("json:key",))


def bearer(world: World) -> list[tuple[bytes, bytes]]:
    """Return the header that carries the gateway token."""
    return [(b"authorization", b"Bearer " + world.text.encode())]


def as_json(world: World) -> list[tuple[bytes, bytes]]:
    """Return the headers of a JSON call."""
    return [*bearer(world), (b"content-type", b"application/json")]


def test_two_values_go_into_two_headers(made):
    slots = ("header:dd-api-key", "header:dd-application-key")
    world = made(TWO, fields={"api_key": KEY, "application_key": SECOND}, slots=slots, credential_fields=APPLICATION)
    headers = [*bearer(world), (b"dd_application_key", b"theirs"), (b"Dd-Api-Key", b"theirs")]
    assert world.call("/v1/validate", headers=headers).status == 200
    assert world.upstream.requests == [
        b"GET /api/v1/validate HTTP/1.1\r\nHost: %b\r\nDD-API-KEY: %b\r\nDD-APPLICATION-KEY: %b\r\n\r\n"
        % (world.upstream.host.encode(), KEY.encode(), SECOND.encode())
    ]


def test_a_policy_must_bind_every_slot(made):
    fields = {"api_key": KEY, "application_key": SECOND}
    world = made(TWO, fields=fields, slots=("header:dd-api-key",), credential_fields=APPLICATION)
    assert world.call().status == 403
    assert world.upstream.requests == []


@pytest.mark.parametrize(
    ("place", "slot"),
    [(PATH, "path:{token}"), (JSON, "json:token"), (SIGV4, "sigv4:eu-central-1/sts"), (PATH, "header:authorization")],
)
def test_a_credential_goes_into_no_place_that_its_policy_does_not_bind(made, place, slot):
    is_signed = place is SIGV4
    fields = {"username": "AKIDEXAMPLE", "password": AWS_SECRET} if is_signed else None
    world = made(place, kind="basic" if is_signed else "api_key", fields=fields, slots=(slot,))
    assert world.call("/x", method="POST", headers=as_json(world), body=b"{}").status == 403
    assert world.upstream.requests == []


def test_a_secret_without_its_second_value_is_not_sent(made):
    slots = ("header:dd-api-key", "header:dd-application-key")
    world = made(TWO, slots=slots, credential_fields=APPLICATION)
    assert world.call().status == 200  # the place of a value that is not there goes unsent
    assert b"DD-APPLICATION-KEY" not in world.upstream.requests[0]


@pytest.mark.parametrize(("pair", "sent"), [("{token}:x", "%s:x"), ("api:{token}", "api:%s"), (":{token}", ":%s")])
def test_basic_with_a_fixed_half(made, pair, sent):
    place = {"in": "header", "name": "Authorization", "template": "Basic {basic}", "basic": pair}
    world = made(place, slots=("header:authorization",))
    world.call()
    coded = base64.b64encode((sent % KEY).encode())
    assert b"\r\nAuthorization: Basic %b\r\n" % coded in world.upstream.requests[0]


# The path


def test_a_segment_of_the_path_holds_the_credential_and_no_log_shows_it(telegram):
    answer = telegram.call("/getMe", query=b"a=b", headers=[*bearer(telegram), (b"accept", b"*/*")])
    assert answer.status == 200
    assert telegram.upstream.requests == [
        b"GET /api/bot%b/getMe?a=b HTTP/1.1\r\nHost: %b\r\naccept: */*\r\n\r\n"
        % (KEY.encode(), telegram.upstream.host.encode())
    ]
    (call,) = telegram.calls()
    assert call.path == "/api/bot****/getMe?a=b"


def test_the_gateway_token_may_stand_where_the_credential_goes_in_the_path(telegram):
    text = telegram.text
    assert telegram.call(f"/bot{text}/sendMessage", headers=[]).status == 200
    assert telegram.upstream.requests[0].startswith(b"GET /api/bot%b/sendMessage HTTP/1.1\r\n" % KEY.encode())
    (call,) = telegram.calls()
    assert call.path == "/api/bot****/sendMessage"
    assert text not in "".join(str(value) for value in vars(call).values())


@pytest.mark.parametrize("path", ["/{}/getMe", "/x{}/getMe", "/bot{}x/getMe", "/a/bot{}/getMe", "/bot%20{}/getMe"])
def test_in_another_segment_of_the_path_the_token_opens_nothing(telegram, path):
    assert telegram.call(path.format(telegram.text), headers=[]).status == 401
    assert telegram.upstream.requests == []


def test_a_token_in_the_path_of_another_provider_is_not_sent_on(world):
    assert world.call(f"/bot{world.text}/getMe").status == 401
    assert world.upstream.requests == []


def test_a_pattern_of_paths_is_held_against_what_follows_the_credential(telegram):
    telegram.token.paths = ["/getMe"]
    telegram.token.save()
    assert telegram.call("/getMe").status == 200
    assert telegram.call(f"/bot{telegram.text}/getMe", headers=[]).status == 200
    assert telegram.call(f"/bot{telegram.text}/deleteWebhook", headers=[]).status == 403


@pytest.mark.parametrize(
    ("value", "segment"),
    [
        ("123:ABC-d_e", b"bot123:ABC-d_e"),
        ("a/../b", b"bota%2F..%2Fb"),
        ("a?b#c", b"bota%3Fb%23c"),
        ("a b", b"bota%20b"),
        ("a\r\nHost: evil.test", b"bota%0D%0AHost:%20evil.test"),
        ("a%2fb", b"bota%252fb"),
        ("ä", b"bot%C3%A4"),
    ],
)
def test_a_value_cannot_leave_its_segment(made, value, segment):
    world = made(PATH, fields={"api_key": value}, slots=("path:bot{token}",))
    assert world.call("/x").status == 200
    assert world.upstream.requests[0].startswith(b"GET /api/%b/x HTTP/1.1\r\nHost: " % segment)
    assert world.upstream.requests[0].lower().count(b"\r\nhost:") == 1


@pytest.mark.parametrize("value", ["..", ".", "..;x"])
def test_a_value_cannot_be_a_dot_segment(made, value):
    world = made({"in": "path", "template": "{token}"}, fields={"api_key": value}, slots=("path:{token}",))
    assert world.call("/x").status == 409
    assert world.upstream.requests == []


def test_a_redirect_does_not_tell_the_caller_the_credential(telegram):
    where = b"https://api.telegram.org/bot%b/getMe/" % KEY.encode()
    telegram.upstream.answers = [
        b"HTTP/1.1 301 Moved\r\nLocation: %b\r\nLink: <%b>; rel=next\r\nContent-Length: 0\r\n\r\n" % (where, where)
    ]
    answer = telegram.call("/getMe")
    assert answer.header("location") == "https://api.telegram.org/bot****/getMe/"
    assert all(KEY.encode() not in value for _, value in answer.headers)


def test_nor_does_one_of_a_credential_in_the_query(made):
    world = made({"in": "query", "name": "api_key"}, fields={"api_key": "a+b/CANARY=="}, slots=("query:api_key",))
    world.upstream.answers = [
        b"HTTP/1.1 302 Found\r\nLocation: /x?api_key=a%2Bb%2FCANARY%3D%3D\r\nX-A: a+b/CANARY==\r\n"
        b"Content-Length: 0\r\n\r\n"
    ]
    answer = world.call()
    assert (answer.header("location"), answer.header("x-a")) == ("/x?api_key=****", "****")


def test_nor_one_that_spells_its_escapes_in_lower_case(made):
    """Both spellings are the same address (RFC 3986 section 2.1)."""
    world = made({"in": "query", "name": "api_key"}, fields={"api_key": "a+b/CANARY=="}, slots=("query:api_key",))
    world.upstream.answers = [
        b"HTTP/1.1 302 Found\r\nLocation: /x?api_key=a%2bb%2fCANARY%3d%3d\r\nContent-Length: 0\r\n\r\n"
    ]
    assert world.call().header("location") == "/x?api_key=****"


def test_a_failed_call_shows_the_credential_of_the_path_nowhere(telegram):
    said = b'{"url": "/api/bot%b/getMe", "coded": "%b"}' % (KEY.encode(), base64.b64encode(KEY.encode()))
    telegram.upstream.answers = [
        b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nX-Url: /bot%b\r\nContent-Length: %d\r\n\r\n%b"
        % (KEY.encode(), len(said), said)
    ]
    telegram.call("/getMe")
    (call,) = telegram.calls()
    kept = "".join(str(value) for value in vars(call).values())
    assert KEY not in kept
    assert base64.b64encode(KEY.encode()).decode() not in kept


# The JSON body


def test_a_field_of_the_body_holds_the_credential_and_the_rest_stays(mandrill):
    body = b'{"message":{"to":[ "a@b.test" ]} , "key":"theirs","n":1.50}'
    answer = mandrill.call("/messages/send", method="POST", headers=as_json(mandrill), body=body)
    assert answer.status == 200
    sent = b'{"message":{"to":[ "a@b.test" ]} , "key":"%b","n":1.50}' % KEY.encode()
    assert mandrill.upstream.requests == [
        b"POST /api/messages/send HTTP/1.1\r\nHost: %b\r\n" % mandrill.upstream.host.encode()
        + b"content-type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(sent), sent)
    ]


@pytest.mark.parametrize(
    ("body", "media", "encoding"),
    [
        (b"[]", b"application/json", b""),
        (b"key=x", b"application/x-www-form-urlencoded", b""),
        (b"{}", b"text/plain", b""),
        (b"{}", b"application/json; charset=utf-16", b""),
        (b"{}", b"application/json", b"gzip"),
        (b'{"a":' + b'"' + b"x" * 300_000 + b'"}', b"application/json", b""),
        ([b'{"a":"', b"x" * 300_000, b'"}'], b"application/json", b""),
        (None, b"application/json", b""),
    ],
)
def test_a_body_that_cannot_hold_it_is_refused_and_nothing_is_sent(mandrill, body, media, encoding):
    headers = [*bearer(mandrill), (b"content-type", media)] + ([(b"content-encoding", encoding)] if encoding else [])
    answer = mandrill.call("/x", method="POST", headers=headers, body=body)
    assert (answer.status, b'"code": "body_refused"' in answer.body) == (400, True)
    assert mandrill.upstream.requests == []
    assert mandrill.calls()[0].code == "body_refused"


def test_of_a_failed_call_the_body_is_kept_as_the_caller_sent_it(mandrill):
    said = b'{"status":"error","message":"Invalid API key %b"}' % KEY.encode()
    mandrill.upstream.answers = [b"HTTP/1.1 500 No\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said)]
    mandrill.call("/x", method="POST", headers=as_json(mandrill), body=b'{"a": 1}')
    (call,) = mandrill.calls()
    assert call.request_body == '{"a": 1}'
    assert KEY not in call.response_body


# The signature


@pytest.fixture
def aws(made):
    """Return a connection that signs for S3."""
    fields = {"username": "AKIDEXAMPLE", "password": AWS_SECRET, "session_token": SECOND}
    more = [{"name": "session_token", "words": "Session token", "is_optional": True}]
    return made(SIGV4, kind="basic", fields=fields, slots=("sigv4:eu-central-1/s3",), credential_fields=more)


def sent_headers(request: bytes) -> dict[bytes, bytes]:
    """Return the headers of a recorded request; none stands there twice."""
    lines = request.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    names = [line.split(b":")[0].lower() for line in lines]
    assert len(names) == len(set(names))
    return {line.partition(b": ")[0].lower(): line.partition(b": ")[2] for line in lines}


def token_header(world: World) -> list[tuple[bytes, bytes]]:
    """Return the gateway token as callers of AWS send it: their SDK fills Authorization."""
    return [(b"x-keylodge-token", world.text.encode())]


def test_a_signed_call_carries_our_signature_and_nothing_of_the_callers(aws):
    theirs = [
        (b"authorization", b"AWS4-HMAC-SHA256 Credential=x/y, SignedHeaders=host, Signature=0"),
        (b"X-Amz-Date", b"20200101T000000Z"),
        (b"x-amz-security-token", b"theirs"),
        (b"x-amz-acl", b"private"),
        (b"content-type", b"text/plain"),
    ]
    assert aws.call("/a%20b.txt", method="PUT", headers=[*token_header(aws), *theirs], body=b"hello").status == 200
    (request,) = aws.upstream.requests
    head = sent_headers(request)
    assert head[b"x-amz-content-sha256"] == sha256(b"hello").hexdigest().encode()
    assert head[b"x-amz-security-token"] == SECOND.encode()
    assert (
        b"SignedHeaders=content-type;host;x-amz-acl;x-amz-content-sha256;x-amz-date;x-amz-security-token"
        in (head[b"authorization"])
    )
    assert re.search(rb"Signature=[0-9a-f]{64}\Z", head[b"authorization"])
    assert AWS_SECRET.encode() not in request


def test_a_stream_goes_to_s3_unsigned_or_with_the_hash_that_the_caller_gives(aws):
    parts = [b"x" * 200_000, b"y" * 200_000, b"z"]
    assert aws.call("/big", method="PUT", headers=token_header(aws), body=list(parts)).status == 200
    assert sent_headers(aws.upstream.requests[0])[b"x-amz-content-sha256"] == b"UNSIGNED-PAYLOAD"
    known = sha256(b"".join(parts)).hexdigest().encode()
    headers = [*token_header(aws), (b"x-amz-content-sha256", known)]
    assert aws.call("/big", method="PUT", headers=headers, body=list(parts)).status == 200
    assert sent_headers(aws.upstream.requests[1])[b"x-amz-content-sha256"] == known


def test_a_stream_that_the_caller_signed_piece_by_piece_is_refused(aws):
    headers = [*token_header(aws), (b"x-amz-content-sha256", b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD")]
    answer = aws.call("/big", method="PUT", headers=headers, body=b"x")
    assert (answer.status, b"body_refused" in answer.body) == (400, True)
    assert aws.upstream.requests == []


def test_another_service_takes_no_stream_whose_hash_nobody_knows(made):
    place = {"in": "sigv4", "service": "bedrock", "region": "us-east-1"}
    fields = {"username": "AKIDEXAMPLE", "password": AWS_SECRET}
    world = made(place, kind="basic", fields=fields, slots=("sigv4:us-east-1/bedrock",))
    answer = world.call("/x", method="POST", headers=token_header(world), body=[b"x" * 300_000, b"y"])
    assert (answer.status, world.upstream.requests) == (400, [])


def test_an_answer_that_repeats_the_signature_is_kept_without_it(aws):
    def echo(sock, request):
        said = b"<Error>" + sent_headers(request)[b"authorization"] + b" " + AWS_SECRET.encode() + b"</Error>"
        sock.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said))

    aws.upstream.answers = [echo]
    assert aws.call("/x", headers=token_header(aws)).status == 403
    (call,) = aws.calls()
    signature = sent_headers(aws.upstream.requests[0])[b"authorization"].rpartition(b"=")[2].decode()
    assert call.response_body
    assert signature not in call.response_body
    assert AWS_SECRET not in call.response_body


# A pinned version


@pytest.mark.parametrize(("theirs", "sent"), [(None, b"2026-01-15"), (b"2025-07-15", b"2025-07-15")])
def test_a_pinned_version_is_sent_unless_the_caller_names_one(made, theirs, sent):
    versions = {"header": "revision", "pattern": r"\d{4}-\d\d-\d\d"}
    world = made(HEADER, slots=("header:authorization",), versions=versions)
    Connection.objects.filter(pk=world.connection.pk).update(variables={"api_version": "2026-01-15"})
    headers = bearer(world) + ([(b"Revision", theirs)] if theirs else [])
    assert world.call(headers=headers).status == 200
    assert sent_headers(world.upstream.requests[0])[b"revision"] == sent
