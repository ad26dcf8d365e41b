"""Connections of a running installation to the sandbox's HubSpot, made as a person would, at the time it is."""

from __future__ import annotations

from typing import Any

MAKE = """
from django.utils import timezone
from integrations import tokens
from secrets_vault.actor import COMMAND
from secrets_vault.models import User
from tests.factories import make_client, make_user
from tests.integrations.oauth.world import connected, make_connection
from tests.integrations.sandbox.conftest import Sandbox
sandbox = Sandbox.__new__(Sandbox)
sandbox.line, sandbox.port = given["line"], int(given["line"]["url"].rpartition(":")[2])
ada = User.objects.filter(is_owner=True).first() or make_user("Ada", is_owner=True)
client, made = make_client("hub"), []
for slug in given["slugs"]:
    connection = make_connection(given["line"], slug=slug, client=client, user=ada)
    made.append(connected(sandbox, connection, ada, now=timezone.now()))
print(json.dumps(tokens.make(client, "n8n", made, actor=COMMAND)[1].expose()))
"""


def make_consents(installation: Any, sandbox: Any, *slugs: str) -> None:
    """Connect these slugs to the sandbox, and enter their gateway token as `hub`."""
    installation.tokens["hub"] = installation.shell(MAKE, line=sandbox.line, slugs=slugs)
