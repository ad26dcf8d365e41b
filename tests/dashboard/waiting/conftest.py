"""Acme with a connection, a token and a call that waits; Ada manages it, Ben may look, Cora is a stranger."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from integrations import tokens
from integrations.models import Connection
from secrets_vault.actor import SYSTEM
from tests.factories import make_client, make_held_call, make_membership, make_user


@pytest.fixture
def cast(db):
    """Return who and what there is."""
    client, ada, ben, cora = make_client(), make_user("Ada"), make_user("Ben"), make_user("Cora")
    make_membership(ada, client)
    make_membership(ben, client, "viewer")
    connection = Connection.objects.create(
        slug="acme-crm",
        client=client,
        environment=client.environments.first(),
        provider_key="hubspot",
        kind="bearer",
        status="connected",
    )
    token, _ = tokens.make(client, "n8n", [connection], actor=SYSTEM)
    call = make_held_call(connection, token)
    return SimpleNamespace(client=client, ada=ada, ben=ben, cora=cora, connection=connection, token=token, call=call)
