"""Ending every access of a client, with an honest result for each thing, whatever dies in the middle."""

from __future__ import annotations

import pytest

from integrations import offboarding, tokens
from integrations.models import GatewayToken, Offboarding, WebhookEndpoint
from integrations.offboarding import NotNow, revoking
from secrets_vault.actor import Actor
from secrets_vault.models import AuditEvent
from tests.integrations.oauth.conftest import reachable, sandbox, shared_sandbox
from tests.integrations.oauth.world import connected, make_connection
from tests.integrations.offboarding.conftest import NOW, answering, unreachable

pytestmark = pytest.mark.django_db
__all__ = ["reachable", "sandbox", "shared_sandbox"]


def outcomes(ending):
    return {item.kind: item.outcome for item in ending.items.all()}


def test_the_inventory_says_what_there_is_and_what_is_still_called(acme, ada):
    found = offboarding.inventory_of(acme, now=NOW)
    assert (found.connections, found.secrets, found.tokens, found.endpoints) == (1, 3, 1, 1)
    assert (found.handovers, found.people) == (1, 1)
    assert [name for name, _at in found.still_called] == ["acme-stripe"]
    assert [name for name, _at in found.still_arriving] == ["acme-hook"]
    assert found.is_busy


def test_beginning_changes_nothing_and_happens_once(acme, ada):
    made = offboarding.begin(acme, actor=Actor.of(ada), now=NOW)
    assert set(outcomes(made).values()) == {"waiting"}
    assert GatewayToken.objects.get().revoked_at is None
    with pytest.raises(NotNow):
        offboarding.begin(acme, actor=Actor.of(ada), now=NOW)


def test_callers_are_stopped_before_what_they_reach(acme, ada):
    made = offboarding.begin(acme, actor=Actor.of(ada), now=NOW)
    assert [item.kind for item in made.items.all()] == ["token", "endpoint", "key", "secret"]


def test_what_can_be_ended_here_is_ended_and_keys_are_left_to_a_person(revoked):
    assert outcomes(revoked) == {"token": "revoked", "endpoint": "revoked", "key": "by_hand", "secret": "by_hand"}
    assert GatewayToken.objects.get().revoked_at == NOW
    assert WebhookEndpoint.objects.get().disabled_at == NOW
    key = revoked.items.get(kind="key")
    assert key.provider == "Stripe"
    assert key.how_url.startswith("https://")
    assert len(key.fingerprints[0]) == 32


@pytest.mark.parametrize(
    ("send", "outcome"), [(answering(401), "dead"), (answering(200), "still_works"), (unreachable, "by_hand")]
)
def test_only_a_refusal_proves_that_a_key_is_dead(revoked, ada, send, outcome):
    item = revoked.items.get(kind="key")
    assert offboarding.check_item(item, actor=Actor.of(ada), now=NOW, send=send) == outcome
    item.refresh_from_db()
    assert item.outcome == outcome


def test_a_worker_that_dies_in_the_middle_is_followed_by_one_that_goes_on(acme, ada, monkeypatch):
    made = offboarding.begin(acme, actor=Actor.of(ada), now=NOW)
    offboarding.start_revoking(made, actor=Actor.of(ada), now=NOW)

    def dies(item, now):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setitem(revoking.ENDERS, "endpoint", dies)
        with pytest.raises(SystemExit):
            offboarding.revoke_due(now=NOW)
    made.refresh_from_db()
    assert (made.stage, outcomes(made)["token"], outcomes(made)["endpoint"]) == ("revoking", "revoked", "waiting")
    offboarding.revoke_due(now=NOW)
    made.refresh_from_db()
    assert (made.stage, outcomes(made)["endpoint"]) == ("revoked", "revoked")
    assert AuditEvent.objects.filter(action="token.revoked").count() == 1


def test_what_was_made_meanwhile_is_ended_too(acme, ada):
    made = offboarding.begin(acme, actor=Actor.of(ada), now=NOW)
    tokens.make(acme, "late", list(acme.connections.all()), actor=Actor.of(ada))
    offboarding.start_revoking(made, actor=Actor.of(ada), now=NOW)
    offboarding.revoke_due(now=NOW)
    assert not GatewayToken.objects.filter(revoked_at=None).exists()


def test_a_grant_is_given_back_at_the_provider(acme, ada, reachable):
    live = connected(reachable, make_connection(reachable.line, client=acme, user=ada), ada)
    made = offboarding.begin(acme, actor=Actor.of(ada), now=NOW)
    offboarding.start_revoking(made, actor=Actor.of(ada), now=NOW)
    offboarding.revoke_due(now=NOW)
    assert outcomes(made)["grant"] == "revoked"
    live.refresh_from_db()
    assert (live.status, live.secret) == ("not_connected", None)


def test_a_provider_that_does_not_confirm_is_said_to_have_failed_and_tried_again_on_demand(acme, ada, reachable):
    connected(reachable, make_connection(reachable.line, client=acme, user=ada), ada)
    made = offboarding.begin(acme, actor=Actor.of(ada), now=NOW)
    offboarding.start_revoking(made, actor=Actor.of(ada), now=NOW)
    offboarding.revoke_due(now=NOW, send=answering(400, b'{"error": "invalid_client"}'))
    item = made.items.get(kind="grant")
    assert (item.outcome, bool(item.code)) == ("failed", True)


def test_giving_up_leaves_the_client_and_lets_another_begin(revoked, acme, ada):
    offboarding.cancel(revoked, actor=Actor.of(ada), now=NOW)
    assert offboarding.current_of(acme) is None
    assert offboarding.begin(acme, actor=Actor.of(ada), now=NOW).pk != revoked.pk
    with pytest.raises(NotNow):
        offboarding.start_revoking(revoked, actor=Actor.of(ada), now=NOW)
    assert Offboarding.objects.count() == 2
