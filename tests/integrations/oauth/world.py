"""A client with a connection to the sandbox's HubSpot, and a browser that consents there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from integrations.models import Connection, CustomProvider, OAuthApp
from integrations.oauth import flow
from integrations.oauth.app import make_app
from integrations.oauth.flow import Callback
from integrations.providers.custom import custom_from
from secrets_vault.actor import Actor
from secrets_vault.models import Client, User
from secrets_vault.secret import Secret
from tests.factories import make_client, make_user

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BROWSER = "the-browser-of-ada"
KEY = "custom-hubspot"
PORTAL, OTHER_PORTAL = "24680135", "13579246"
READ, WRITE, DEALS = "crm.objects.contacts.read", "crm.objects.contacts.write", "crm.objects.deals.read"


def hubspot_facts(line: dict[str, Any], *, key: str = KEY, **more: Any) -> dict[str, Any]:
    """Return the facts of the sandbox's HubSpot, as the sandbox button writes them."""
    table = {
        "base_url": line["url"] + "/hubspot",
        "authorize_url": line["authorize_url"],
        "token_url": line["token_url"],
        "revoke_url": line["revoke_url"],
    }
    oauth = {"optional_scope_param": "optional_scope", "granted_scopes_at": "scopes"} | more.pop("oauth", {})
    facts = {
        "probe": {"method": "GET", "path": "/account-info/v3/details"},
        "identity": {"words": "portal", "token_id": "hub_id", "probe_id": "portalId", "probe_name": "sandboxName"},
        "scope_words": {
            READ: "Look at contacts",
            WRITE: "Add and change contacts",
            "oauth": "Know which account it is",
        },
        "oauth": oauth,
    } | more
    return custom_from(table, key=key, name="HubSpot (sandbox)", today=date(2026, 11, 22), **facts)


def make_connection(
    line: dict[str, Any],
    *,
    slug: str = "acme-hubspot",
    client: Client | None = None,
    user: User | None = None,
    **facts: Any,
) -> Connection:
    """Return a connection of Acme's to the sandbox, not connected yet."""
    client = client or make_client()
    user = user or User.objects.first() or make_user(is_owner=True)
    CustomProvider.objects.get_or_create(
        key=KEY, defaults={"name": "HubSpot (sandbox)", "facts": hubspot_facts(line, **facts)}
    )
    app = OAuthApp.objects.filter(name="Agency HubSpot").first() or make_app(
        "Agency HubSpot",
        KEY,
        client_id=line["client_id"],
        client_secret=Secret(line["client_secret"]),
        actor=Actor.of(user),
        required_scopes=line.get("required_scopes", [READ]),
        optional_scopes=line.get("optional_scopes", ["oauth", WRITE, DEALS]),
    )
    environment = client.environments.first()
    return Connection.objects.create(
        slug=slug,
        client=client,
        environment=environment,
        provider_key=KEY,
        kind="oauth2",
        oauth_app=app,
        requested_scopes=["oauth", READ],
    )


@dataclass
class Consent:
    """What came back to the browser from the provider."""

    state: str
    code: str = ""
    error: str = ""
    iss: str = ""

    def callback(self, **changes: Any) -> Callback:
        """Return the callback as the browser of Ada brings it."""
        fields = {"state": self.state, "code": self.code, "error": self.error, "iss": self.iss}
        return Callback(**(fields | {"browser_secret": BROWSER} | changes))


def consent_at(sandbox: Any, url: str, *, account: str = PORTAL, decision: str = "allow") -> Consent:
    """Consent at the sandbox as a person would, and return what the browser was sent back with."""
    answer = sandbox.call("POST", url, {"account": account, "decision": decision})
    assert answer.status == 302, answer.body
    query = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    return Consent(**{name: value for name, value in query.items() if name in ("state", "code", "error", "iss")})


def begin(connection: Connection, user: User, **changes: Any) -> str:
    """Start a consent in Ada's browser and return the provider's address."""
    arguments = {"user": user, "actor": Actor.of(user), "browser_secret": BROWSER, "now": NOW} | changes
    return flow.start(connection, **arguments)


def connected(sandbox: Any, connection: Connection, user: User, *, now: datetime = NOW, **changes: Any) -> Connection:
    """Return the connection after a consent that ended well."""
    came_back = consent_at(sandbox, begin(connection, user, now=now), **changes)
    finished = flow.finish(came_back.callback(), user=user, now=now)
    assert finished.other_account is None
    connection.refresh_from_db()
    return connection
