"""What a request link's page shows and what its forms hold: items, steps, fields, and why something was not taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils import translation
from django.utils.translation import gettext

from integrations.agency import Agency, agency
from integrations.connections.credential import MAX_LENGTH
from integrations.links.handing import Given, NotTaken
from integrations.links.naming import names_of
from integrations.links.views import account_of, scopes_in_words
from integrations.links.words import words_in
from integrations.models import ClientLink, Connection, LinkItem
from integrations.providers.gone import shown_provider
from integrations.providers.registry import ProviderNotFound, get_provider
from secrets_vault.people.language import code_of
from secrets_vault.secret import Secret

if TYPE_CHECKING:
    from integrations.providers.parts import Variable
    from integrations.providers.shape import Provider

NOT_NOW = ("busy", "failing", "unreachable")
MAX_VARIABLE = 200


@dataclass(frozen=True)
class Field:
    """One input. Nothing that was typed into a secret one is ever written back."""

    name: str
    label: str
    hint: str = ""
    is_secret: bool = True
    is_optional: bool = False
    has_error: bool = False


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
    make_step: str = ""
    make_language: str = ""
    errors: tuple[str, ...] = ()
    asks_if_sure: bool = False


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


def sheet(link: ClientLink, *, language: str, chosen: int = 0, refused: NotTaken | None = None) -> Sheet:
    """Return the page in a language, with one open item unfolded."""
    rows = list(items_of(link))
    open_ones = [number for number, item in enumerate(rows, 1) if item.done_at is None]
    unfolded = chosen if chosen in open_ones else next(iter(open_ones), 0)
    filled = names_of(link) | {"done": str(len(rows) - len(open_ones)), "all": str(len(rows))}
    shown = tuple(
        _shown(number, item, language, filled=filled, is_chosen=number == unfolded, refused=refused)
        for number, item in enumerate(rows, 1)
    )
    return Sheet(link, agency(), words_in(language, **filled), shown)


def _shown(
    number: int, item: LinkItem, language: str, *, filled: Mapping[str, str], is_chosen: bool, refused: NotTaken | None
) -> ShownItem:
    connection, provider = item.connection, shown_provider(item.connection)
    account = account_of(connection)
    words = words_in(language, **filled, **_names(refused), provider=provider.name, account=account)
    what = words["item_consent" if item.takes == LinkItem.Takes.CONSENT else f"item_{connection.kind}"]
    state = "done" if item.done_at else "failed" if item.failed_at else "open"
    if not is_chosen:
        return ShownItem(number, item, provider, what, state, words=words)
    step, step_language = _make_step(connection, provider, words, language)
    return ShownItem(
        number,
        item,
        provider,
        what,
        state,
        is_chosen=True,
        words=words,
        # What may stay empty comes last: the client came to paste one thing.
        fields=tuple(sorted(_fields(item, words, refused), key=lambda entered: entered.is_optional)),
        account=account,
        scopes=tuple(scopes_in_words(connection, provider, language)) if item.takes == "consent" else (),
        make_step=step,
        make_language=step_language,
        errors=tuple(_sentences(refused, words)) if refused else (),
        asks_if_sure=bool(refused and refused.warned),
    )


def _names(refused: NotTaken | None) -> dict[str, str]:
    return {name: str(value) for name, value in refused.details.items()} if refused else {}


def _make_step(connection: Connection, provider: Provider, words: Mapping[str, str], language: str) -> tuple[str, str]:
    """Return how the key is made, and in which language: a renewal has the provider's own words, English or German."""
    if connection.kind == "basic":
        return words["step_make_basic"], language
    if connection.secret_id is None or not provider.rotation.steps or language not in ("en", "de"):
        return words["step_make"], language
    with translation.override(code_of(language)):
        own = provider.rotation.steps[0]
        said = gettext(own)
    return said, language if said != own or language == "en" else "en"


def _fields(item: LinkItem, words: Mapping[str, str], refused: NotTaken | None) -> Iterator[Field]:
    bad = refused.field if refused else ""
    for variable in _asked(item.connection):
        hint = f"{words['example']}{variable.example}" if variable.example else ""  # the slot stands at the end
        yield Field(
            f"var_{variable.name}",
            variable.label or variable.name,
            hint=hint,
            is_secret=False,
            is_optional=variable.is_optional or bool(variable.default),
            has_error=bad == f"var_{variable.name}",
        )
    if item.takes == LinkItem.Takes.CREDENTIAL:
        for entered in shown_provider(item.connection).fields_of(item.connection.kind):
            # Any refusal but a variable's is about what was pasted.
            has_error = bad == entered.name or (refused is not None and not bad)
            label = words.get(f"field_{entered.name}", entered.words)
            is_secret = entered.name != "username"
            yield Field(f"value_{entered.name}", label, "", is_secret, entered.is_optional, has_error)


def _asked(connection: Connection) -> list[Variable]:
    """Return the parts of the URLs that only the client knows and that nobody has given yet.

    Nothing once there is a credential: where it goes is settled, also where a usual value stands for what nobody gave.
    """
    if connection.secret_id is not None:
        return []
    try:
        variables = get_provider(connection.provider_key).of_kind(connection.kind).variables
    except ProviderNotFound:
        return []
    return [one for one in variables if one.source == "form" and not connection.variables.get(one.name)]


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
    variables = dict(_variables(item.connection, posted))
    if item.takes == LinkItem.Takes.CONSENT:
        return Given({}, variables)
    fields = dict(_fields_in(item.connection, posted))
    made_on = now.date() if posted.get("made_today") else None
    return Given(fields, variables, is_sure=bool(posted.get("sure")), made_on=made_on)


def _variables(connection: Connection, posted: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for variable in _asked(connection):
        raw = posted.get(f"var_{variable.name}", "").strip()
        if not raw:
            if variable.is_optional or variable.default:
                continue
            raise NotTaken("bad_variable", field=f"var_{variable.name}")
        try:
            yield variable.name, variable.read(raw[: MAX_VARIABLE + 1])
        except ValueError:
            raise NotTaken("bad_variable", field=f"var_{variable.name}") from None


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
