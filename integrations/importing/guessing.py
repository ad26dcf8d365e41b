"""What an item of a file probably is: its provider and the kind to store it as. A person looks it over."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from integrations.importing.found import Item
from integrations.providers.loading import all_providers
from integrations.providers.recognising import Guess, guess_by_name, guess_by_value
from integrations.providers.registry import ProviderNotFound, get_provider
from secrets_vault.models import StoredSecret
from secrets_vault.secret import Secret, mask

Kind = StoredSecret.Kind
# Which of an item's values is stored, and under which name, when it is stored as one of these.
FIELD_OF = {
    Kind.API_KEY: "api_key",
    Kind.BEARER: "token",
    Kind.WEBHOOK_SECRET: "secret",
    Kind.OAUTH_APP: "client_secret",
    Kind.PRIVATE_KEY: "private_key",
    Kind.NOTE: "note",
}


CONNECT, CONNECT_WITH = "connection", "connection_tokens"
"""What an OAuth credential of another program becomes: a connection to be consented to anew, or one with its tokens."""
CLIENT_ID, CLIENT_SECRET = "clientId", "clientSecret"
ACCESS, REFRESH = "oauthTokenData.access_token", "oauthTokenData.refresh_token"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What is proposed. `kind` is one of the vault's, or "" where a value is better kept in a set with others."""

    provider_key: str = ""
    kind: str = ""
    words: str = ""
    masked: str = ""


def suggest(item: Item) -> Suggestion:
    """Return the likeliest provider and kind: by the shape of a value, the file's own word, a name, an address."""
    guess = _guess(item)
    provider_key = item.provider_key or (guess.provider_key if guess else "") or _by_hosts(item.hosts)
    kind = _kind(item, guess)
    if kind in (CONNECT, CONNECT_WITH) and not gives_consents(provider_key):
        kind = Kind.KEY_VALUE_SET
    main = _main(item)
    masked = mask(main.expose(), is_token=bool(guess and guess.is_secret and kind not in ("", "basic", "note")))
    return Suggestion(provider_key, kind, guess.words if guess else "", masked)


def kinds_of(item: Item) -> list[str]:
    """Return the kinds that an item can be stored as. Empty stands for a set together with other items."""
    names = set(item.fields)
    if item.kind == CONNECT:
        with_tokens = [CONNECT_WITH] if names & {ACCESS, REFRESH} else []
        return [*with_tokens, CONNECT, Kind.KEY_VALUE_SET]
    if names == {"username", "password"}:
        return [Kind.BASIC, Kind.KEY_VALUE_SET]
    if len(names) > 1:
        return [Kind.KEY_VALUE_SET, *([Kind.BASIC] if {"username", "password"} <= names else [])]
    return ["", *FIELD_OF, Kind.KEY_VALUE_SET]


def gives_consents(provider_key: str) -> bool:
    """Tell whether somebody can consent at a provider of the catalogue, or of one's own."""
    try:
        facts = get_provider(provider_key).oauth if provider_key else None
    except ProviderNotFound:
        return False
    return facts is not None and bool(facts.authorize_url)


def fields_as(item: Item, kind: str) -> dict[str, Secret]:
    """Return an item's values under the names that the kind has."""
    if kind == Kind.BASIC:
        return {name: item.fields[name] for name in ("username", "password") if name in item.fields}
    if kind in FIELD_OF:
        return {FIELD_OF[Kind(kind)]: _main(item)}
    if len(item.fields) == 1 and "value" in item.fields:
        return {item.name: item.fields["value"]}
    return dict(item.fields)


def _main(item: Item) -> Secret:
    """Return the value that matters most: never the name of a user where there is a password."""
    return item.fields.get("password") or list(item.fields.values())[-1]


def _guess(item: Item) -> Guess | None:
    for value in item.fields.values():
        if found := guess_by_value(value):
            return found[0]
    named = guess_by_name(item.name)
    return named[0] if named else None


def _kind(item: Item, guess: Guess | None) -> str:
    possible = kinds_of(item)
    if item.kind == CONNECT:
        return possible[0]
    if item.kind and item.kind in possible:
        return item.kind
    if guess is not None and guess.is_secret and guess.kind in possible and bool(_main(item)):
        return guess.kind
    return possible[0]


def _by_hosts(hosts: tuple[str, ...]) -> str:
    """Return the only provider of the catalogue whose API is at the same domain: dashboard.stripe.com is Stripe's."""
    return next((key for host in hosts if (key := _domains().get(_domain(host)))), "")


@cache
def _domains() -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for provider in all_providers():
        found.setdefault(_domain(urlsplit(provider.base_url).hostname or ""), set()).add(provider.key)
    return {domain: min(keys) for domain, keys in found.items() if len(keys) == 1 and domain}


def _domain(host: str) -> str:
    labels = host.split(".")
    return ".".join(labels[-2:]) if len(labels) > 1 and labels[-1].isalpha() else ""
