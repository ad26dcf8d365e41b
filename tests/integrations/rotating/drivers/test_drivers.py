"""Every driver against a stateful fake of its vendor, which refuses a key as soon as it is revoked."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from integrations import connections
from integrations.models import AutomaticRotation, Connection, CustomProvider, Message, SecretRotation
from integrations.providers.custom import custom_from
from integrations.providers.registry import all_providers
from integrations.rotating import automatic, guided, schedule
from integrations.rotating.drivers import DRIVERS
from integrations.rotating.errors import NotRotated
from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import AuditEvent
from secrets_vault.secret import Secret
from tests.factories import make_client, make_user
from tests.integrations.rotating.drivers.fakes import AWS, VENDORS, GitLab, Twilio

pytestmark = [pytest.mark.django_db, pytest.mark.matrix]
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
Step = SecretRotation.Step
WITH_OVERLAP = tuple(vendor for vendor in VENDORS if vendor is not GitLab)


@pytest.fixture(params=VENDORS, ids=lambda vendor: vendor.driver)
def vendor(request, settings):
    with request.param() as fake:
        settings.KEYLODGE_ALLOWED_PRIVATE_HOSTS = [fake.host]
        fake.fields = fake.first
        yield fake


@pytest.fixture
def stored(vendor):
    make_user("Olive", is_owner=True)
    client = make_client("acme", name="Acme")
    more = {"rotation": {"driver": vendor.driver, "refused_statuses": [401]}}
    more |= {"probe": vendor.probe} if vendor.probe else {}
    table = {"base_url": vendor.url, "inject": vendor.inject}
    facts = custom_from(table, key="custom-v", name="Vendor", today=date(2026, 11, 22), **more)
    facts["injections"] = {vendor.kind: vendor.inject}
    CustomProvider.objects.create(key="custom-v", name="Vendor", facts=facts)
    made = connections.create_connection(
        client, client.environments.first(), provider_key="custom-v", kind=vendor.kind, actor=SYSTEM, now=NOW
    )
    fields = {name: Secret(value) for name, value in vendor.fields.items()}
    connections.connect_key(made, fields, actor=SYSTEM, now=NOW)
    return Connection.objects.get(pk=made.pk).secret


def go_on(rotation, at=NOW, times=1):
    """Advance as the sweep does, each time by a process that knows only the row."""
    for _ in range(times):
        automatic.advance(SecretRotation.objects.get(pk=rotation.pk), now=at)
        at += timedelta(hours=2)
    return SecretRotation.objects.get(pk=rotation.pk)


def in_use(stored):
    stored.refresh_from_db()
    return {name: v.expose() for name, v in vault.use(stored, actor=SYSTEM, purpose="test").items()}


def test_a_driver_makes_a_key_switches_to_it_and_revokes_the_old_one(vendor, stored, log):
    rotation = go_on(automatic.begin(stored, actor=SYSTEM, now=NOW))
    if not DRIVERS[vendor.driver].ENDS_OLD_AT_ONCE:
        assert (rotation.step, rotation.error_code) == (Step.WATCH, "")
        assert vendor.lives(vendor.fields), "the old key lives until the new one was watched"
        assert go_on(rotation, NOW + timedelta(minutes=5)).step == Step.WATCH
        rotation = go_on(rotation, NOW + timedelta(minutes=16))
    assert (rotation.step, rotation.proof, rotation.error_code) == (Step.DONE, "refused", "")
    assert not vendor.lives(vendor.fields)
    assert in_use(stored) != vendor.fields
    assert vendor.lives(in_use(stored))
    assert len(vendor.keys) == 1
    told = log.getvalue() + str(list(AuditEvent.objects.values_list("details", "object_label")))
    assert not any(mark in told for mark in ("CANARY/", "CANARY-", "CANARYtw"))


def test_a_driver_that_skips_the_revoke_does_not_end(vendor, stored, monkeypatch):
    monkeypatch.setattr(DRIVERS[vendor.driver], "revoke", lambda vendor, at_provider: None)
    vendor.skips = True
    rotation = go_on(automatic.begin(stored, actor=SYSTEM, now=NOW), times=8)
    assert (rotation.step, rotation.proof) == (Step.PROVE, "works")
    assert rotation.due_at is None
    assert Message.objects.filter(kind="rotation_stopped").exists()


@pytest.mark.parametrize("vendor", WITH_OVERLAP, indirect=True)
def test_a_key_that_never_came_home_is_found_and_removed(vendor, stored):
    vendor.lose = vendor.calls_that_make
    rotation = go_on(automatic.begin(stored, actor=SYSTEM, now=NOW))
    assert (rotation.step, rotation.new_version) == (Step.STORE, None)
    assert len(vendor.keys) == 2, "the vendor made one, and nobody knows it"
    assert in_use(stored) == vendor.fields
    rotation = go_on(rotation, NOW + timedelta(hours=1), times=3)
    assert rotation.step == Step.DONE
    assert list(vendor.keys.values()) == [in_use(stored).get("api_key") or in_use(stored)["password"]]


@pytest.mark.parametrize("vendor", WITH_OVERLAP, indirect=True)
def test_killed_between_the_making_and_the_storing_the_next_process_cleans_up(vendor, stored, monkeypatch):
    class Killed(BaseException):
        pass

    def die(*args, **kwargs):
        raise Killed

    rotation = automatic.begin(stored, actor=SYSTEM, now=NOW)
    with monkeypatch.context() as patched:
        patched.setattr(guided, "keep_new", die)
        with pytest.raises(Killed):
            automatic.advance(rotation, now=NOW)
    assert len(vendor.keys) == 2
    assert go_on(rotation, NOW + timedelta(hours=1), times=2).step == Step.DONE
    assert len(vendor.keys) == 1


@pytest.mark.parametrize("what", ["calls_that_make", "calls_that_end"])
def test_a_vendor_that_is_down_leaves_a_key_that_works_in_use(vendor, stored, what):
    vendor.down = getattr(vendor, what)
    rotation = go_on(automatic.begin(stored, actor=SYSTEM, now=NOW), times=3)
    assert vendor.lives(in_use(stored))
    if rotation.step != Step.DONE:
        assert rotation.error_code == "busy"
        vendor.down = ""
        assert go_on(rotation, NOW + timedelta(days=1), times=2).step == Step.DONE


@pytest.mark.parametrize("vendor", [AWS], indirect=True)
def test_a_second_access_key_that_is_somebodys_stays(stored, vendor):
    vendor.keys["AKIASOMEBODYELSES000"] = "theirs"
    rotation = go_on(automatic.begin(stored, actor=SYSTEM, now=NOW), times=3)
    assert (rotation.step, rotation.error_code) == (Step.STORE, "in_the_way")
    assert "AKIASOMEBODYELSES000" in vendor.keys
    assert in_use(stored) == vendor.fields


@pytest.mark.parametrize("vendor", [GitLab], indirect=True)
def test_a_lost_answer_of_a_vendor_that_ends_the_old_one_at_once_is_said_and_not_repeated(vendor, stored):
    vendor.lose = vendor.calls_that_make
    rotation = go_on(automatic.begin(stored, actor=SYSTEM, now=NOW), times=3)
    assert (rotation.step, rotation.error_code, rotation.due_at) == (Step.STORE, "answer_lost", None)
    assert sum(b"/rotate" in request for request in vendor.requests) == 1


@pytest.mark.parametrize("vendor", [Twilio], indirect=True)
def test_an_api_key_of_twilio_cannot_rotate_the_account(vendor, stored):
    fields = {"username": Secret("SK" + "0" * 32), "password": Secret("x" * 32)}
    vault.replace(stored, fields, actor=SYSTEM)
    rotation = go_on(automatic.begin(stored, actor=SYSTEM, now=NOW))
    assert (rotation.step, rotation.error_code) == (Step.STORE, "not_its_key")


def test_only_what_is_switched_on_and_due_is_rotated_by_itself(vendor, stored):
    stored.rotate_on = NOW.date() - timedelta(days=1)
    stored.save()
    assert schedule.go_on(now=NOW) == 0
    schedule.switch_on(stored, actor=SYSTEM, now=NOW)
    assert schedule.go_on(now=NOW) == 1
    assert schedule.go_on(now=NOW + timedelta(minutes=20)) <= 1
    rotation = SecretRotation.objects.get()
    assert (rotation.step, rotation.started_by, rotation.driver) == (Step.DONE, "Keylodge", vendor.driver)
    assert schedule.go_on(now=NOW + timedelta(days=2)) == 0, "a version made since is not due"
    schedule.switch_off(stored, actor=SYSTEM)
    assert not AutomaticRotation.objects.exists()


@pytest.mark.parametrize("vendor", [Twilio], indirect=True)
def test_a_secret_without_a_driver_is_not_rotated_by_one(vendor, stored):
    loose = vault.store(
        actor=SYSTEM, client=None, environment=None, kind="api_key", label="Loose", fields={"api_key": Secret("x" * 20)}
    )
    assert automatic.driver_of(loose) == ""
    with pytest.raises(NotRotated):
        automatic.begin(loose, actor=SYSTEM, now=NOW)


def test_the_catalogue_names_the_drivers_that_there_are():
    named = {provider.rotation.driver for provider in all_providers() if not provider.is_custom}
    assert named - {""} == set(DRIVERS)
