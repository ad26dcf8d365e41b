"""Keys are made once; a start with a missing or wrong one is refused, names the one needed, and changes nothing."""

from __future__ import annotations

import base64
import hashlib
import stat
from importlib import import_module

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from secrets_vault import audit, generation, keyring, keys, vault, wrapping_key
from secrets_vault.actor import SYSTEM
from secrets_vault.errors import Unreadable, VaultLocked, WrongWrappingKey
from secrets_vault.models import AuditEvent, AuditHead, Installation, KeySlot, KeyTerm, SecretField, StoredSecret
from secrets_vault.secret import Secret
from tests.factories import make_client

pytestmark = pytest.mark.django_db
GOOD = wrapping_key.as_text(hashlib.sha256(b"another installation's key").digest())


def everything():
    """Return every row that a start could touch."""
    models = (Installation, KeySlot, KeyTerm, AuditEvent, AuditHead, StoredSecret, SecretField)
    return [list(model.objects.order_by("pk").values()) for model in models]


def made_from(secret_key):
    """Return the usual ways to make a wrapping key out of SECRET_KEY."""
    raw = secret_key.encode()
    digests = [hashlib.sha256(raw).digest(), hashlib.sha512(raw).digest()[:32], raw[:32], raw[-32:]]
    return [wrapping_key.as_text(digest) for digest in digests] + [secret_key[:43]]


def store_one(client=None, value="sk_test_0123456789abcd"):
    client = client or make_client()
    return vault.store(
        actor=SYSTEM, client=client, environment=None, kind="api_key", label="Stripe", fields={"api_key": Secret(value)}
    )


@pytest.fixture
def started(settings, tmp_path):
    """Return a home with keys, and the fingerprint it needs, as after a first start."""
    AuditHead.objects.all().delete()
    drop_triggers()
    AuditEvent.objects.all().delete()
    KeySlot.objects.all().delete()
    Installation.objects.all().delete()
    keys.forget()
    settings.KEYLODGE_HOME = tmp_path / "home"
    fingerprint = keys.initialise().fingerprint
    store_one()
    keys.forget()
    return settings.KEYLODGE_HOME, fingerprint


def drop_triggers():
    migration = import_module("secrets_vault.migrations.0002_audit_append_only")
    with connection.cursor() as cursor:
        for statement in migration.POSTGRESQL_BACK if connection.vendor == "postgresql" else migration.SQLITE_BACK:
            cursor.execute(statement)


def test_the_first_start_makes_a_private_file_and_the_second_leaves_it(started):
    home, fingerprint = started
    path = home / "wrapping_key"
    text = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert len(text.strip()) == 43
    before = everything()
    assert keys.initialise().fingerprint == fingerprint
    assert (path.read_text(), everything()) == (text, before)
    assert [name.name for name in home.iterdir() if name.name.startswith(".")] == []


@pytest.mark.parametrize("start", [keys.initialise, keys.unlock])
@pytest.mark.parametrize("given", ["none", "wrong", "short", "long", "example", "zeros", "not base64", "spare bits"])
def test_a_start_with_the_wrong_wrapping_key_names_the_right_one_and_changes_nothing(started, settings, start, given):
    home, fingerprint = started
    (home / "wrapping_key").unlink()
    settings.KEYLODGE_WRAPPING_KEY = {
        "none": "",
        "wrong": GOOD,
        "short": base64.urlsafe_b64encode(bytes(range(16))).decode().rstrip("="),
        "long": GOOD + "AAAA",
        "example": wrapping_key.as_text(b"example-" * 4),
        "zeros": "A" * 43,
        "not base64": "!" + GOOD[1:],
        "spare bits": GOOD[:-1] + chr(ord(GOOD[-1]) + 1),
    }[given]
    before = everything()
    with pytest.raises(WrongWrappingKey, match=fingerprint):
        start()
    assert everything() == before
    assert not (home / "wrapping_key").exists()


@pytest.mark.parametrize("way", range(5))
def test_a_wrapping_key_made_from_secret_key_is_refused(started, settings, way):
    _, fingerprint = started
    settings.SECRET_KEY = "Kd8_vQ2-7hTzLr0xWmN4pYcBfGjSaE1uIoR5tV9wXyZ3AbCdEfGhIj"
    settings.KEYLODGE_WRAPPING_KEY = made_from(settings.SECRET_KEY)[way]
    with pytest.raises(WrongWrappingKey, match=r"SECRET_KEY|spare|example"):
        keys.unlock()
    with pytest.raises(WrongWrappingKey, match=fingerprint):
        keys.unlock()


def test_a_wrong_key_ends_a_command_with_3(started, settings, capsys):
    settings.KEYLODGE_WRAPPING_KEY = GOOD
    for command in ("audit_verify", "doctor"):
        with pytest.raises(SystemExit) as ended:
            call_command(command)
        assert ended.value.code == 3
    assert started[1] in capsys.readouterr().err


def test_no_message_shows_a_key(started, settings):
    home, _ = started
    right = (home / "wrapping_key").read_text().strip()
    shown = repr(keys.unlock())
    assert right not in shown
    assert "root_key" not in shown
    keys.forget()
    settings.KEYLODGE_WRAPPING_KEY = GOOD
    with pytest.raises(WrongWrappingKey) as refused:
        keys.unlock()
    assert GOOD not in str(refused.value)


def test_the_environment_wins_over_the_file(started, settings):
    home, fingerprint = started
    settings.KEYLODGE_WRAPPING_KEY = (home / "wrapping_key").read_text().strip()
    (home / "wrapping_key").write_text(GOOD)
    assert keys.unlock().fingerprint == fingerprint


def test_a_database_without_keys_is_locked(started):
    AuditHead.objects.all().delete()
    Installation.objects.all().delete()
    assert not keys.is_unlocked()
    with pytest.raises(VaultLocked):
        keys.unlock()
    with pytest.raises(WrongWrappingKey, match="damaged"):
        keys.initialise()


def test_a_damaged_root_key_is_no_new_key(started):
    slot = KeySlot.objects.get()
    broken = bytearray(slot.wrapped_root_key)
    broken[-1] ^= 1
    KeySlot.objects.update(wrapped_root_key=bytes(broken))
    with pytest.raises(WrongWrappingKey, match="damaged"):
        keys.unlock()


def test_a_secret_key_changes_nothing_in_the_vault(started, settings):
    settings.SECRET_KEY = "another secret key altogether"
    stored = StoredSecret.objects.get()
    assert vault.use(stored, actor=SYSTEM, purpose="test")["api_key"].expose() == "sk_test_0123456789abcd"


def test_each_client_has_a_keyring_of_its_own():
    acme, other = make_client(), make_client("other")
    terms = {keyring.sealing_key(owner)[0] for owner in (acme.pk, other.pk, None)}
    assert len(terms) == 3
    assert {keyring.sealing_key(owner)[0] for owner in (acme.pk, other.pk, None)} == terms
    assert KeyTerm.objects.count() == 3


def test_a_new_term_seals_and_the_old_one_still_opens():
    stored = store_one()
    before = keyring.sealing_key(stored.client_id)[0]
    after = keyring.open_new_term(stored.client_id)
    assert keyring.sealing_key(stored.client_id)[0] == after != before
    assert vault.use(stored, actor=SYSTEM, purpose="test")["api_key"].expose() == "sk_test_0123456789abcd"


def test_a_destroyed_term_takes_its_values_with_it():
    stored = store_one()
    KeyTerm.objects.update(wrapped_key=None, state=KeyTerm.State.DESTROYED)
    keys.forget()
    with pytest.raises(Unreadable, match="destroyed"):
        vault.use(stored, actor=SYSTEM, purpose="test")


def test_a_term_moved_to_another_client_does_not_open():
    stored, other = store_one(), make_client("other")
    KeyTerm.objects.update(client=other)
    keys.forget()
    with pytest.raises(Unreadable):
        vault.use(stored, actor=SYSTEM, purpose="test")


def test_messages_are_counted_in_batches_and_a_full_term_is_followed_by_a_new_one(django_assert_num_queries):
    client = make_client()
    first, _ = keyring.sealing_key(client.pk)
    assert KeyTerm.objects.get(pk=first).messages == keyring.BATCH
    for _ in range(keyring.BATCH - 1):
        keyring._ring.allowance[first] -= 1
    KeyTerm.objects.filter(pk=first).update(messages=keyring.MOST_MESSAGES)
    second, _ = keyring.sealing_key(client.pk)
    assert second != first
    assert KeyTerm.objects.get(pk=first).state == KeyTerm.State.DECRYPT_ONLY


@pytest.mark.django_db(transaction=True)
def test_a_term_that_was_rolled_back_never_seals_again():
    client = make_client()

    class Abandoned(Exception):
        pass

    def seal_and_fail():
        with transaction.atomic():
            store_one(client)
            raise Abandoned

    with pytest.raises(Abandoned):
        seal_and_fail()
    stored = store_one(client)
    keys.forget()
    assert vault.use(stored, actor=SYSTEM, purpose="test")["api_key"].expose() == "sk_test_0123456789abcd"


@pytest.mark.django_db(transaction=True)
def test_opening_known_terms_asks_no_database(django_assert_num_queries):
    client = make_client()
    store_one(client)
    term, _ = keyring.sealing_key(client.pk)
    with django_assert_num_queries(0):
        for _ in range(10):
            keyring.sealing_key(client.pk)
            keyring.opening_key(term)


@pytest.mark.django_db(transaction=True)
def test_a_change_counts_the_generation_up_after_the_commit():
    before = generation.current()
    with transaction.atomic():
        generation.bump()
        assert generation.current() == before
    assert generation.current() == before + 1
    store_one()
    assert generation.current() > before + 1


def test_a_first_start_is_in_the_book():
    assert AuditEvent.objects.get(seq=1).action == "vault.made"
    assert audit.verify().ok
