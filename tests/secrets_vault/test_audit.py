"""The book of openings: whatever is edited, removed, moved or cut off is named."""

from __future__ import annotations

import json
from importlib import import_module

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from secrets_vault import audit
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.errors import AuditUnavailable
from secrets_vault.models import AuditEvent, AuditHead, AuditPerson
from secrets_vault.secret import Secret
from tests.factories import make_client, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def book():
    """Return the numbers of five events, in a book whose triggers are out of the way."""
    for number in range(5):
        audit.record("client.changed", actor=SYSTEM, details={"number": number})
    migration = import_module("secrets_vault.migrations.0002_audit_append_only")
    with connection.cursor() as cursor:
        postgresql = connection.vendor == "postgresql"
        for statement in migration.POSTGRESQL_BACK if postgresql else migration.SQLITE_BACK:
            cursor.execute(statement)
    return list(AuditEvent.objects.order_by("seq").values_list("seq", flat=True))


def first_bad():
    found = audit.verify()
    assert not found.ok
    return found.first_bad


def test_an_untouched_book_holds(book):
    found = audit.verify()
    assert (found.ok, found.events, found.first_bad) == (True, 6, None)
    assert found.head == bytes(AuditHead.objects.get().hash).hex()


@pytest.mark.parametrize(
    "edit",
    [
        {"action": "client.made"},
        {"actor_label": "Cora"},
        {"person_ref": "0" * 32},
        {"client_id": "018f0000-0000-7000-8000-000000000000"},
        {"object_id": "x"},
        {"object_label": "x"},
        {"details": {"number": 99}},
        {"ciphertext_hash": "0" * 64},
        {"at": "2020-01-01T00:00:00Z"},
        {"hash": bytes(32)},
        {"mac": bytes(32)},
    ],
)
def test_an_edited_event_is_named(book, edit):
    AuditEvent.objects.filter(seq=3).update(**edit)
    assert first_bad().seq == 3


def test_a_removed_event_is_named(book):
    AuditEvent.objects.filter(seq=3).delete()
    assert first_bad().seq == 3
    assert "missing" in first_bad().why


def test_two_events_that_changed_places_are_named(book):
    for old, new in [(3, 99), (4, 3), (99, 4)]:
        AuditEvent.objects.filter(seq=old).update(seq=new)
    assert first_bad().seq == 3


def test_a_cut_off_end_is_named(book):
    AuditEvent.objects.filter(seq__gte=5).delete()
    assert first_bad().seq == 5
    last = AuditEvent.objects.get(seq=4)
    AuditHead.objects.update(seq=4, hash=last.hash, mac=last.mac)
    assert first_bad().seq == 5


def test_an_emptied_book_is_named(book):
    AuditEvent.objects.all().delete()
    assert first_bad().seq == 1
    AuditHead.objects.all().delete()
    assert first_bad().seq == 1


def test_a_chain_recomputed_without_the_root_key_is_named(book):
    from hashlib import sha256

    previous = bytes(AuditEvent.objects.get(seq=2).hash)
    for event in AuditEvent.objects.filter(seq__gte=3).order_by("seq"):
        event.actor_label = "Cora"
        event.hash = sha256(audit.DOMAIN + previous + audit.canonical(event)).digest()
        event.save(update_fields=["actor_label", "hash"])
        previous = event.hash
    assert first_bad().seq == 3
    assert "root key" in first_bad().why


def test_an_event_written_meanwhile_is_no_fault(book, monkeypatch):
    look = audit._fault

    def look_and_write(event, **more):
        if event.seq in (6, 7):
            audit.record("client.changed", actor=SYSTEM)
        return look(event, **more)

    monkeypatch.setattr(audit, "_fault", look_and_write)
    found = audit.verify()
    assert (found.ok, found.events) == (True, 8)


def test_an_event_put_in_between_is_named(book):
    AuditEvent.objects.filter(seq=6).update(seq=7)
    forged = AuditEvent.objects.get(seq=5)
    forged.pk = 6
    forged.save(force_insert=True)
    assert first_bad().seq == 6


@pytest.mark.parametrize("act", ["UPDATE {} SET action = 'x'", "DELETE FROM {}"])
def test_the_database_itself_refuses_changes(act):
    with pytest.raises(DatabaseError, match="only added to"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(act.format(AuditEvent._meta.db_table))
    assert audit.verify().ok


@pytest.mark.django_db(transaction=True)
def test_an_event_outside_a_transaction_is_refused():
    with pytest.raises(AuditUnavailable):
        audit.record("client.changed", actor=SYSTEM)


@pytest.mark.parametrize("text", ["one\ntwo", "\x1b[2Jgone", "a\u2028b", "evil\u202egnp.exe", "nul\0", "\ud800"])
def test_an_event_is_one_line_whatever_the_text(text):
    ada = make_user("Ada")
    event = audit.record("client.changed", actor=SYSTEM, subject=ada, label=text, details={"name": text})
    assert event.object_label.isprintable()
    assert event.details["name"].isprintable()
    assert audit.verify().ok


@pytest.mark.parametrize("value", [Secret("x"), 1.5, b"x", object()])
def test_details_hold_nothing_that_could_be_a_value(value):
    with pytest.raises(TypeError):
        audit.record("client.changed", actor=SYSTEM, details={"x": value})


def test_an_address_can_be_erased_and_the_book_still_holds():
    audit.record("login.ok", actor=Actor.of(make_user("Ada"), ip="192.0.2.7"))
    audit.record("login.ok", actor=Actor(kind="system", ip="192.0.2.7"))
    assert AuditPerson.objects.get().value == "192.0.2.7"
    AuditPerson.objects.all().delete()
    assert audit.verify().ok


def test_long_texts_are_cut_and_the_book_still_holds():
    audit.record("x", actor=Actor(kind="system", id="i" * 99, label="l" * 999), label="o" * 999, client=make_client())
    assert audit.verify().ok


def test_the_command_answers_with_the_contracts_names(capsys, book):
    call_command("audit_verify")
    found = audit.verify()
    expected = {"ok": True, "events": found.events, "head": found.head, "first_bad": None}
    assert json.loads(capsys.readouterr().out) == expected


def test_the_command_ends_with_1_and_names_the_event(capsys, book):
    AuditEvent.objects.filter(seq=3).update(action="x")
    with pytest.raises(SystemExit) as ended:
        call_command("audit_verify")
    out = capsys.readouterr()
    assert ended.value.code == 1
    assert json.loads(out.out)["first_bad"]["seq"] == 3
    assert "Event 3" in out.err
