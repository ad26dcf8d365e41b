"""The palette's search: clients, connections, secrets, request ids, pages and actions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils.translation import gettext as _

from dashboard.names import name_providers
from dashboard.navigation import PLACES
from dashboard.need import url_of
from integrations.call_log import search
from integrations.call_log.search import Criteria
from integrations.call_log.search.words import whole_id
from integrations.call_log.upstream_ids import is_id
from integrations.models import Call, Connection
from secrets_vault import vault
from secrets_vault.models import Client, SecretField, StoredSecret
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from secrets_vault.models import User

MOST = 6
SHORTEST_VALUE = 8
SHORTEST_ID = 8  # of a provider's request id; a shorter word is a name


@dataclass(frozen=True)
class Found:
    """One answer: where it leads, what it is called and what kind of thing it is."""

    title: str
    kind: str
    url: str
    icon: str


def find(text: str, user: User) -> list[Found]:
    """Return what matches, of what this person may see. Without text: where one can go and what one can do.

    The text may be a secret ("is this key known?"): it is compared by its fingerprint and is
    neither stored, logged nor given back.
    """
    text = text.strip()
    if not text:
        return [*_places(""), *_actions("", user)]
    return [
        *_known_values(text, user),
        *_request(text, user),
        *_clients(text, user),
        *_connections(text, user),
        *_secrets(text, user),
        *_places(text),
        *_actions(text, user),
    ]


def _places(text: str) -> Iterator[Found]:
    for place in PLACES:
        if place.url and text.lower() in str(place.label).lower():
            yield Found(str(place.label), _("page"), place.url, place.icon)


def _actions(text: str, user: User) -> Iterator[Found]:
    for words, name, is_for_owner in (
        (_("New client"), "new_client", True),
        (_("New connection"), "connect", False),
        (_("Store a secret"), "secret_new", False),
        (_("Import secrets: .env, CSV, n8n, Bitwarden, 1Password"), "secret_import", False),
        (_("Look into a JWT"), "jwt", False),
    ):
        url = url_of(name)
        if url and text.lower() in words.lower() and (user.is_owner or not is_for_owner):
            yield Found(words, _("action"), url, "plus")


def _clients(text: str, user: User) -> Iterator[Found]:
    rows = Client.objects.visible_to(user).filter(Q(name__icontains=text) | Q(slug__icontains=text))
    for client in rows[:MOST]:
        yield Found(client.name, _("client"), url_of("client", client.slug), "users")


def _connections(text: str, user: User) -> Iterator[Found]:
    matching = Q(slug__icontains=text) | Q(label__icontains=text) | Q(provider_key__icontains=text)
    by_client = Q(client__name__icontains=text)
    rows = Connection.objects.visible_to(user).filter(matching | by_client).select_related("client", "environment")
    for row in name_providers(rows[:MOST]):
        title = f"{row.client.name} · {row.provider_name} · {row.environment.slug}"
        url = url_of("connection", row.slug, fallback=url_of("client_connections", row.client.slug))
        yield Found(title, _("connection"), url, "plug")


def _secrets(text: str, user: User) -> Iterator[Found]:
    """Yield secrets by label, or by the last four characters that their masked form shows."""
    matching = Q(label__icontains=text)
    if len(text) == 4:
        ends = SecretField.objects.filter(masked__endswith=f"*{text}").values("version__secret")
        matching |= Q(pk__in=ends)
    rows = StoredSecret.objects.visible_to(user).filter(matching, deleted_at=None)
    for stored in rows.exclude(kind=StoredSecret.Kind.SYSTEM).select_related("client", "environment")[:MOST]:
        yield _found(stored, _("secret"))


def _known_values(text: str, user: User) -> Iterator[Found]:
    """Yield the secrets that hold, or held, exactly this value."""
    if len(text) < SHORTEST_VALUE:
        return
    seen = set()
    for field in vault.find_value(Secret(text)).visible_to(user).select_related(*FIELD_PLACE)[:MOST]:
        stored = field.version.secret
        if stored.pk not in seen:
            seen.add(stored.pk)
            is_current = field.version_id == stored.current_id
            yield _found(stored, _("holds this value") if is_current else _("held this value"))


FIELD_PLACE = ("version__secret__client", "version__secret__environment")


def _found(stored: StoredSecret, kind: str) -> Found:
    place = f"{stored.client.name} · " if stored.client else ""
    environment = f" · {stored.environment.slug}" if stored.environment else ""
    fallback = url_of("client_secrets", stored.client.slug) if stored.client else url_of("vault")
    return Found(
        f"{place}{stored.label}{environment}", kind, url_of("secret", stored.pk, fallback=fallback), "key-round"
    )


def _request(text: str, user: User) -> Iterator[Found]:
    """Yield the calls with this request id, ours or the provider's, the newest first."""
    wanted = Criteria(id=whole_id(text), ref=text if len(text) >= SHORTEST_ID and is_id(text) else "")
    if not wanted.names_calls:
        return
    for call in search.find(Call.objects.visible_to(user), wanted, size=MOST).rows:
        if url := url_of("call", call.pk):
            yield Found(f"{call.method} {call.path}", _("call"), url, "terminal")
