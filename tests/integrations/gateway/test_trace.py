"""What one call leaves behind for the log."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from integrations.gateway.trace import Trace
from integrations.usage.ends import Ends
from secrets_vault.ids import uuid7

pytestmark = pytest.mark.matrix  # no database: one engine is enough

HEADERS = [(b"host", b"gateway.example.com"), (b"User-Agent", b"n8n/1.71"), (b"authorization", b"Bearer kl_live_1")]
ANSWERED = [(b"Content-Type", b"application/json"), (b"X-Request-Id", b"abcd1234"), (b"Set-Cookie", b"session=1")]


def call(**fields):
    """Return a call that went well unless told otherwise."""
    token = SimpleNamespace(client_id=uuid7(), id=uuid7(), name="n8n", jwt_issuer="", jwt_subject="")
    route = SimpleNamespace(token=token, way=None, environment_id=None, connection_id=uuid7(), provider_key="hubspot")
    trace = Trace(method="POST", upstream_target=b"/things", request_headers=HEADERS)
    trace.route, trace.status, trace.attempts = route, 200, 1
    trace.response_headers, trace.request_body, trace.response_body = ANSWERED, b'{"a": 1}', bytearray(b'{"id": 7}')
    trace.note(status=fields.get("status", 200))
    for name, value in fields.items():
        setattr(trace, name, value)
    return trace


def test_of_a_call_that_went_well_neither_heads_nor_bodies_wait_to_be_written():
    kept = call().record()
    assert (kept.agent, kept.upstream_ref) == (b"n8n/1.71", b"abcd1234")
    assert not any((kept.request_headers, kept.request_body, kept.response_headers, kept.response_body, kept.timeline))


def test_of_a_failed_call_everything_does():
    kept = call(status=404).record()
    assert (kept.request_headers, kept.response_headers) == (HEADERS, ANSWERED)
    assert (kept.request_body, kept.response_body) == (b'{"a": 1}', b'{"id": 7}')
    assert (kept.agent, kept.upstream_ref, len(kept.timeline)) == (b"n8n/1.71", b"abcd1234", 1)


@pytest.mark.parametrize("fields", [{"attempts": 2}, {"paced_s": 0.4}])
def test_a_call_that_was_repeated_or_waited_tells_its_attempts(fields):
    assert len(call(**fields).record().timeline) == 1


def test_what_was_asked_is_kept_where_it_prices_the_answer():
    kept = call(answer_ends=Ends("json", "")).record()
    assert kept.request_body == b'{"a": 1}'
    assert kept.response_body == b""
