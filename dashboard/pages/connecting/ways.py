"""A way into a provider, and those that need nobody's consent now: the app itself, a private key, earlier tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from integrations.providers.shape import Provider

NOW, LINK = "now", "link"
ASK = "ask-"
"""Begins a way in on which the client hands the credential over; the kind follows."""
APP, KEY, EXCHANGE, IMPORT = "client_credentials", "jwt_bearer", "key_exchange", "import"


@dataclass(frozen=True)
class Way:
    """One way to get in. `is_ready` is False while something has to be set up first."""

    key: str
    title: str
    text: str
    is_recommended: bool = False
    is_ready: bool = True


def grant_ways(provider: Provider, *, has_app: bool) -> list[Way]:
    """Return the ways that this provider has."""
    ways = []
    if APP in provider.kinds:
        ways.append(_by_itself(provider, has_app=has_app))
    if KEY in provider.kinds:
        ways.append(_by_key(provider, has_app=has_app))
    if EXCHANGE in provider.kinds:
        text = _("It is posted to {name}, which answers a token for a while. Calls carry the token, never the key.")
        ways.append(Way(EXCHANGE, _("Paste a key that is exchanged for a token"), text.format(name=provider.name)))
    if "oauth2" in provider.kinds:
        text = _("A refresh token that was given to the same OAuth app elsewhere. It is proven by being used once.")
        ways.append(Way(IMPORT, _("Take over tokens I have"), text, is_ready=has_app))
    return ways


def _by_itself(provider: Provider, *, has_app: bool) -> Way:
    assert provider.oauth is not None  # noqa: S101 - for the type checker: the kind needs it
    text = _("With client credentials: nobody has to consent. What the app may do is set at {name}.")
    told = _with_needs(text.format(name=provider.name), provider.oauth.client_credentials.needs)
    return Way(APP, _("Let the OAuth app in by itself"), told, is_ready=has_app)


def _by_key(provider: Provider, *, has_app: bool) -> Way:
    assert provider.oauth is not None  # noqa: S101 - for the type checker: the kind needs it
    facts = provider.oauth.assertion
    title = _("Sign in with a private key")
    text = _("A service account or an app with a private key. Each token is asked for with a signed JWT.")
    if facts.is_ready_made:
        title = _("Paste a JWT that {name} made").format(name=provider.name)
        text = _("{name} signs it, for one person and app. Each token is asked for with it.").format(name=provider.name)
    return Way(KEY, title, _with_needs(text, facts.needs), is_ready=has_app or not facts.needs_app)


def _with_needs(text: str, needs: str) -> str:
    """Return the text and who may go this way, where not everybody may."""
    return f"{text} {_(needs)}" if needs else text


def kind_of(way: str) -> str:
    """Return the kind of connection that a way in makes."""
    return "oauth2" if way in (NOW, LINK, IMPORT) else way.removeprefix(ASK)
