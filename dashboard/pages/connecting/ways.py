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
APP, KEY, IMPORT = "client_credentials", "jwt_bearer", "import"


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
        text = _("With client credentials: nobody has to consent. What the app may do is set at {name}.")
        ways.append(Way(APP, _("Let the OAuth app in by itself"), text.format(name=provider.name), is_ready=has_app))
    if KEY in provider.kinds:
        assert provider.oauth is not None  # noqa: S101 - for the type checker: the kind needs it
        text = _("A service account or an app with a private key. Each token is asked for with a signed JWT.")
        is_ready = has_app or not provider.oauth.assertion.needs_app
        ways.append(Way(KEY, _("Sign in with a private key"), text, is_ready=is_ready))
    if "oauth2" in provider.kinds:
        text = _("A refresh token that was given to the same OAuth app elsewhere. It is proven by being used once.")
        ways.append(Way(IMPORT, _("Take over tokens I have"), text, is_ready=has_app))
    return ways


def kind_of(way: str) -> str:
    """Return the kind of connection that a way in makes."""
    return "oauth2" if way in (NOW, LINK, IMPORT) else way.removeprefix(ASK)
