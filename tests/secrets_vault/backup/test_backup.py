"""One file, encrypted, that opens in an empty home with the wrapping key and nowhere without."""

from __future__ import annotations

import io

import pyrage
import pytest
from django.db import DatabaseError, connection

from secrets_vault import audit, keys, row_checks, vault
from secrets_vault.actor import SYSTEM
from secrets_vault.backup import Lock, restore_backup, write_backup
from secrets_vault.backup.archive import pack, unpack
from secrets_vault.errors import AuditUnavailable, BackupRefused, BadInput, WrongWrappingKey
from secrets_vault.models import AuditEvent, Client, SecretField, Session, StoredSecret
from secrets_vault.secret import Secret
from secrets_vault.wrapping_key import as_text
from tests.emptying import empty_the_book
from tests.factories import make_client

pytestmark = pytest.mark.django_db(transaction=True)
CANARY = "sk_test_canary_in_a_backup_0001"


@pytest.fixture(scope="module")
def identity():
    """Return an age identity: much faster than a passphrase, which is slow on purpose."""
    return pyrage.x25519.Identity.generate()


@pytest.fixture
def lock(identity):
    """Return a lock that closes and opens."""
    return Lock(recipients=[str(identity.to_public())], identities=[Secret(str(identity))])


@pytest.fixture
def backup(lock):
    """Return a backup of one client with one secret of two versions."""
    client = make_client()
    stored = vault.store(
        actor=SYSTEM, client=client, environment=None, kind="api_key", label="Stripe",
        fields={"api_key": Secret(CANARY)},
    )  # fmt: skip
    vault.replace(stored, {"api_key": Secret(CANARY + "-new")}, actor=SYSTEM)
    out = io.BytesIO()
    write_backup(out, lock=lock)
    return out.getvalue()


def restore(backup, lock, **more):
    return restore_backup(io.BytesIO(backup), lock=lock, **more)


def empty_the_database():
    """Leave tables without rows, as after a first `migrate`."""
    empty_the_book()
    StoredSecret.objects.update(current=None)
    with connection.cursor() as cursor:
        for table in ("secretfield", "secretversion", "storedsecret", "keyterm", "environment", "client"):
            cursor.execute(f"DELETE FROM secrets_vault_{table}")
        for table in ("audithead", "keyslot", "installation"):
            cursor.execute(f"DELETE FROM secrets_vault_{table}")
    keys.forget()


def test_everything_opens_after_a_restore(backup, lock):
    empty_the_database()
    restored = restore(backup, lock)
    assert AuditEvent.objects.latest("seq").action == "backup.restored"
    stored = StoredSecret.objects.get()
    assert restored.ok
    assert restored.opened == 3  # two versions and one keyring
    assert vault.use(stored, actor=SYSTEM, purpose="test")["api_key"].expose() == CANARY + "-new"
    assert audit.verify().ok


def test_the_file_shows_nothing(backup, lock):
    assert backup.startswith(b"age-encryption.org/v1")
    inside = lock.open(backup)
    _, parts = unpack(inside)
    for part in parts.values():
        assert CANARY.encode() not in part


def test_the_manifest_says_what_is_inside(backup, lock):
    manifest, _ = unpack(lock.open(backup))
    assert manifest["needs_wrapping_key"] == [keys.unlock().fingerprint]
    assert manifest["rows"]["secrets_vault_secretfield"] == 2
    assert manifest["rows"]["secrets_vault_auditevent"] == manifest["audit_seq"]
    assert manifest["audit_head"] == audit.verify().head
    assert "secrets_vault" in manifest["migrations"]


def test_a_home_that_is_used_is_left_alone(backup, lock):
    make_client("other")
    with pytest.raises(BackupRefused, match="--force"):
        restore(backup, lock)
    assert Client.objects.filter(slug="other").exists()
    assert restore(backup, lock, force=True).ok
    assert not Client.objects.filter(slug="other").exists()


def test_another_wrapping_key_is_refused_before_anything_is_written(backup, lock, settings):
    needed = keys.unlock().fingerprint
    before = Client.objects.count(), audit.verify()
    settings.KEYLODGE_WRAPPING_KEY = as_text(bytes(range(100, 132)))
    with pytest.raises(WrongWrappingKey, match=needed):
        restore(backup, lock, force=True)
    assert (Client.objects.count(), audit.verify()) == before


def test_without_a_wrapping_key_the_one_needed_is_named(backup, lock, settings, tmp_path):
    needed = keys.unlock().fingerprint
    settings.KEYLODGE_HOME = tmp_path
    with pytest.raises(WrongWrappingKey, match=needed):
        restore(backup, lock, force=True)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_passphrase_or_a_damaged_file_is_refused(backup, lock):
    other = Lock(identities=[Secret(str(pyrage.x25519.Identity.generate()))])
    broken = bytearray(backup)
    broken[len(broken) // 2] ^= 1
    for file, how in [(backup, other), (bytes(broken), lock), (b"", lock), (b"not a backup", lock)]:
        with pytest.raises(BackupRefused):
            restore(file, how, force=True)


@pytest.mark.parametrize("spoil", ["a part is missing", "a part is changed", "no manifest", "a later format", "no tar"])
def test_a_backup_that_is_not_whole_is_refused(backup, lock, spoil):
    manifest, parts = unpack(lock.open(backup))
    hashes = manifest.pop("sha256")
    manifest.pop("format")
    name = next(iter(parts))
    plain = {
        "a part is missing": lambda: _with(
            pack(manifest, parts), hashes, {k: v for k, v in parts.items() if k != name}
        ),
        "a part is changed": lambda: _with(pack(manifest, parts), hashes, {**parts, name: parts[name] + b"x"}),
        "no manifest": lambda: _tar(parts),
        "a later format": lambda: _tar({"manifest.json": b'{"format": 2, "sha256": {}}'}),
        "no tar": lambda: b"x" * 100,
    }[spoil]()
    with pytest.raises(BackupRefused):
        restore(lock.close(plain), lock, force=True)
    assert Client.objects.filter(slug="acme").exists()


def _with(plain, hashes, parts):
    import json

    return _tar({"manifest.json": json.dumps({"format": 1, "sha256": hashes}).encode(), **parts})


def _tar(parts):
    import tarfile

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, part in parts.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(part)
            tar.addfile(entry, io.BytesIO(part))
    return out.getvalue()


def test_no_backup_is_made_that_the_book_does_not_know_of(lock, monkeypatch):
    monkeypatch.setattr(AuditEvent, "save", lambda *a, **k: (_ for _ in ()).throw(DatabaseError("disk full")))
    out = io.BytesIO()
    with pytest.raises(AuditUnavailable):
        write_backup(out, lock=lock)
    assert out.getvalue() == b""


@pytest.mark.parametrize("lock", [Lock(), Lock(passphrase=Secret("short")), Lock(recipients=["ssh-rsa x"])], ids=str)
def test_a_backup_without_a_real_lock_is_refused(lock):
    with pytest.raises(BadInput):
        write_backup(io.BytesIO(), lock=lock)
    assert not AuditEvent.objects.filter(action="backup.made").exists()


def test_whoever_was_signed_in_then_is_not_signed_in_now(backup, lock):
    from django.utils import timezone

    now = timezone.now()
    Session.objects.create(key_hash=b"x" * 32, sealed_data=b"", created_at=now, last_seen_at=now, expires_at=now)
    out = io.BytesIO()
    write_backup(out, lock=lock)
    restore(out.getvalue(), lock, force=True)
    assert not Session.objects.exists()


def test_unreadable_rows_and_old_rows_put_back_are_found(backup):
    stored = StoredSecret.objects.get()
    assert row_checks.check_rows().ok
    old, new = SecretField.objects.get(version__number=1), SecretField.objects.get(version__number=2)
    StoredSecret.objects.filter(pk=stored.pk).update(current=old.version)
    assert row_checks.check_rows().put_back == [f"secret {stored.pk} version 1"]
    StoredSecret.objects.filter(pk=stored.pk).update(current=new.version)
    SecretField.objects.filter(pk=new.pk).update(blob=old.blob)
    found = row_checks.check_rows()
    assert found.unreadable == [f"secret {stored.pk} version 2 field api_key"]
    assert found.put_back == [f"secret {stored.pk} version 2"]
