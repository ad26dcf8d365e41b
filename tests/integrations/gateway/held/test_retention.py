"""How long settled calls are kept, and that what waits is never forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from integrations import tokens
from integrations.gateway.held import acts, retention, sealing
from integrations.gateway.held.sealing import Answer
from integrations.models import Connection, HeldCall, HeldRun
from integrations.offboarding import removing
from secrets_vault.actor import SYSTEM
from tests.factories import make_client, make_held_call

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, tzinfo=UTC)
State = HeldCall.State


@pytest.fixture
def held():
    """Return a function that makes a call that ended so many days ago."""
    client = make_client()
    connection = Connection.objects.create(
        slug="acme-crm", client=client, environment=client.environments.first(), provider_key="hubspot", kind="bearer"
    )
    token, _ = tokens.make(client, "n8n", [connection], actor=SYSTEM)

    def made(state, days):
        call = make_held_call(connection, token, state=state, ended_at=NOW - timedelta(days=days))
        blobs = sealing.seal_answer(Answer(200, [], b"ok"), row_id=call.pk, client_id=client.pk)
        HeldCall.objects.filter(pk=call.pk).update(**blobs)
        return call

    return made


def test_what_was_in_a_settled_call_goes_first_and_its_row_later(held):
    new, old, _ = held(State.SENT, 6), held(State.DISCARDED, 8), held(State.SENT, 91)
    retention.forget(NOW, sleep=lambda _: None)
    rows = {row.pk: row for row in HeldCall.objects.defer(None)}
    assert set(rows) == {new.pk, old.pk}
    assert rows[new.pk].head_sealed is not None
    assert [getattr(rows[old.pk], blob) for blob in HeldCall.BLOBS] == [None] * len(HeldCall.BLOBS)
    assert rows[old.pk].forgotten_at == NOW
    with pytest.raises(acts.NotNow):
        acts.replay(rows[old.pk], actor=SYSTEM, now=NOW)


@pytest.mark.parametrize("state", [State.WAITING, State.SENDING, State.NEEDS_DECISION, State.FAILED])
def test_what_is_not_settled_is_kept_however_old(held, state):
    call = held(state, 500)
    assert retention.forget(NOW, sleep=lambda _: None) == 0
    assert sealing.open_request(HeldCall.objects.defer(None).get(pk=call.pk)).body == b'{"n": 1}'


def test_a_client_has_days_of_its_own(held):
    call = held(State.SENT, 3)
    call.client.keep_bodies_days = 2
    call.client.save()
    retention.forget(NOW, sleep=lambda _: None)
    assert HeldCall.objects.defer(None).get().head_sealed is None


def test_the_end_of_a_client_takes_its_calls(held):
    call = held(State.WAITING, 0)
    HeldRun.objects.create(made_at=NOW)
    removing.remove(call.client)
    assert HeldCall.objects.count() == 0
    assert removing.what_is_left(call.client) == []
