"""What a caller may ask of the gateway in its headers, and what it is told where it asks for something else."""

from __future__ import annotations

import json

import pytest

from integrations.gateway.asked import NOTHING, asked
from integrations.gateway.problems import Problem

pytestmark = pytest.mark.matrix


def test_a_request_without_a_header_of_ours_asks_for_nothing():
    assert asked([(b"accept", b"*/*"), (b"x-keylodge-token", b"klg_"), (b"x-key", b"1")]) is NOTHING


@pytest.mark.parametrize("value", [b"on-failure", b"ALWAYS", b" never "])
def test_the_queue_is_asked_for_in_three_words(value):
    assert asked([(b"X-Keylodge-Queue", value)]).queue == value.decode().strip().lower()


def test_a_key_and_an_address_are_taken_as_they_are():
    found = asked([(b"x-keylodge-idempotency-key", b"order 17"), (b"x-keylodge-callback", b"https://a.example/x?y=Z")])
    assert (found.idempotency_key, found.callback) == ("order 17", "https://a.example/x?y=Z")
    assert "order 17" not in repr(found)
    assert "a.example" not in repr(found)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ([(b"x-keylodge-queue", b"later")], "X-Keylodge-Queue is on-failure, always or never."),
        ([(b"x-keylodge-queue", b"")], "X-Keylodge-Queue is on-failure, always or never."),
        ([(b"x-keylodge-queue", b"never")] * 2, "X-Keylodge-Queue stands there twice. Send it once."),
        ([(b"x-keylodge-idempotency-key", b"k" * 256)], "X-Keylodge-Idempotency-Key is 1 to 255 printable"),
        ([(b"x-keylodge-idempotency-key", "ü".encode())], "X-Keylodge-Idempotency-Key is 1 to 255 printable"),
        ([(b"x-keylodge-callback", b"ftp://a.example")], "X-Keylodge-Callback is an https address"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(headers, said):
    with pytest.raises(Problem) as refused:
        asked(headers)
    body = json.loads(refused.value.body("1"))
    assert (body["status"], body["code"]) == (400, "header_invalid")
    assert body["detail"].startswith(said)
    assert b"later" not in refused.value.body("1")
