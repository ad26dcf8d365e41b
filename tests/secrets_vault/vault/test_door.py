"""What the door promises: values in, values out, versions, and an event for each act."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from secrets_vault import audit, vault
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.errors import (
    AuditUnavailable,
    BadInput,
    NoValue,
    PolicyRefused,
    StaleVersion,
    Unreadable,
)
from secrets_vault.models import AuditEvent, SecretField, SecretVersion, StoredSecret
from secrets_vault.secret import Secret
from secrets_vault.vault import Policy
from tests.factories import make_client, make_user

pytestmark = pytest.mark.django_db

OLD, NEW = "sk_test_old_0123456789abcd", "sk_test_new_0123456789wxyz"


def make_secret(client=None, value=OLD, **about):
    """Return an API key of a client's production, or of the agency."""
    client = client or make_client()
    about.setdefault("kind", "api_key")
    about.setdefault("fields", {"api_key": Secret(value)})
    about.setdefault("environment", client.environments.first())
    return vault.store(actor=SYSTEM, client=client, label="Stripe key", **about)


def value_of(stored, field="api_key", **more):
    """Return what a machine would get."""
    return vault.use(StoredSecret.objects.get(pk=stored.pk), actor=SYSTEM, purpose="test", **more)[field].expose()


def actions():
    """Return the actions in the book, first to last, without the vault's own first event."""
    return list(AuditEvent.objects.order_by("seq").values_list("action", flat=True))[1:]


def test_a_stored_value_comes_back_and_is_not_in_the_row():
    stored = make_secret()
    row = SecretField.objects.get(version=stored.current)
    assert value_of(stored) == OLD
    assert len(row.blob) == len(OLD) + 98
    assert OLD.encode() not in bytes(row.blob)
    assert row.masked == "****abcd"


def test_the_agency_has_a_keyring_of_its_own():
    stored = vault.store(
        actor=SYSTEM, client=None, environment=None, kind="oauth_app", label="HubSpot app",
        fields={"client_secret": Secret("s3cret-of-the-app-000")},
    )  # fmt: skip
    assert value_of(stored, "client_secret") == "s3cret-of-the-app-000"


def test_a_new_version_leaves_the_old_one_restorable():
    stored = make_secret(made_on=date(2026, 1, 1))
    vault.replace(stored, {"api_key": Secret(NEW)}, actor=SYSTEM, made_on=date(2026, 6, 1))
    assert value_of(stored) == NEW
    assert stored.versions.get(number=1).state == SecretVersion.State.GRACE
    made = vault.restore(stored, 1, actor=SYSTEM, reason="the new one was refused")
    assert value_of(stored) == OLD
    assert (made.number, made.restored_from, made.made_on) == (3, 1, date(2026, 1, 1))


def test_an_older_grace_ends_when_the_next_version_comes():
    stored = make_secret()
    for number in range(2, 5):
        vault.replace(stored, {"api_key": Secret(f"{NEW}{number}")}, actor=SYSTEM)
    states = dict(stored.versions.values_list("number", "state"))
    assert states == {1: "retired", 2: "retired", 3: "grace", 4: "current"}


def test_a_pending_version_is_not_used_before_it_is_promoted():
    stored = make_secret()
    waiting = vault.replace(stored, {"api_key": Secret(NEW)}, actor=SYSTEM, pending=True)
    assert value_of(stored) == OLD
    assert value_of(stored, version=waiting) == NEW
    vault.mark_verified(waiting, actor=SYSTEM)
    vault.promote(waiting, actor=SYSTEM)
    assert value_of(stored) == NEW
    with pytest.raises(BadInput):
        vault.promote(waiting, actor=SYSTEM)


def test_a_writer_who_read_an_older_version_loses():
    stored = make_secret()
    read = stored.current_id
    vault.replace(stored, {"api_key": Secret(NEW)}, actor=SYSTEM)
    with pytest.raises(StaleVersion):
        vault.replace(stored, {"api_key": Secret("third-value-000000")}, actor=SYSTEM, expected_current=read)
    assert value_of(stored) == NEW


def test_a_waiting_version_can_be_given_up_and_the_current_one_cannot():
    stored = make_secret()
    waiting = vault.replace(stored, {"api_key": Secret(NEW)}, actor=SYSTEM, pending=True)
    vault.retire(waiting, actor=SYSTEM)
    assert stored.versions.get(number=2).state == SecretVersion.State.RETIRED
    with pytest.raises(BadInput):
        vault.retire(stored.current, actor=SYSTEM)


def test_every_act_is_in_the_book():
    ada = make_user("Ada")
    stored = make_secret()
    vault.use(stored, actor=SYSTEM, purpose="probe")
    vault.use(stored, actor=SYSTEM, purpose="probe")
    vault.reveal(stored, "api_key", actor=Actor.of(ada, ip="192.0.2.7"))
    vault.copy_value(stored, "api_key", actor=Actor.of(ada))
    vault.delete(stored, actor=SYSTEM)
    vault.undelete(stored, actor=SYSTEM)
    vault.destroy(stored, actor=SYSTEM, reason="the client left")
    assert actions() == [
        "secret.stored", "secret.used_first", "secret.revealed", "secret.copied",
        "secret.deleted", "secret.undeleted", "secret.destroyed",
    ]  # fmt: skip
    assert audit.verify().ok


def test_nothing_is_shown_when_the_book_cannot_be_written(monkeypatch):
    stored = make_secret()
    vault.use(stored, actor=SYSTEM, purpose="probe")

    def refuse(*args, **kwargs):
        raise DatabaseError("disk full")

    monkeypatch.setattr(AuditEvent, "save", refuse)
    for act in (vault.reveal, vault.copy_value):
        with pytest.raises(AuditUnavailable):
            act(stored, "api_key", actor=SYSTEM)
    with pytest.raises(AuditUnavailable):
        vault.replace(stored, {"api_key": Secret(NEW)}, actor=SYSTEM)
    assert value_of(stored) == OLD


def test_the_first_use_is_refused_when_the_book_cannot_be_written(monkeypatch):
    stored = make_secret()
    monkeypatch.setattr(AuditEvent, "save", lambda *a, **k: (_ for _ in ()).throw(DatabaseError("disk full")))
    with pytest.raises(AuditUnavailable):
        vault.use(stored, actor=SYSTEM, purpose="probe")


def test_a_change_that_is_rolled_back_leaves_no_event():
    stored = make_secret()
    before = audit.verify().events

    def change_and_fail():
        with transaction.atomic():
            vault.replace(stored, {"api_key": Secret(NEW)}, actor=SYSTEM)
            raise IntegrityError("the caller failed afterwards")

    with pytest.raises(IntegrityError):
        change_and_fail()
    assert audit.verify().ok
    assert audit.verify().events == before
    assert value_of(stored) == OLD


def test_a_deleted_secret_opens_for_nobody_until_it_comes_back():
    stored = make_secret()
    vault.delete(stored, actor=SYSTEM)
    for act in (lambda: value_of(stored), lambda: vault.reveal(stored, "api_key", actor=SYSTEM)):
        with pytest.raises(NoValue):
            act()
    vault.undelete(stored, actor=SYSTEM)
    assert value_of(stored) == OLD


def test_a_destroyed_secret_never_comes_back():
    stored = make_secret()
    vault.destroy(stored, actor=SYSTEM, reason="leaked")
    assert not SecretField.objects.exists()
    with pytest.raises(BadInput):
        vault.undelete(stored, actor=SYSTEM)


def test_the_same_value_is_found_at_another_client_and_in_old_versions():
    acme, other = make_secret(), make_secret(make_client("other"))
    make_secret(make_client("third"), value="another-value-0000")
    assert [row.version.secret_id for row in vault.same_value(acme)] == [other.pk]
    vault.replace(other, {"api_key": Secret(NEW)}, actor=SYSTEM)
    assert [row.version.secret_id for row in vault.same_value(acme)] == [other.pk]
    assert {row.version.secret_id for row in vault.find_value(Secret(OLD))} == {acme.pk, other.pk}
    assert not vault.find_value(Secret("nowhere-at-all-000"))


def test_user_names_and_short_values_are_not_compared():
    basic = {"username": Secret("a-long-user-name@example.com"), "password": Secret("short")}
    stored = make_secret(kind="basic", fields=basic)
    assert set(stored.current.fields.values_list("fingerprint", flat=True)) == {None}
    assert set(stored.current.fields.values_list("masked", flat=True)) == {"****"}


def test_one_changed_value_leaves_the_others():
    env = {"A_KEY": Secret("a-value-0000000001"), "B_KEY": Secret("b-value-0000000001")}
    stored = make_secret(kind="key_value_set", fields=env)
    vault.change_fields(stored, {"B_KEY": Secret("b2"), "C": Secret("")}, actor=SYSTEM)
    opened = vault.use(stored, actor=SYSTEM, purpose="test")
    assert {name: value.expose() for name, value in opened.items()} == {
        "A_KEY": "a-value-0000000001", "B_KEY": "b2", "C": "",
    }  # fmt: skip


def test_an_unreadable_value_is_never_overwritten_by_saving_another():
    env = {"A_KEY": Secret("a-value-0000000001"), "B_KEY": Secret("b-value-0000000001")}
    stored = make_secret(kind="key_value_set", fields=env)
    row = SecretField.objects.get(name="A_KEY")
    broken = bytes(row.blob)[:-1] + bytes([bytes(row.blob)[-1] ^ 1])
    SecretField.objects.filter(pk=row.pk).update(blob=broken)
    with pytest.raises(Unreadable):
        vault.change_fields(stored, {"B_KEY": Secret("b2")}, actor=SYSTEM)
    vault.describe(stored, actor=SYSTEM, label="Renamed")
    assert bytes(SecretField.objects.get(pk=row.pk).blob) == broken
    assert StoredSecret.objects.get(label="Renamed").last_number == 1
    assert vault.reveal(stored, "B_KEY", actor=SYSTEM).expose() == "b-value-0000000001"
    vault.change_fields(stored, {"A_KEY": Secret("a-value-0000000002")}, actor=SYSTEM)
    assert value_of(stored, "A_KEY") == "a-value-0000000002"


def test_a_secret_kept_elsewhere_has_an_age_and_no_value():
    stored = vault.store_elsewhere(
        actor=SYSTEM, client=make_client(), environment=None, label="Make login",
        place="1Password", url="https://1password.example/item", made_on=date(2026, 1, 1),
    )  # fmt: skip
    assert stored.current.made_on == date(2026, 1, 1)
    with pytest.raises(NoValue):
        vault.use(stored, actor=SYSTEM, purpose="test")
    vault.replace(stored, {}, actor=SYSTEM, made_on=date(2026, 7, 1))
    assert stored.current.made_on == date(2026, 7, 1)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("api_key", {}),
        ("api_key", {"password": Secret("x" * 20)}),
        ("api_key", {"api_key": Secret("")}),
        ("basic", {"username": Secret("ada")}),
        ("oauth_tokens", {"id_token": Secret("x" * 20)}),
        ("key_value_set", {"A\nB": Secret("x")}),
        ("note", {"note": Secret("x" * (256 * 1024 + 1))}),
    ],
)
def test_fields_that_a_kind_does_not_have_are_refused_and_nothing_is_written(kind, fields):
    client = make_client()
    with pytest.raises(BadInput):
        vault.store(actor=SYSTEM, client=client, environment=None, kind=kind, label="x", fields=fields)
    assert not StoredSecret.objects.exists()
    assert actions() == []


def test_an_environment_of_another_client_is_refused():
    acme, other = make_client(), make_client("other")
    with pytest.raises(BadInput):
        make_secret(acme, environment=other.environments.first())


def test_a_bound_secret_goes_to_its_host_and_slot_only():
    policy = Policy(hosts=("API.hubapi.com",), slots=("header:Authorization",))
    stored = make_secret(policy=policy)
    vault.check_policy(stored, host="api.hubapi.com", slot="header:authorization")
    refused = [
        ("evil.example", "header:authorization"), ("api.hubapi.com", "query:api_key"),
        ("api.hubapi.com:8443", "header:authorization"), ("", "header:authorization"), ("api.hubapi.com", "body:x"),
    ]  # fmt: skip
    for host, slot in refused:
        with pytest.raises(PolicyRefused):
            vault.check_policy(stored, host=host, slot=slot)


def test_a_policy_edited_in_the_database_sends_the_secret_nowhere():
    stored, other = make_secret(), make_secret(make_client("other"))
    vault.bind_policy(stored, Policy(("api.example.com",), ("header:x-api-key",)), actor=SYSTEM)
    vault.bind_policy(other, Policy(("evil.example",), ("header:x-api-key",)), actor=SYSTEM)
    edits = [
        {"policy": {"hosts": ["evil.example"], "slots": ["header:x-api-key"]}},
        {"policy": other.policy, "policy_mac": other.policy_mac},
        {"policy": None}, {"policy_mac": None},
    ]  # fmt: skip
    for edit in edits:
        tampered = StoredSecret.objects.get(pk=stored.pk)
        for name, value in edit.items():
            setattr(tampered, name, value)
        for host in ("evil.example", "api.example.com"):
            with pytest.raises(PolicyRefused):
                vault.check_policy(tampered, host=host, slot="header:x-api-key")


def test_sealed_columns_open_only_where_they_were_sealed():
    acme, other = make_client(), make_client("other")
    blob = vault.seal_text("verifier", field="oauthflow.sealed_verifier", row_id=acme.pk)
    assert vault.open_text(blob, field="oauthflow.sealed_verifier", row_id=acme.pk).expose() == "verifier"
    elsewhere = [
        {"field": "session.sealed_data", "row_id": acme.pk},
        {"field": "oauthflow.sealed_verifier", "row_id": other.pk},
        {"field": "oauthflow.sealed_verifier", "row_id": acme.pk, "client": acme},
    ]
    for place in elsewhere:
        with pytest.raises(Unreadable):
            vault.open_text(blob, **place)


def test_hashes_and_fingerprints_differ_by_label():
    labels = ["gateway-token", "link-token", "session", "oauth-state", "login"]
    assert len({vault.keyed_hash(label, b"same") for label in labels}) == len(labels)
    assert len(vault.keyed_hash("session", b"same")) == 32
    assert len(vault.fingerprint(Secret("same"))) == 16


def test_a_list_of_secrets_opens_nothing(django_assert_num_queries, monkeypatch):
    acme = make_client()
    for _ in range(3):
        make_secret(acme)
    monkeypatch.setattr("secrets_vault.vault.fields.open_blob", None)
    with django_assert_num_queries(1):
        rows = SecretField.objects.filter(version__secret__client=acme).select_related("version__secret")
        assert [row.masked for row in rows] == ["****abcd"] * 3


def test_reveal_refuses_to_run_where_it_could_be_rolled_back():
    stored = make_secret()
    assert connection.in_atomic_block
    with transaction.atomic(), pytest.raises(RuntimeError):
        vault.reveal(stored, "api_key", actor=SYSTEM)
