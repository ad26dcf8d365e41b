"""Old access tokens are forgotten; nothing that a person stored is."""

from __future__ import annotations

import pytest

from secrets_vault import audit, vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import AuditEvent, SecretField
from secrets_vault.secret import Secret
from tests.factories import make_client

pytestmark = pytest.mark.django_db


def make(kind: str, field: str, versions: int):
    client = make_client(kind.replace("_", "-"))
    where = {"client": client, "environment": client.environments.first()}
    stored = vault.store(actor=SYSTEM, kind=kind, label="x", fields={field: Secret("value-0-0123456789")}, **where)
    for n in range(1, versions):
        vault.replace(stored, {field: Secret(f"value-{n}-0123456789")}, actor=SYSTEM)
    return stored


def test_a_heap_of_renewed_tokens_shrinks_to_the_newest_few():
    stored = make("oauth_tokens", "access_token", 14)
    assert vault.forget_renewed(kept=5, at_once=5) == 7
    assert list(stored.versions.values_list("number", flat=True)) == [14, 13, 12, 11, 10, 9, 8]
    assert SecretField.objects.filter(version__secret=stored).count() == 7
    assert AuditEvent.objects.get(action="secret.forgotten").details == {"versions": 7, "newest": 7}
    assert audit.verify().ok
    assert vault.use(stored, actor=SYSTEM, purpose="test")["access_token"] == Secret("value-13-0123456789")


def test_a_small_heap_waits_for_the_next_day():
    make("oauth_tokens", "access_token", 8)
    assert vault.forget_renewed() == 0


def test_versions_of_a_key_that_a_person_stored_are_kept():
    stored = make("api_key", "api_key", 14)
    assert vault.forget_renewed(kept=5, at_once=5) == 0
    assert stored.versions.count() == 14


def test_a_destroyed_value_is_wiped_from_the_log_of_the_database(monkeypatch, django_capture_on_commit_callbacks):
    wiped = []
    monkeypatch.setattr("secrets_vault.leftovers.wipe", lambda: wiped.append(SecretField.objects.count()))
    stored = make("api_key", "api_key", 2)
    with django_capture_on_commit_callbacks(execute=True):
        vault.destroy(stored, actor=SYSTEM, reason="left")
    assert wiped == [0]
