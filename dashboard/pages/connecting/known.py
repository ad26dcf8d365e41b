"""What the catalogue knows of a service, who confirms it, and what nobody does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.providers import templates
from integrations.providers.categories import words_for

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

    from integrations.providers.parts import NotYet, Sunset
    from integrations.providers.shape import Provider

CONFIRMED_BY: dict[str, StrPromise] = {
    "vendor": gettext_lazy("The provider's own pages or SDK confirm the addresses and where a credential goes."),
    "several": gettext_lazy("Several sources agree on the addresses and where a credential goes."),
    "single": gettext_lazy("One source says where the addresses are and where a credential goes."),
    "memory": gettext_lazy("No source confirms where the addresses are and where a credential goes."),
}
# The longest name that fits counts.
FACTS: dict[str, StrPromise] = {
    "allowed_hosts": gettext_lazy("addresses"),
    "base_url": gettext_lazy("addresses"),
    "credential_fields": gettext_lazy("what a credential consists of"),
    "discovery": gettext_lazy("how the account is found"),
    "docs_url": gettext_lazy("the link to the documentation"),
    "idempotency": gettext_lazy("protection against repeated calls"),
    "identity": gettext_lazy("how the account is named"),
    "injections": gettext_lazy("where a credential goes"),
    "key_formats": gettext_lazy("what a credential looks like"),
    "limit_signals": gettext_lazy("how a limit is said"),
    "limits": gettext_lazy("limits"),
    "never_repeat": gettext_lazy("how a limit is said"),
    "wait_at": gettext_lazy("how a limit is said"),
    "oauth": gettext_lazy("OAuth"),
    "oauth.access_token_ttl_s": gettext_lazy("how long access lasts"),
    "oauth.authorize_url": gettext_lazy("the consent page"),
    "oauth.default_scopes": gettext_lazy("the rights asked for"),
    "oauth.pkce": gettext_lazy("PKCE"),
    "oauth.refresh": gettext_lazy("how access is renewed"),
    "oauth.revoke_url": gettext_lazy("how access is withdrawn"),
    "probe": gettext_lazy("the test call"),
    "rate_limit_dialect": gettext_lazy("how a limit is said"),
    "rotation": gettext_lazy("how a new credential is made"),
    "sunsets": gettext_lazy("announced changes"),
    "variables": gettext_lazy("parts of the address"),
    "versions": gettext_lazy("versions of the API"),
    "webhook_scheme": gettext_lazy("how webhooks are signed"),
}


@dataclass(frozen=True)
class Known:
    """The facts about one service that a person can judge it by."""

    category: str
    confirmed_by: str
    unconfirmed: tuple[str, ...]
    hosts: tuple[str, ...]
    sources: tuple[str, ...]
    not_yet: tuple[NotYet, ...]
    sunsets: tuple[Sunset, ...]


def known_of(provider: Provider) -> Known | None:
    """Return what is known of a service of the catalogue; nothing of one that a consultant described."""
    if provider.is_custom:
        return None
    return Known(
        category=words_for(provider.category),
        confirmed_by=str(CONFIRMED_BY[provider.confidence]),
        unconfirmed=tuple(dict.fromkeys(_words(name) for name in provider.unconfirmed)),
        hosts=tuple(_shown(provider, host) for host in provider.allowed_hosts),
        sources=provider.sources,
        not_yet=provider.not_yet,
        sunsets=provider.sunsets,
    )


def _words(name: str) -> str:
    """Return the words for a fact: those of the longest dotted beginning that has some."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        if words := FACTS.get(".".join(parts[:length])):
            return str(words)
    return _("other facts")


def _shown(provider: Provider, host: str) -> str:
    """Return a host with its variable parts as they may be; they are asked for later, or the provider tells them."""
    values = {each.name: each.default or each.example for each in provider.variables if each.default or each.example}
    return templates.SLOT.sub("…", templates.fill(host, values))
