"""When Keylodge itself breaks in the middle of a call, the caller gets a reference and the log no secret."""

from __future__ import annotations

import json

import pytest

from integrations.gateway import app, forward, relaying
from tests.canaries import Net, canary
from tests.fake_upstream import OK
from tests.integrations.gateway.conftest import KEY

pytestmark = pytest.mark.django_db(transaction=True)


def breaking(*said: str):
    """Return something that raises what says everything, cause included."""

    def broken(*_args, **_kwargs):
        try:
            raise KeyError(*said)
        except KeyError as cause:
            raise RuntimeError(f"while sending {said}") from cause

    return broken


@pytest.mark.parametrize("place", ["judged", "relay", "own_headers"])
def test_a_call_that_breaks_says_its_id_and_nothing_else(world, log, monkeypatch, place):
    typed = canary("two words ")
    net = Net({"credential": KEY, "token": world.text, "typed": typed})
    headers = [(b"authorization", b"Bearer " + world.text.encode()), (b"x-note", typed.encode())]
    broken = breaking(KEY, world.text, typed)
    if place == "own_headers":  # our own answer uses it too
        broken = lambda trace, *, now, _real=relaying.own_headers, _broken=broken: (  # noqa: E731
            _broken() if trace.attempts and not trace.code else _real(trace, now=now)
        )
    monkeypatch.setattr(relaying if place == "own_headers" else forward, place, broken)
    answer = world.call(headers=headers)
    said = json.loads(answer.body)
    assert (answer.status, said["code"], answer.header("content-type")) == (
        500,
        "internal_error",
        "application/problem+json",
    )
    assert answer.header("cache-control") == "no-store"
    assert f"[{said['request_id']}] a call broke" in log.getvalue()
    (call,) = world.calls()
    assert (str(call.pk), call.code, call.outcome) == (said["request_id"], "internal_error", "refused")
    assert net.found_in("the answer", answer.body) + net.found_in("the log", log.getvalue()) == []
    assert net.found_in("the row", repr(vars(call)), but=("typed",)) == []  # a note is no secret there


def test_an_answer_that_has_begun_is_cut_and_what_broke_it_stays_inside(world, log, monkeypatch):
    world.upstream.answers = [OK]
    monkeypatch.setattr(forward.Trace, "keep_answer", breaking(KEY))
    with pytest.raises(app.CutShort) as cut:
        world.call()
    assert (str(cut.value), cut.value.__cause__, cut.value.__suppress_context__) == ("", None, True)
    assert "a call broke" in log.getvalue()
    assert KEY not in log.getvalue()
