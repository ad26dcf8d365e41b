"""The doctor looks at everything, mends nothing, and says of each trouble what to do."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone

from secrets_vault import doctor, vault
from secrets_vault.actor import SYSTEM
from secrets_vault.models import AuditHead, SecretField
from secrets_vault.secret import Secret
from tests.factories import make_client, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def healthy(settings, tmp_path):
    """An installation with an owner and a secret, in a private home."""
    Path(settings.KEYLODGE_HOME).chmod(0o700)
    make_user("Olga", is_owner=True)
    return vault.store(
        actor=SYSTEM, client=make_client(), environment=None, kind="api_key", label="Stripe",
        fields={"api_key": Secret("sk_test_0123456789abcd")},
    )  # fmt: skip


def troubles():
    """Return what is not well, by check."""
    return {finding.check: finding for finding in doctor.examine() if not finding.ok}


def test_a_healthy_installation_has_no_trouble(healthy, capsys):
    call_command("doctor")
    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] is True
    assert {"tables", "home", "vault", "secrets", "audit", "owner"} <= {row["check"] for row in answer["findings"]}


def test_an_unreadable_value_is_named_and_left_alone(healthy):
    SecretField.objects.update(blob=b"broken")
    assert str(healthy.pk) in troubles()["secrets"].what
    assert bytes(SecretField.objects.get().blob) == b"broken"


def test_a_broken_book_is_named(healthy):
    AuditHead.objects.update(seq=99)
    assert "audit" in troubles()


def test_a_home_that_others_may_read_is_named(healthy, settings):
    Path(settings.KEYLODGE_HOME).chmod(0o755)
    assert "chmod go-rwx" in troubles()["home"].todo


def test_an_installation_that_nobody_owns_ends_with_1(capsys):
    with pytest.raises(SystemExit) as ended:
        call_command("doctor")
    assert ended.value.code == 1
    assert "create_owner" in capsys.readouterr().err


def test_every_trouble_says_what_to_do(healthy, settings):
    SecretField.objects.update(blob=b"broken")
    AuditHead.objects.update(seq=99)
    Path(settings.KEYLODGE_HOME).chmod(0o755)
    assert len(troubles()) == 3
    assert all(finding.todo for finding in troubles().values())


def test_a_clock_that_is_behind_the_audit_trail_is_named(healthy, monkeypatch):
    behind = timezone.now() - timedelta(days=2)
    monkeypatch.setattr(timezone, "now", lambda: behind)
    assert "timedatectl" in troubles()["clock"].todo
