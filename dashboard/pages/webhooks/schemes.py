"""How an endpoint's scheme is called on pages, and what a vendor's facts say in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.webhooks.endpoints import NO_VERIFICATION
from integrations.webhooks.schemes.registry import UnknownScheme, all_schemes, get_scheme
from integrations.webhooks.schemes.shape import CUSTOM, Scheme

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

OURS: dict[str, StrOrPromise] = {
    CUSTOM: gettext_lazy("A scheme of your own"),
    NO_VERIFICATION: gettext_lazy("No verification"),
}


def scheme_name(key: str) -> str:
    """Return what a scheme is called; one that this Keylodge does not know, by its key."""
    if key in OURS:
        return str(OURS[key])
    try:
        return get_scheme(key).name
    except UnknownScheme:
        return key


def found_schemes(text: str) -> list[Scheme]:
    """Return the schemes whose name or key holds every word of the text."""
    words = text.lower().split()
    return [scheme for scheme in all_schemes() if all(word in _said(scheme) for word in words)]


def _said(scheme: Scheme) -> str:
    return f"{scheme.name} {scheme.key.replace('_', ' ')} {scheme.key}".lower()


def keys_matching(word: str) -> list[str]:
    """Return the keys of the schemes that a search for this word means."""
    ours = [key for key, name in OURS.items() if word.lower() in str(name).lower()]
    return [*ours, *(scheme.key for scheme in all_schemes() if word.lower() in _said(scheme))]


def logo_key(key: str) -> str:
    """Return which vendor's drawing stands for a scheme: `hubspot_v3` is HubSpot's."""
    return key.partition("_")[0]


def needs_secret(scheme: Scheme | None) -> bool:
    """Tell whether a person stores a secret for this scheme; keys that the vendor publishes are fetched."""
    return scheme is not None and not scheme.needs_published_keys


def brings_secret(scheme: Scheme | None) -> bool:
    """Tell whether the vendor hands over its secret in a handshake."""
    return scheme is not None and any(greeting.keeps_secret for greeting in scheme.handshakes)


NOTHING_KNOWN = ("", "not established here", "none", "none seen")


@dataclass(frozen=True)
class Fact:
    """One thing to know about a vendor. Where no source of the vendor's own says so, the page says that."""

    label: StrOrPromise
    text: str
    is_confirmed: bool


def facts_of(scheme: Scheme) -> list[Fact]:
    """Return how the vendor behaves, as far as the facts tell."""
    sender = scheme.sender
    give_up = _("{n} s").format(n=f"{sender.gives_up_after_s:g}") if sender.gives_up_after_s else ""
    said = [
        (_("Signed with"), scheme.secret_words, "secret_words"),
        (_("Wants to hear"), sender.response, "sender.response"),
        (_("Gives up after"), give_up, "sender.gives_up_after_s"),
        (_("Tries again"), sender.retries, "sender.retries"),
        (_("Asks first"), sender.handshake, "sender.handshake"),
        (_("Sends from"), sender.ip_list, "sender.ip_list"),
        (_("Good to know"), scheme.notes, "notes"),
    ]
    return [Fact(label, text, scheme.is_confirmed(fact)) for label, text, fact in said if text not in NOTHING_KNOWN]
