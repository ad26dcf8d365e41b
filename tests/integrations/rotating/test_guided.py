"""A rotation from the new value to the dead old one, and everything that may go wrong between."""

from __future__ import annotations

import pytest

from integrations.connections import BadValue
from integrations.models import SecretRotation
from integrations.rotating import guided
from integrations.rotating.errors import NotRotated, OvertakenBySomebody, RotationError, WrongStep
from integrations.rotating.evidence import evidence_of
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import AuditEvent, SecretVersion
from secrets_vault.secret import Secret
from tests.integrations.rotating.conftest import NEW, NOW, OLD

pytestmark = pytest.mark.django_db
Step, State = SecretRotation.Step, SecretVersion.State


def fresh(rotation):
    return SecretRotation.objects.get(pk=rotation.pk)


def current(rotation):
    secret = type(rotation.secret).objects.get(pk=rotation.secret_id)
    return vault.use(secret, actor=SYSTEM, purpose="test")["api_key"].expose()


def stored(rotation, ada, value=NEW):
    return guided.keep_new(fresh(rotation), {"api_key": Secret(value)}, actor=ada, now=NOW, made_on=NOW.date())


def switched(rotation, provider, ada):
    provider.alive.add(NEW)
    stored(rotation, ada)
    guided.try_new(fresh(rotation), actor=ada, now=NOW)
    guided.switch(fresh(rotation), actor=ada, now=NOW)


def test_each_step_can_be_done_by_another_process_than_the_one_before(rotation, provider, ada):
    # Every step starts from the row alone, as after a kill between any two.
    provider.alive.add(NEW)
    stored(rotation, ada)
    assert (fresh(rotation).step, current(rotation)) == (Step.PROBE, OLD)
    assert guided.try_new(fresh(rotation), actor=ada, now=NOW).outcome == "works"
    assert (fresh(rotation).step, current(rotation)) == (Step.SWITCH, OLD)
    guided.switch(fresh(rotation), actor=ada, now=NOW)
    assert (fresh(rotation).step, current(rotation)) == (Step.WATCH, NEW)
    provider.alive.discard(OLD)
    guided.say_revoked(fresh(rotation), actor=ada, now=NOW)
    assert guided.prove(fresh(rotation), actor=ada, now=NOW).outcome == "refused"
    done = fresh(rotation)
    assert (done.step, done.proof, done.proof_status, done.is_open) == (Step.DONE, "refused", 401, False)
    assert [v.state for v in done.secret.versions.order_by("number")] == [State.RETIRED, State.CURRENT]


def test_a_new_one_that_the_provider_refuses_is_never_switched_to(rotation, provider, ada):
    stored(rotation, ada)
    assert guided.try_new(fresh(rotation), actor=ada, now=NOW).outcome == "refused"
    with pytest.raises(WrongStep):
        guided.switch(fresh(rotation), actor=ada, now=NOW)
    assert current(rotation) == OLD


def test_a_new_one_of_another_account_is_never_switched_to(rotation, provider, ada):
    provider.alive.add(NEW)
    stored(rotation, ada)
    provider.account = "acct_2"
    assert guided.try_new(fresh(rotation), actor=ada, now=NOW).outcome == "other_account"
    assert fresh(rotation).step == Step.PROBE


def test_a_rotation_does_not_end_while_the_old_one_still_works(rotation, provider, ada):
    switched(rotation, provider, ada)
    guided.say_revoked(fresh(rotation), actor=ada, now=NOW)
    guided.prove(fresh(rotation), actor=ada, now=NOW)
    assert (fresh(rotation).step, fresh(rotation).proof) == (Step.PROVE, "works")
    provider.alive.discard(OLD)
    guided.prove(fresh(rotation), actor=ada, now=NOW)
    assert fresh(rotation).step == Step.DONE


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
def test_an_answer_that_does_not_refuse_the_credential_proves_no_death(rotation, provider, ada, status):
    switched(rotation, provider, ada)
    provider.alive.discard(OLD)
    provider.refuses_with = status
    guided.say_revoked(fresh(rotation), actor=ada, now=NOW)
    guided.prove(fresh(rotation), actor=ada, now=NOW)
    assert (fresh(rotation).step, fresh(rotation).proof) == (Step.PROVE, "unclear")


def test_a_provider_that_refuses_both_proves_no_death(rotation, provider, ada):
    switched(rotation, provider, ada)
    provider.alive.clear()
    guided.say_revoked(fresh(rotation), actor=ada, now=NOW)
    guided.prove(fresh(rotation), actor=ada, now=NOW)
    assert (fresh(rotation).step, fresh(rotation).proof) == (Step.PROVE, "new_fails")


def test_given_up_before_the_switch_the_old_one_was_in_use_all_the_time(rotation, ada):
    version = stored(rotation, ada)
    guided.give_up(fresh(rotation), actor=ada, now=NOW)
    version.refresh_from_db()
    assert (fresh(rotation).step, version.state, current(rotation)) == (Step.GIVEN_UP, State.RETIRED, OLD)


def test_undone_after_the_switch_the_old_one_is_in_use_again(rotation, provider, ada):
    switched(rotation, provider, ada)
    guided.undo(fresh(rotation), actor=ada, now=NOW)
    assert (fresh(rotation).step, current(rotation)) == (Step.UNDONE, OLD)
    states = [v.state for v in fresh(rotation).secret.versions.order_by("number")]
    assert states == [State.RETIRED, State.RETIRED, State.CURRENT]


def test_after_the_old_one_was_revoked_nothing_is_undone(rotation, provider, ada):
    switched(rotation, provider, ada)
    guided.say_revoked(fresh(rotation), actor=ada, now=NOW)
    with pytest.raises(WrongStep):
        guided.undo(fresh(rotation), actor=ada, now=NOW)


def test_a_switch_does_not_run_over_a_version_that_somebody_else_stored(rotation, provider, ada):
    provider.alive |= {NEW, "other"}
    stored(rotation, ada)
    guided.try_new(fresh(rotation), actor=ada, now=NOW)
    vault.replace(rotation.secret, {"api_key": Secret("sk_live_OTHER0123456789")}, actor=ada)
    with pytest.raises(OvertakenBySomebody):
        guided.switch(fresh(rotation), actor=ada, now=NOW)


def test_the_value_in_use_is_no_new_one_and_a_broken_paste_is_refused(rotation, ada):
    with pytest.raises(RotationError):
        stored(rotation, ada, OLD)
    with pytest.raises(BadValue):
        stored(rotation, ada, "two\nlines")
    assert fresh(rotation).step == Step.STORE


def test_of_one_secret_one_rotation_is_under_way(rotation, ada):
    again = guided.start(rotation.secret, actor=ada, now=NOW)
    assert again.pk == rotation.pk
    guided.give_up(again, actor=ada, now=NOW)
    assert guided.start(rotation.secret, actor=ada, now=NOW).pk != rotation.pk


def test_a_note_is_not_rotated_step_by_step(ada):
    note = vault.store(
        actor=ada, client=None, environment=None, kind="note", label="A note", fields={"note": Secret("x" * 20)}
    )
    with pytest.raises(NotRotated):
        guided.start(note, actor=ada, now=NOW)


def test_without_a_call_to_prove_it_the_word_of_a_person_stands_as_such(ada):
    loose = vault.store(
        actor=ada, client=None, environment=None, kind="api_key", label="Loose", fields={"api_key": Secret(OLD)}
    )
    rotation = guided.start(loose, actor=ada, now=NOW)
    stored(rotation, ada)
    guided.try_new(rotation := fresh(rotation), actor=ada, now=NOW)
    guided.switch(rotation, actor=ada, now=NOW)
    guided.say_revoked(rotation, actor=ada, now=NOW)
    guided.prove(rotation, actor=ada, now=NOW)
    assert (rotation.step, rotation.proof, rotation.revoked_by) == (Step.DONE, "by_hand", "Ada")


def test_the_evidence_holds_who_when_and_fingerprints_and_no_value(rotation, provider, ada, log):
    switched(rotation, provider, ada)
    provider.alive.discard(OLD)
    guided.say_revoked(rotation := fresh(rotation), actor=ada, now=NOW)
    guided.prove(rotation, actor=ada, now=NOW)
    found = evidence_of(fresh(rotation))
    actions = [event["action"].partition(".")[2] for event in found["events"]]
    assert actions == ["started", "stored", "tried", "switched", "revoked", "proved", "done"]
    assert found["old"]["fingerprints"]["api_key"] != found["new"]["fingerprints"]["api_key"]
    assert found["proof"] == {"at": NOW.isoformat(), "outcome": "refused", "status": 401}
    everything = str(found) + log.getvalue() + str(list(AuditEvent.objects.values_list("details", "object_label")))
    assert "CANARY" not in everything
