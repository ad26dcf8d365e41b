"""After the end of a client nothing of it opens, in the database, the files or the queue; everybody else's does."""

from __future__ import annotations

import json
import zipfile
from datetime import timedelta

import pytest
from django.apps import apps

from integrations import offboarding
from integrations.handover import Terms, share_text
from integrations.models import Call, Handover, Message, Offboarding, WebhookEvent
from integrations.offboarding import NotNow, archive, removing
from integrations.offboarding.pdf import as_pdf
from integrations.webhooks import sealing
from secrets_vault import audit, certificates, keyring, keys, row_checks, shredding, vault
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.errors import Unreadable
from secrets_vault.models import AuditEvent, Client, KeyTerm, SecretField
from secrets_vault.secret import Secret
from secrets_vault.vault.fields import open_field
from tests.integrations.offboarding.conftest import NOW

pytestmark = pytest.mark.django_db


def opens(act):
    try:
        act()
    except Unreadable:
        return False
    return True


def sealed_things(client):
    """Return a way to open each value of a client, with all that a thief of the rows would have."""
    rows = SecretField.objects.filter(version__secret__client=client).select_related("version__secret__client")
    acts = [lambda row=row: open_field(row.version.secret, row.version, row) for row in rows]
    for event in WebhookEvent.objects.filter(client=client).defer(None):
        acts += [lambda event=event: sealing.open_body(event), lambda event=event: sealing.open_head(event)]
    for row in Handover.objects.filter(client=client).select_related("client"):
        acts.append(lambda row=row: vault.outer_layer(row.sealed, row_id=row.pk, client=row.client))
    return acts


def test_nothing_of_the_client_opens_any_more_and_every_other_client_does(asked, acme, beta):
    stolen, theirs = sealed_things(acme), sealed_things(beta)
    assert len(stolen) >= 6
    assert all(opens(act) for act in [*stolen, *theirs])
    terms = list(KeyTerm.objects.filter(client=acme))
    wrapped = [bytes(term.wrapped_key) for term in terms]
    assert offboarding.carry_on(now=NOW) == 1
    asked.refresh_from_db()
    assert asked.stage == Offboarding.Stage.DONE
    assert not any(opens(act) for act in stolen)  # the rows as they were, read before
    assert all(opens(act) for act in theirs)
    keys.forget()
    assert not any(opens(act) for act in stolen)
    assert shredding.what_still_opens(acme) == []
    assert removing.what_is_left(acme) == []
    assert not KeyTerm.objects.filter(client=acme, wrapped_key__isnull=False).exists()
    for blob in wrapped:
        assert blob not in everything()
    assert row_checks.check_rows().ok
    assert audit.verify().ok


def everything():
    """Return the bytes of every row of every model."""
    found = bytearray()
    for model in apps.get_models():
        for row in model._base_manager.values_list():
            found += b"\n".join(bytes(v) if isinstance(v, (bytes, memoryview)) else str(v).encode() for v in row)
    return bytes(found)


def test_beta_keeps_every_row(asked, beta):
    before = {model: count_of(model, field, beta) for model, field in removing.belonging()}
    offboarding.carry_on(now=NOW)
    assert {model: count_of(model, field, beta) for model, field in removing.belonging()} == before


def count_of(model, field, client):
    return model._base_manager.filter(**{field.attname: client.pk}).count()


def test_what_stays_is_the_name_the_book_and_the_certificate(asked, acme):
    offboarding.carry_on(now=NOW)
    acme.refresh_from_db()
    assert (acme.name, acme.notes, acme.archived_at) == ("Acme Ltd", "", NOW)
    assert AuditEvent.objects.filter(client_id=acme.pk).count() > 10
    assert set(KeyTerm.objects.filter(client=acme).values_list("state", flat=True)) == {"destroyed"}
    assert not Call.objects.filter(client_id=acme.pk).exists()
    assert Message.objects.filter(kind="offboarding_done").count() == 1


def test_every_table_that_refers_to_a_client_is_emptied_or_named_as_kept():
    found = {model for model, _field in removing.belonging()}
    refer = {model for model in apps.get_models() for field in model._meta.fields if field.related_model is Client}
    assert refer - found <= set(removing.KEPT)
    assert {"Call", "ErrorGroup", "LimitReading", "StoredSecret", "Handover"} <= {model.__name__ for model in found}


def test_nothing_is_ever_stored_for_the_client_again(asked, acme):
    offboarding.carry_on(now=NOW)
    with pytest.raises(Unreadable):
        vault.store(
            actor=SYSTEM, client=acme, environment=None, kind="note", label="Late", fields={"note": Secret("late")}
        )
    with pytest.raises(Unreadable):
        share_text(Secret("late"), Terms(label="Late"), client=acme, actor=SYSTEM, now=NOW)


def test_a_client_that_never_stored_anything_is_closed_too(ada):
    empty = Client.objects.create(slug="empty", name="Empty")
    made = offboarding.begin(empty, actor=Actor.of(ada), now=NOW)
    offboarding.start_revoking(made, actor=Actor.of(ada), now=NOW)
    offboarding.revoke_due(now=NOW)
    offboarding.ask_to_shred(made, typed_name="Empty", is_at_once=True, actor=Actor.of(ada), now=NOW)
    assert offboarding.carry_on(now=NOW) == 1
    with pytest.raises(Unreadable):
        keyring.sealing_key(empty.pk)


@pytest.mark.parametrize("dies_at", range(6))
def test_a_worker_killed_at_any_point_is_never_done_and_the_next_one_finishes(asked, acme, monkeypatch, dies_at):
    stolen, calls = sealed_things(acme), []
    emptied = removing._empty

    def dying(model, field, client):
        calls.append(model)
        if len(calls) > dies_at:
            raise SystemExit
        return emptied(model, field, client)

    with monkeypatch.context() as patch:
        patch.setattr(removing, "_empty", dying)
        with pytest.raises(SystemExit):
            offboarding.carry_on(now=NOW)
    asked.refresh_from_db()
    assert (asked.stage, asked.signature) == ("shredding", "")
    assert not any(opens(act) for act in stolen)
    assert offboarding.carry_on(now=NOW) == 1
    asked.refresh_from_db()
    assert asked.stage == "done"
    assert [row["what"] for row in asked.certificate["handed_over"]] == ["Door code"]
    assert AuditEvent.objects.filter(action="client.shredded").count() == 1


def test_it_is_not_done_while_something_is_left(asked, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(removing, "what_is_left", lambda client: ["integrations.Call"])
        assert offboarding.carry_on(now=NOW) == 0
    asked.refresh_from_db()
    assert (asked.stage, asked.trouble, asked.signature) == ("shredding", "integrations.Call", "")
    assert offboarding.carry_on(now=NOW) == 1


def test_a_key_made_at_the_same_moment_is_destroyed_too(asked, acme):
    Offboarding.objects.filter(pk=asked.pk).update(stage="shredding", shredded_at=NOW)
    assert opens(lambda: keyring.sealing_key(acme.pk))
    assert offboarding.carry_on(now=NOW) == 1
    assert shredding.what_still_opens(acme) == []


def test_it_waits_a_day_and_can_be_undone_until_then(revoked, acme, ada):
    about = {"typed_name": " Acme  Ltd ", "is_at_once": False, "actor": Actor.of(ada), "now": NOW}
    due = offboarding.ask_to_shred(revoked, **about)
    assert due == NOW + timedelta(hours=24)
    assert offboarding.carry_on(now=due - timedelta(seconds=1)) == 0
    offboarding.undo(revoked, actor=Actor.of(ada), now=NOW)
    assert offboarding.carry_on(now=due + timedelta(days=1)) == 0
    assert all(opens(act) for act in sealed_things(acme))
    offboarding.ask_to_shred(revoked, **about)
    assert offboarding.carry_on(now=due) == 1
    with pytest.raises(NotNow):
        offboarding.undo(revoked, actor=Actor.of(ada), now=due)


def test_the_name_has_to_be_typed_and_access_ended_first(acme, ada):
    made = offboarding.begin(acme, actor=Actor.of(ada), now=NOW)
    about = {"is_at_once": True, "actor": Actor.of(ada), "now": NOW}
    with pytest.raises(NotNow):
        offboarding.ask_to_shred(made, typed_name="Acme Ltd", **about)
    with pytest.raises(NotNow):
        offboarding.ask_to_shred(made, typed_name="acme", **about)
    assert offboarding.carry_on(now=NOW) == 0


def test_the_certificate_says_what_was_done_and_is_signed(asked, acme):
    offboarding.carry_on(now=NOW)
    asked.refresh_from_db()
    said = asked.certificate
    assert certificates.is_ours(said, asked.signature)
    assert (said["client"]["name"], said["agency"]) == ("Acme Ltd", "Ada")
    assert {row["kind"]: row["outcome"] for row in said["ended"]}["key"] == "by_hand"
    assert said["destroyed"]["at"] == "2026-11-22T09:00:00Z"
    assert said["destroyed"]["key_terms"] == [str(KeyTerm.objects.get(client=acme).pk)]
    assert "stays readable" in said["backups"]["note"]
    event = AuditEvent.objects.get(seq=said["audit"]["seq"])
    assert event.action == "client.shredded"
    assert json.loads(json.dumps(said)) == said


@pytest.mark.parametrize("change", ["name", "outcome", "key", "signature", "none"])
def test_a_changed_certificate_is_not_ours(asked, change):
    offboarding.carry_on(now=NOW)
    asked.refresh_from_db()
    said, signature = json.loads(json.dumps(asked.certificate)), asked.signature
    if change == "name":
        said["client"]["name"] = "Acme  Ltd"
    elif change == "outcome":
        said["ended"][0]["outcome"] = "dead"
    elif change == "key":
        said["more"] = 1
    elif change == "signature":
        signature = ("A" if signature[0] != "A" else "B") + signature[1:]
    assert certificates.is_ours(said, signature) == (change == "none")


def test_the_pdf_names_the_hash_and_no_value(asked):
    offboarding.carry_on(now=NOW)
    asked.refresh_from_db()
    paper = as_pdf(asked.certificate, asked.signature)
    assert paper.startswith(b"%PDF-")
    assert len(paper) > 2000


def test_the_archive_holds_metadata_calls_and_events_and_no_value(revoked, acme, ada):
    rows = SecretField.objects.filter(version__secret__client=acme).select_related("version__secret")
    values = [open_field(row.version.secret, row.version, row).expose() for row in rows]
    file = archive.write(revoked, passphrase=None, actor=Actor.of(ada), now=NOW)
    with zipfile.ZipFile(file) as found:
        texts = {name: found.read(name).decode() for name in found.namelist()}
    assert set(texts) == {"README.txt", "secrets.csv", "calls.csv", "audit.csv"}
    assert "/v1/charges" in texts["calls.csv"]
    assert "Door code" in texts["secrets.csv"]
    assert not [value for value in values for text in texts.values() if value in text]
    revoked.refresh_from_db()
    assert revoked.exported_at == NOW


def test_the_archive_with_a_passphrase_is_an_age_file(revoked, ada):
    file = archive.write(revoked, passphrase=Secret("correct horse"), actor=Actor.of(ada), now=NOW)
    assert file.read(21) == b"age-encryption.org/v1"
