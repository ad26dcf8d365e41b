"""The recovery kit shows the wrapping key once it is written in the book that it did."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import DatabaseError

from secrets_vault import keys, recovery_kit
from secrets_vault.actor import Actor
from secrets_vault.errors import AuditUnavailable
from secrets_vault.models import AuditEvent
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def test_the_kit_holds_what_a_restore_needs(settings):
    ada = Actor.of(make_user("Ada"))
    text = (Path(settings.KEYLODGE_HOME) / "wrapping_key").read_text().strip()
    assert not recovery_kit.was_made()
    kit = recovery_kit.make_kit(actor=ada)
    assert recovery_kit.was_made()
    assert kit.wrapping_key.expose() == text
    assert (kit.fingerprint, kit.installation_id) == (keys.unlock().fingerprint, str(keys.unlock().installation_id))
    assert text in kit.as_text()
    assert text not in repr(kit)
    assert text not in str(AuditEvent.objects.values())


def test_no_kit_without_an_event(monkeypatch):
    monkeypatch.setattr(AuditEvent, "save", lambda *a, **k: (_ for _ in ()).throw(DatabaseError("disk full")))
    with pytest.raises(AuditUnavailable):
        recovery_kit.make_kit(actor=Actor.of(make_user("Ada")))
