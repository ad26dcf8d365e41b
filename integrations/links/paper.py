"""What a request link's page shows and what its forms hold: items, steps, fields, and why something was not taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from integrations.agency import Agency, agency
from integrations.connections.credential import MAX_LENGTH
from integrations.links import mending
from integrations.links.handing import Given, NotTaken
from integrations.links.mending import Field
from integrations.links.naming import names_of
from integrations.links.steps import Step, making_steps
from integrations.links.views import account_of, scopes_in_words
from integrations.links.words import words_in
from integrations.models import ClientLink, Connection, LinkItem
from integrations.providers.gone import shown_provider
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from integrations.providers.shape import Provider

NOT_NOW = ("busy", "failing", "unreachable")


@dataclass(frozen=True)
class ShownItem:
    """One item as the page lists it; `is_chosen` is the one whose form stands open."""

    number: int
    item: LinkItem
    provider: Provider
    what: str
    state: str
    is_chosen: bool = False
    words: Mapping[str, str] = field(default_factory=dict)
    fields: tuple[Field, ...] = ()
    account: str = ""
    scopes: tuple[str, ...] = ()
    make_steps: tuple[Step, ...] = ()
    errors: tuple[str, ...] = ()
    asks_if_sure: bool = False
    made_today: bool = False


@dataclass(frozen=True)
class Sheet:
    """The whole page."""

    link: ClientLink
    agency: Agency
    words: Mapping[str, str]
    items: tuple[ShownItem, ...]

    @property
    def is_single(self) -> bool:
        """Tell whether the link asks for one thing only."""
        return len(self.items) == 1


def items_of(link: ClientLink) -> Iterator[LinkItem]:
    """Return the items in the order of the page, each knowing its link."""
    rows = link.items.select_related("connection__client", "connection__environment", "connection__oauth_app")
    for item in rows:
        item.link = link
        yield item


def sheet(
    link: ClientLink,
    *,
    language: str,
    chosen: int = 0,
    refused: NotTaken | None = None,
    typed: Mapping[str, str] = MappingProxyType({}),
) -> Sheet:
    """Return the page in a language, with one open item unfolded; in it what was `typed`, but for what is secret."""
    rows = list(items_of(link))
    open_ones = [number for number, item in enumerate(rows, 1) if item.done_at is None]
    unfolded = chosen if chosen in open_ones else next(iter(open_ones), 0)
    filled = names_of(link) | {"done": str(len(rows) - len(open_ones)), "all": str(len(rows))}
    shown = tuple(
        _shown(number, item, language, filled=filled, is_chosen=number == unfolded, refused=refused, typed=typed)
        for number, item in enumerate(rows, 1)
    )
    return Sheet(link, agency(), words_in(language, **filled), shown)


def _shown(
    number: int,
    item: LinkItem,
    language: str,
    *,
    filled: Mapping[str, str],
    is_chosen: bool,
    refused: NotTaken | None,
    typed: Mapping[str, str],
) -> ShownItem:
    connection, provider = item.connection, shown_provider(item.connection)
    account = account_of(connection)
    words = words_in(language, **filled, **_names(refused), provider=provider.name, account=account)
    what = words["item_consent" if item.takes == LinkItem.Takes.CONSENT else f"item_{connection.kind}"]
    state = "done" if item.done_at else "failed" if item.failed_at else "open"
    if not is_chosen:
        return ShownItem(number, item, provider, what, state, words=words)
    return ShownItem(
        number,
        item,
        provider,
        what,
        state,
        is_chosen=True,
        words=words,
        # What may stay empty comes last: the client came to paste one thing.
        fields=tuple(sorted(_fields(item, words, refused, typed), key=lambda entered: entered.is_optional)),
        account=account,
        scopes=tuple(scopes_in_words(connection, provider, language)) if item.takes == "consent" else (),
        make_steps=making_steps(connection, provider, words, language) if item.takes == "credential" else (),
        errors=tuple(_sentences(refused, words)) if refused else (),
        asks_if_sure=bool(refused and refused.warned),
        made_today=bool(typed.get("made_today")),
    )


def _names(refused: NotTaken | None) -> dict[str, str]:
    return {name: str(value) for name, value in refused.details.items()} if refused else {}


def _fields(
    item: LinkItem, words: Mapping[str, str], refused: NotTaken | None, typed: Mapping[str, str]
) -> Iterator[Field]:
    bad = refused.field if refused else ""
    yield from mending.fields(item.connection, words, refused, typed)
    if item.takes == LinkItem.Takes.CREDENTIAL:
        for entered in shown_provider(item.connection).fields_of(item.connection.kind):
            # Any refusal but a variable's is about what was pasted.
            has_error = bad == entered.name or (refused is not None and not bad)
            label = words.get(f"field_{entered.name}", entered.words)
            is_secret = entered.name != "username"
            value = "" if is_secret else typed.get(f"value_{entered.name}", "")
            yield Field(f"value_{entered.name}", label, "", is_secret, entered.is_optional, has_error, value)


def _sentences(refused: NotTaken, words: Mapping[str, str]) -> Iterator[str]:
    if refused.warned:
        for code in refused.warned:
            yield words.get(f"warn_{code}", words["warn_other"])
        yield words["warn_again"]
        return
    code = "not_now" if refused.code in NOT_NOW else refused.code
    yield words.get(f"err_{code}", words["err_cannot"])


def given(item: LinkItem, posted: Mapping[str, str], *, now: datetime) -> Given:
    """Return what was entered. Raises NotTaken for what is missing or could not be."""
    variables = mending.read(item.connection, posted)
    if item.takes == LinkItem.Takes.CONSENT:
        return Given({}, variables)
    fields = dict(_fields_in(item.connection, posted))
    made_on = now.date() if posted.get("made_today") else None
    return Given(fields, variables, is_sure=bool(posted.get("sure")), made_on=made_on)


def _fields_in(connection: Connection, posted: Mapping[str, str]) -> Iterator[tuple[str, Secret]]:
    """Give the values. What copying leaves at their ends is taken away, but a password may begin with a space."""
    for entered in shown_provider(connection).fields_of(connection.kind):
        text = posted.get(f"value_{entered.name}", "")
        text = text if entered.name == "password" else text.strip()
        if not text and entered.is_optional:
            continue
        if not text and entered.name != "password":
            raise NotTaken("empty", field=entered.name)
        if len(text) > MAX_LENGTH:
            raise NotTaken("bad_value", field=entered.name)
        yield entered.name, Secret(text)
