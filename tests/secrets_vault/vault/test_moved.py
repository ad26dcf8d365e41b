"""A ciphertext moved in the database opens nothing, and the rest of the secret still opens."""

from __future__ import annotations

import pytest

from secrets_vault import vault
from secrets_vault.actor import SYSTEM
from secrets_vault.errors import Unreadable
from secrets_vault.models import Installation, SecretField, SecretVersion, StoredSecret
from secrets_vault.secret import Secret
from tests.factories import make_client

pytestmark = pytest.mark.django_db


def store(client, environment, value):
    return vault.store(
        actor=SYSTEM, client=client, environment=environment, kind="basic", label="Login",
        fields={"username": Secret("ada-of-" + value), "password": Secret("password-of-" + value)},
    )  # fmt: skip


@pytest.fixture
def cast():
    """Return two clients' secrets; the first has two versions and a client with two environments."""
    acme, other = make_client(), make_client("other")
    production, staging = acme.environments.all()
    first = store(acme, production, "acme-production")
    vault.replace(first, {"username": Secret("ada"), "password": Secret("second-password-of-acme")}, actor=SYSTEM)
    return {
        "first": first,
        "staging": store(acme, staging, "acme-staging"),
        "other": store(other, other.environments.first(), "other-production"),
    }


def field(stored, name="password", number=None):
    return SecretField.objects.get(version__secret=stored, name=name, version__number=number or stored.last_number)


def put(target, blob):
    SecretField.objects.filter(pk=target.pk).update(blob=blob)


def opens(stored):
    stored = StoredSecret.objects.get(pk=stored.pk)
    return vault.use(stored, actor=SYSTEM, purpose="test")


@pytest.mark.parametrize("source", ["other", "staging", "field", "version"])
def test_a_blob_copied_from_elsewhere_does_not_open(cast, source):
    first = cast["first"]
    blob = {
        "other": lambda: field(cast["other"]).blob,
        "staging": lambda: field(cast["staging"]).blob,
        "field": lambda: field(first, "username").blob,
        "version": lambda: field(first, number=1).blob,
    }[source]()
    put(field(first), blob)
    with pytest.raises(Unreadable):
        opens(first)
    with pytest.raises(Unreadable):
        vault.reveal(StoredSecret.objects.get(pk=first.pk), "password", actor=SYSTEM)
    assert vault.reveal(StoredSecret.objects.get(pk=first.pk), "username", actor=SYSTEM).expose() == "ada"
    assert bytes(field(first).blob) == bytes(blob)


@pytest.mark.parametrize(
    "move",
    [
        lambda cast: {"client": cast["other"].client, "environment": None},
        lambda cast: {"environment": cast["staging"].environment},
        lambda cast: {"environment": None},
        lambda cast: {"client": None, "environment": None},
    ],
)
def test_a_secret_moved_to_another_client_or_environment_does_not_open(cast, move):
    StoredSecret.objects.filter(pk=cast["first"].pk).update(**move(cast))
    with pytest.raises(Unreadable):
        opens(cast["first"])


def test_a_version_moved_to_another_secret_or_number_does_not_open(cast):
    first, other = cast["first"], cast["other"]
    SecretVersion.objects.filter(pk=other.current_id).update(secret=first, number=9)
    StoredSecret.objects.filter(pk=first.pk).update(current=other.current_id)
    with pytest.raises(Unreadable):
        opens(first)


def test_a_renamed_field_does_not_open(cast):
    row = field(cast["first"], "username")
    SecretField.objects.filter(pk=row.pk).update(name="user")
    with pytest.raises(Unreadable):
        opens(cast["first"])


def test_rows_of_another_installation_do_not_open(cast):
    from secrets_vault import keys

    unlocked = keys.unlock()
    keys._unlocked = keys.Unlocked(Installation(pk=cast["first"].pk).pk, unlocked.fingerprint, unlocked.root_key)
    with pytest.raises(Unreadable):
        opens(cast["first"])


def test_every_flipped_byte_of_a_stored_blob_is_unreadable_and_stays(cast):
    row = field(cast["first"])
    blob = bytes(row.blob)
    for position in range(len(blob)):
        broken = blob[:position] + bytes([blob[position] ^ 0x80]) + blob[position + 1 :]
        put(row, broken)
        with pytest.raises(Unreadable):
            opens(cast["first"])
        assert bytes(SecretField.objects.get(pk=row.pk).blob) == broken
