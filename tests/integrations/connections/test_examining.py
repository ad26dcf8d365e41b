"""What `doctor` says of connections: which have lost what they send, or what they sign with."""

from __future__ import annotations

import pytest

from integrations.connections.examining import credentials_are_whole
from integrations.connections.granting import connect_jwt
from integrations.models import Connection
from integrations.oauth.refresh import refresh
from integrations.status import pause
from secrets_vault import doctor, row_checks, vault
from secrets_vault.actor import COMMAND
from secrets_vault.models import SecretField
from secrets_vault.secret import Secret
from tests.integrations.oauth.machine_world import CLAIMS, Endpoint, make_machine, pem
from tests.integrations.oauth.world import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def signing():
    """Return a connection that signs with a private key and has a token."""
    made = make_machine("jwt_bearer")
    connect_jwt(made, Secret(pem()), CLAIMS, actor=COMMAND, now=NOW)
    made.refresh_from_db()
    refresh(made, now=NOW, send=Endpoint())
    made.refresh_from_db()
    return made


def test_a_connection_that_has_everything_is_well(signing):
    found = credentials_are_whole()
    assert (found.ok, found.what) == (True, "1 have what they send")
    assert credentials_are_whole in doctor.NEED_THE_KEYS


@pytest.mark.parametrize(
    ("column", "words"), [("grant_secret", "the key of acme-vendor"), ("secret", "the credential of acme-v")]
)
def test_one_whose_private_key_or_token_was_deleted_is_named(signing, column, words):
    vault.delete(getattr(signing, column), actor=COMMAND)
    found = credentials_are_whole()
    assert not found.ok
    assert found.what.startswith(words)
    assert found.todo
    pause(signing, actor=COMMAND, now=NOW)
    assert credentials_are_whole().ok, "nobody calls through it"


def test_one_whose_value_beside_the_token_was_deleted_is_named(signing):
    beside = vault.store(
        actor=COMMAND, client=signing.client, environment=signing.environment, kind="key_value_set", label="beside",
        fields={"developer_token": Secret("dev-0123456789")},
    )  # fmt: skip
    Connection.objects.filter(pk=signing.pk).update(beside_secret=beside)
    assert credentials_are_whole().ok
    vault.delete(beside, actor=COMMAND)
    found = credentials_are_whole()
    assert (found.ok, found.what) == (False, "what goes beside the token of acme-vendor was deleted")


def test_a_private_key_that_does_not_open_is_named(signing):
    row = SecretField.objects.get(version__secret=signing.grant_secret)
    SecretField.objects.filter(pk=row.pk).update(blob=bytes(row.blob)[:-1] + bytes([bytes(row.blob)[-1] ^ 1]))
    assert [name for name in row_checks.check_rows().unreadable if str(signing.grant_secret_id) in name]
