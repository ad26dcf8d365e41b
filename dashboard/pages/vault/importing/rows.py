"""The rows of the preview: what each is, what is proposed, what is known of it. Never a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from dashboard.pages.vault.importing.drafts import JOINED, SKIP, VERSION, Choice, Draft, relabelled
from dashboard.pages.vault.importing.knowing import Known
from integrations.errors import IntegrationError
from integrations.importing import CONNECT, CONNECT_WITH, Item, suggest
from integrations.providers.registry import get_provider
from secrets_vault.models import Environment, StoredSecret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from secrets_vault.models import User

A_PAGE = 50


@dataclass(frozen=True, slots=True)
class Row:
    """One row as the page shows it."""

    number: int
    item: Item
    choice: Choice
    acts: list[tuple[str, str]]
    masked: str
    words: str
    known_at: list[StoredSecret]
    other_value_at: StoredSecret | None
    problem: str = ""


def environments_of(user: User) -> dict[str, Environment]:
    """Return all places a person may store into, by "client/environment"."""
    rows = Environment.objects.manageable_by(user).filter(client__archived_at=None).select_related("client")
    return {f"{env.client.slug}/{env.slug}": env for env in rows.order_by("client__name", "position")}


def chosen(draft: Draft, places: Mapping[str, Environment], known: Known, *, numbers: range) -> dict[int, Choice]:
    """Return what is to become of each row: what was chosen, else what is proposed."""
    by_folder = {env.client.name.lower(): env for env in places.values()}
    found: dict[int, Choice] = {}
    for number in numbers:
        item = draft.found.items[number]
        found[number] = draft.choices.get(number) or _proposed(draft, item, places, known, by_folder)
    return found


def _proposed(
    draft: Draft, item: Item, places: Mapping[str, Environment], known: Known, by_folder: Mapping[str, Environment]
) -> Choice:
    """Return the proposal: where the file names a client, there; what is stored already is left as it is."""
    place, slug = draft.place, draft.place.partition("/")[2]
    if named := by_folder.get(item.folder.lower()):
        place = next((p for p in (f"{named.client.slug}/{slug}",) if p in places), place)
    choice = draft.proposed(item, place=place)
    environment = places.get(place)
    if known.is_stored_at(item, environment) or known.of_name(item, environment):
        return relabelled(choice, act=SKIP)
    return choice


def rows_of(
    draft: Draft,
    places: Mapping[str, Environment],
    user: User,
    *,
    numbers: range,
    problems: Mapping[int, str] | None = None,
) -> list[Row]:
    """Return the rows of one page."""
    items = [draft.found.items[number] for number in numbers]
    known = Known.of(items, _used(draft, places, items), user)
    choices = chosen(draft, places, known, numbers=numbers)
    return [
        _row(number, draft, choices[number], known, places, problem=(problems or {}).get(number, ""))
        for number in numbers
    ]


def _used(draft: Draft, places: Mapping[str, Environment], items: list[Item]) -> list[Environment]:
    """Return the environments that rows may go to: those chosen, and those of clients that the file names."""
    folders = {item.folder.lower() for item in items}
    slugs = {draft.place, *(choice.place for choice in draft.choices.values())}
    return [env for slug, env in places.items() if slug in slugs or env.client.name.lower() in folders]


def _row(
    number: int, draft: Draft, choice: Choice, known: Known, places: Mapping[str, Environment], *, problem: str
) -> Row:
    item = draft.found.items[number]
    suggestion = suggest(item)
    other = known.of_name(item, places.get(choice.place))
    acts = [(act, act_words(act)) for act in draft.acts(item)]
    if other is not None and can_be_version(item, other):
        acts.insert(1, (version_act(other), _("a new version of “{label}”").format(label=other.label)))
    return Row(
        number, item, choice, acts, suggestion.masked, suggestion.words, known.secrets_with_value(item), other, problem
    )


def can_be_version(item: Item, stored: StoredSecret) -> bool:
    """Tell whether an item's values fit a stored secret: one value, or a login for a login, or anything for a set."""
    if stored.kind == StoredSecret.Kind.BASIC:
        return "password" in item.fields
    return stored.kind == StoredSecret.Kind.KEY_VALUE_SET or len(item.fields) == 1


def version_act(stored: StoredSecret) -> str:
    """Return the act that names a secret and the version that the person saw."""
    return f"{VERSION}{stored.pk}:{stored.current_id}"


def act_words(act: str) -> str:
    """Return an act in words."""
    if act == SKIP:
        return _("leave it out")
    if act == JOINED:
        return _("a value of the set")
    if act == CONNECT_WITH:
        return _("a connection, with its tokens")
    if act == CONNECT:
        return _("a connection, to be consented to anew")
    if act == StoredSecret.Kind.KEY_VALUE_SET:
        return _("a set of its own")
    return str(StoredSecret.Kind(act).label)


def provider_key_of(text: str) -> str | None:
    """Return the key that was typed or chosen, "" for none, or None for one that nobody knows."""
    wanted = text.strip().lower()
    if not wanted:
        return ""
    try:
        return get_provider(wanted).key
    except IntegrationError:
        return None
