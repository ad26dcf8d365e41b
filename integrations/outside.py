"""What a provider tells about an address: URL variables in its answers, and the list of what a credential reaches.

Nothing of it is trusted. A value must match its variable's pattern and lie within its hosts, else it is refused: an
answer that names another host would have the credential sent there.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from django.utils import timezone

from integrations import outbound
from integrations.errors import IntegrationError
from integrations.injecting import prepared
from integrations.oauth.answers import dig
from integrations.probe_call import opened
from integrations.providers import templates
from integrations.providers.discovery_facts import Discovery
from integrations.providers.injection import Injection
from integrations.providers.parts import Variable
from integrations.providers.shape import Provider
from secrets_vault.secret import Secret

DEADLINE_S = 10.0
MAX_BYTES = 1024 * 1024
MOST = 500
Send = Callable[..., Any]


class AnswerRefused(IntegrationError):
    """An answer names an address outside of where this provider's may lie. `name` is the variable's."""

    code = "answer_refused"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"the provider's answer holds a {name} that is not taken")


@dataclass(frozen=True, slots=True)
class Reached:
    """One site, organisation or account that a credential reaches, and the variables that lead to it."""

    id: str
    name: str
    note: str = ""
    is_default: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return what a connection keeps of it."""
        return asdict(self) | {"variables": dict(self.variables)}

    def is_in(self, variables: Mapping[str, str]) -> bool:
        """Tell whether these variables lead to it."""
        return all(variables.get(name) == value for name, value in self.variables.items())


def told(provider: Provider, source: str, answer: Any) -> dict[str, str]:
    """Return the variables of this source that an answer holds. Raises AnswerRefused; one that may be absent is
    left out where it does not fit."""
    found = {}
    for variable in provider.variables:
        raw = as_text(dig(answer, variable.path or variable.name)) if variable.source == source else ""
        if raw and (value := _read(variable, raw)):
            found[variable.name] = value
    return found


def told_by_credential(provider: Provider, value: str) -> dict[str, str]:
    """Return the variables that a credential says itself, as Mailchimp's keys end in their data centre."""
    found = {}
    for variable in provider.variables:
        hit = re.search(variable.path, value) if variable.source == "credential" else None
        if hit and (text := _read(variable, hit[1])):
            found[variable.name] = text
    return found


def _read(variable: Variable, raw: str) -> str:
    try:
        return variable.read(raw)
    except ValueError:
        if variable.is_optional:
            return ""
    raise AnswerRefused(variable.name)  # out here: the other exception repeats nothing, and none goes along


def as_text(value: Any) -> str:
    """Return an identifier as text, cut to what a column holds; booleans and tables identify nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return "".join(char for char in str(value) if char.isprintable()).strip()[:200]


def reached(
    provider: Provider, kind: str, fields: Mapping[str, Secret], *, send: Send = outbound.send
) -> list[Reached] | None:
    """Return what the credential reaches, by the provider's own list; None where it gave none.

    The caller has asked the policy whether the credential may go there. An entry with an address that is not taken
    is left out.
    """
    facts = provider.discovery
    if facts is None or templates.names(facts.url):
        return None
    place = provider.injection_for(kind)
    if facts.authorization:
        place = Injection("header", "Authorization", facts.authorization)
    ready = opened(place, kind, fields)
    headers = {"Accept": "application/json", "User-Agent": "Keylodge"}
    call = prepared(ready, facts.method, facts.url, base_url=provider.base_url, headers=headers, now=timezone.now())
    try:
        got = send(
            call.method,
            call.url,
            headers=call.headers,
            body=call.body,
            deadline_s=DEADLINE_S,
            max_bytes=MAX_BYTES,
            allowed_hosts=(templates.host(facts.url),),
        )
        answer = json.loads(got.body) if 200 <= got.status < 300 else None
    except (outbound.OutboundError, ValueError, RecursionError):
        return None
    return None if answer is None else list(_items(provider, facts, answer))


def _items(provider: Provider, facts: Discovery, answer: Any) -> Iterator[Reached]:
    listed = dig(answer, facts.items_at) if facts.items_at else answer
    for item in (listed if isinstance(listed, list) else [listed])[:MOST]:
        if not isinstance(item, Mapping) or (facts.where_at and as_text(dig(item, facts.where_at)) != facts.where_is):
            continue
        try:
            variables = told(provider, "discovery", item)
        except AnswerRefused:
            continue
        if variables:
            yield _one(facts, item, variables)


def _one(facts: Discovery, item: Mapping[str, Any], variables: dict[str, str]) -> Reached:
    own = hashlib.sha256(json.dumps(variables, sort_keys=True).encode()).hexdigest()[:32]
    id_ = as_text(dig(item, facts.id_at)) if facts.id_at else ""
    return Reached(
        id=id_ or own,
        name=as_text(dig(item, facts.name_at)) or id_ or next(iter(variables.values())),
        note=as_text(dig(item, facts.note_at)),
        is_default=bool(facts.default_at) and dig(item, facts.default_at) in (True, "true"),
        variables=variables,
    )


def the_one(found: Iterable[Reached], variables: Mapping[str, str], *, wanted: str = "") -> Reached | None:
    """Return which of them is meant: the wanted, the one used so far, or the only one. None: a person chooses."""
    every = list(found)
    kept = [one for one in every if one.id == wanted] or [one for one in every if one.is_in(variables)] or every
    return kept[0] if len(kept) == 1 else None
