"""A limit said with the status of a success is counted as one; the answer goes back as it came, and when it came."""

from __future__ import annotations

import contextlib
import gzip
import threading

import pytest

from integrations.models import CallHour
from integrations.outbound import OutboundError
from tests.integrations.gateway.test_behaviour import answered, world_with

pytestmark = pytest.mark.django_db(transaction=True)
SLACK = [{"status": 200, "any_of": ["ratelimited", "rate_limited"], "false_at": "ok"}]
LIMITED = b'{"ok":false,"error":"ratelimited"}'


@pytest.fixture
def slack(upstream, settings):
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]
    return world_with(upstream, limit_signals=SLACK)


def test_a_limit_with_status_200_is_counted_as_one_and_not_repeated(slack):
    slack.upstream.answers = [answered(200, b"Retry-After: 30", body=LIMITED)]
    answer = slack.call(method="POST", body=b"{}")
    assert (answer.status, answer.body, answer.header("x-keylodge-attempts")) == (200, LIMITED, "1")
    assert answer.header("retry-after") == "30"
    assert len(slack.upstream.requests) == 1
    row = slack.calls()[0]
    assert (row.outcome, row.status) == ("limited", 200)
    assert CallHour.objects.get().limited == 1


def test_a_graphql_answer_says_it_where_its_codes_stand(upstream, settings):
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]
    signals = [{"status": 200, "any_of": ["THROTTLED"], "code_at": "errors.*.extensions.code"}]
    shop = world_with(upstream, limit_signals=signals)
    limited = b'{"errors":[{"message":"Throttled","extensions":{"code":"THROTTLED"}}]}'
    shop.upstream.answers = [answered(200, body=limited), answered(200, body=b'{"data":{"code":"THROTTLED"}}')]
    assert shop.call(method="POST", body=b"{}").body == limited
    assert shop.call(method="POST", body=b"{}").status == 200
    assert [row.outcome for row in shop.calls()] == ["limited", "ok"]


def test_it_is_seen_in_a_packed_answer_too(slack):
    packed = gzip.compress(LIMITED)
    slack.upstream.answers = [answered(200, b"Content-Encoding: gzip", body=packed)]
    assert slack.call().body == packed
    assert slack.calls()[0].outcome == "limited"


@pytest.mark.parametrize(
    "body",
    [
        b'{"ok":true,"messages":[{"error":"ratelimited"}]}',
        b'{"ok":false,"error":"channel_not_found"}',
        b"ratelimited",
        b'{"ok":false,"error":"ratelimited","rest":"' + b"x" * 20_000 + b'"}',
    ],
)
def test_other_successes_stay_successes_and_their_bodies_are_not_kept(slack, body):
    slack.upstream.answers = [answered(200, body=body)]
    assert slack.call().body == body
    row = slack.calls()[0]
    assert row.outcome == "ok"
    assert not row.response_body


def test_a_provider_that_does_not_say_so_is_not_looked_into(upstream, settings):
    settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [upstream.host]
    world = world_with(upstream)
    upstream.answers = [answered(200, body=LIMITED)]
    world.call()
    assert world.calls()[0].outcome == "ok"


def test_a_watched_answer_is_streamed_as_it_comes(slack):
    """The upstream sends its second half only after the caller has the first."""
    first_seen = threading.Event()

    def halves(sock, request):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(LIMITED) + LIMITED[:10])
        assert first_seen.wait(10)
        sock.sendall(LIMITED[10:])

    slack.upstream.answers = [halves]
    answer = slack.call(on_chunk=lambda chunk: first_seen.set())
    assert answer.body == LIMITED
    assert slack.calls()[0].outcome == "limited"


def test_of_a_watched_answer_that_breaks_off_nothing_is_kept(slack):
    def cut(sock, request):
        sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"ok":true,"messages":[{"text":"of a person"}')
        sock.close()

    slack.upstream.answers = [cut]
    with contextlib.suppress(OutboundError):  # the caller's connection is cut
        slack.call()
    row = slack.calls()[0]
    assert row.status == 200
    assert row.outcome != "ok"
    assert "person" not in row.response_body
