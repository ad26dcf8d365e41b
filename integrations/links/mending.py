"""The parts of a provider's address that the client knows best: asked for, and mended where one was mistyped.

Only until something is stored: where a credential goes is not changed from outside. A value has the form and the
hosts that the provider's facts allow, and a consent begins only where its OAuth app is bound to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from integrations.errors import IntegrationError
from integrations.links import telling
from integrations.links.handing import NotTaken
from integrations.links.link import holder, record_act
from integrations.models import ClientLink, Connection, OAuthFlow
from integrations.oauth import flow
from integrations.providers.registry import ProviderNotFound, get_provider
from integrations.status import ConnectionChanged, swap
from secrets_vault.errors import PolicyRefused, Unreadable

if TYPE_CHECKING:
    from integrations.providers.parts import Variable

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
    value: str = ""


def asked(connection: Connection) -> list[Variable]:
    """Return the parts of the addresses that the page asks for: of a consent all, of a key those that nobody gave.

    The version of the API is none of them: it is pinned by who builds the automations.

    Nothing once there is a credential: where it goes is settled, also where a usual value stands for what nobody gave.
    """
    if connection.secret_id is not None:
        return []
    try:
        provider = get_provider(connection.provider_key).of_kind(connection.kind)
    except ProviderNotFound:
        return []
    may_mend = connection.kind == Connection.Kind.OAUTH2
    pinned = provider.versions.variable if provider.versions is not None else ""
    wanted = [one for one in provider.variables if one.source == "form" and one.name != pinned]
    return [one for one in wanted if may_mend or not connection.variables.get(one.name)]


def fields(
    connection: Connection, words: Mapping[str, str], refused: NotTaken | None, typed: Mapping[str, str]
) -> Iterator[Field]:
    """Give an input for each, with what was typed, or what the consultant wrote down."""
    bad = refused.field if refused else ""
    for variable in asked(connection):
        known, name = connection.variables.get(variable.name, ""), f"var_{variable.name}"
        example = f"{words['example']}{variable.example}" if variable.example else ""  # the slot stands at the end
        yield Field(
            name,
            variable.label or variable.name,
            hint=words["mend"] if known else example,
            is_secret=False,
            is_optional=variable.is_optional or bool(variable.default),
            has_error=bad == name,
            value=typed.get(name, known)[: MAX_VARIABLE + 1],
        )


def read(connection: Connection, posted: Mapping[str, str]) -> dict[str, str]:
    """Return what was entered. Raises NotTaken for what is missing or could not be."""
    return dict(_read(connection, posted))


def _read(connection: Connection, posted: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for variable in asked(connection):
        raw = posted.get(f"var_{variable.name}", "").strip()
        if not raw:
            if variable.is_optional or variable.default or connection.variables.get(variable.name):
                continue
            raise NotTaken("bad_variable", field=f"var_{variable.name}")
        try:
            yield variable.name, variable.read(raw[: MAX_VARIABLE + 1])
        except ValueError:
            raise NotTaken("bad_variable", field=f"var_{variable.name}") from None


def begin_consent(
    link: ClientLink, connection: Connection, given: Mapping[str, str], *, browser_secret: str, now: datetime
) -> str:
    """Return where the consent is given, with the parts of the address as the client gave them. Raises NotTaken."""
    try:
        with transaction.atomic():  # an address that the OAuth app is not for leaves nothing behind
            _settle(link, connection, given, now=now)
            return flow.start(connection, link=link, actor=holder(link), browser_secret=browser_secret, now=now)
    except ConnectionChanged:
        raise NotTaken("not_now") from None
    except (IntegrationError, PolicyRefused, Unreadable):
        raise NotTaken("cannot") from None


def _settle(link: ClientLink, connection: Connection, given: Mapping[str, str], *, now: datetime) -> None:
    before = dict(connection.variables)
    changed = {name: value for name, value in given.items() if before.get(name) != value}
    if not changed or connection.secret_id is not None:
        return
    swap(connection, variables={**before, **changed})
    # A consent that somebody began at the old address is not finished at the new one: its code would go there.
    begun = OAuthFlow.objects.filter(connection=connection, consumed_at__isnull=True)
    begun.update(consumed_at=now, outcome="superseded")
    mended = {name: before[name] for name in sorted(changed) if before.get(name)}
    for name, old in mended.items():
        about = {"variable": name, "before": old, "after": changed[name], "of": connection.slug}
        record_act(link, "link.address_mended", actor=holder(link), **about)
    if mended:
        pairs = [(name, old, changed[name]) for name, old in mended.items()]
        telling.address_mended(link, connection, pairs, now=now)
