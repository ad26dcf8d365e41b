"""What stands for a provider whose description is gone: pages can be shown, and nothing can be called."""

from __future__ import annotations

from datetime import date

from integrations.models import Connection
from integrations.providers.exchange_facts import ExchangeFacts
from integrations.providers.injection import Injection
from integrations.providers.loading import ProviderNotFound, get_provider
from integrations.providers.oauth_facts import OAuthFacts
from integrations.providers.parts import KIND_OF_GRANT, KINDS
from integrations.providers.reading import BadFacts
from integrations.providers.shape import BadVariable, Provider

# RFC 2606: a name that never leads anywhere.
NOWHERE = "https://provider-gone.invalid"
NO_EXCHANGE = ExchangeFacts(body={"api_key": "{api_key}"})


def shown_provider(connection: Connection) -> Provider:
    """Return a connection's provider for a page to show; a stand-in where its description is gone or unreadable.

    One whose client has yet to say the parts of its URLs is shown with their slots. What calls the provider takes
    `provider_of` instead, which raises.
    """
    try:
        provider = get_provider(connection.provider_key).of_kind(connection.kind)
        return provider if _awaits_variables(connection) else provider.render(connection.variables)
    except (ProviderNotFound, BadFacts, BadVariable):
        return stand_in(connection.provider_key)


def _awaits_variables(connection: Connection) -> bool:
    return not connection.variables and connection.status == Connection.Status.NOT_CONNECTED


def stand_in(key: str) -> Provider:
    """Return a provider of this key that leads nowhere."""
    bearer, basic = (
        Injection("header", "Authorization", "Bearer {token}"),
        Injection("header", "Authorization", "Basic {basic}"),
    )
    return Provider(
        key=key,
        name=key,
        base_url=NOWHERE,
        allowed_hosts=(NOWHERE.partition("://")[2],),
        injections={kind: basic if kind == "basic" else bearer for kind in KINDS},
        docs_url="",
        checked_on=date.min,
        oauth=OAuthFacts(
            authorize_url=f"{NOWHERE}/authorize",
            token_url=f"{NOWHERE}/token",
            grants=tuple(KIND_OF_GRANT),
            exchange=NO_EXCHANGE,
        ),
        is_custom=True,
    )


def is_gone(provider: Provider) -> bool:
    """Tell whether this is a stand-in."""
    return provider.base_url == NOWHERE
