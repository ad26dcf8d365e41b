"""What a provider is: one frozen, strictly checked record of facts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import Any

from django.utils.translation import gettext

from integrations.errors import IntegrationError
from integrations.providers import templates
from integrations.providers.oauth_facts import OAuthFacts
from integrations.providers.parts import (
    KIND_OF_GRANT,
    KINDS,
    NOTHING,
    Idempotency,
    Identity,
    Injection,
    KeyFormat,
    Limit,
    LimitSignal,
    Probe,
    Rotation,
    Sunset,
    Variable,
)
from integrations.providers.reach import Reach, check_scope_paths
from integrations.providers.reading import read

KEY = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*")
OAUTH_URLS = ("authorize_url", "token_url", "revoke_url", "introspect_url", "jwks_url")


class KindNotOffered(IntegrationError):
    """The provider takes no credential of this kind."""

    code = "kind_not_offered"


class BadVariable(IntegrationError):
    """A URL variable is missing, or its value could change more than its own slot."""

    code = "bad_variable"


@dataclass(frozen=True)
class Provider:
    """Facts of one provider. `unconfirmed` names the facts that no source of the provider's own confirms."""

    key: str
    name: str
    base_url: str
    allowed_hosts: tuple[str, ...]
    injections: Mapping[str, Injection]
    docs_url: str
    checked_on: date
    category: str = "other"
    probe: Probe | None = None
    identity: Identity = field(default_factory=Identity)
    variables: tuple[Variable, ...] = ()
    static_headers: Mapping[str, str] = NOTHING
    key_formats: tuple[KeyFormat, ...] = ()
    oauth: OAuthFacts | None = None
    scope_words: Mapping[str, str] = NOTHING
    scope_paths: Mapping[str, tuple[str, ...]] = NOTHING
    limits: tuple[Limit, ...] = ()
    rate_limit_dialect: str = "generic"
    limit_signals: tuple[LimitSignal, ...] = ()
    never_repeat: tuple[str, ...] = ()
    idempotency: Idempotency | None = None
    retries_500: bool = False
    sunsets: tuple[Sunset, ...] = ()
    rotation: Rotation = field(default_factory=Rotation)
    aliases: tuple[str, ...] = ()
    env_names: tuple[str, ...] = ()
    monogram: str = ""
    icon: str = ""
    webhook_scheme: str = ""
    notes: str = ""
    unconfirmed: tuple[str, ...] = ()
    errors_like: str = ""
    is_custom: bool = False

    def __post_init__(self) -> None:
        if not KEY.fullmatch(self.key):
            raise ValueError("key: must be lower case words joined by _ or -")
        _check_urls(self)
        _check_injections(self)
        check_scope_paths(self.scope_paths)
        _check_unconfirmed(self)

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any], *, where: str) -> Provider:
        """Return the provider that a file or a CustomProvider row describes. Raises BadFacts."""
        return read(cls, facts, where=where)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of connection that it takes."""
        granted = {KIND_OF_GRANT[grant] for grant in self.oauth.grants} if self.oauth else set()
        return tuple(kind for kind in KINDS if kind in self.injections or kind in granted)

    @property
    def tile(self) -> str:
        """Return one or two letters for the tile where there is no icon."""
        return self.monogram or self.name[:1].upper()

    @cached_property
    def missing_variables(self) -> tuple[str, ...]:
        """Return the variables that the URLs still name: those only the provider can tell us."""
        texts = [self.base_url, *self.allowed_hosts, *oauth_urls(self)]
        return tuple(dict.fromkeys(name for text in texts for name in templates.names(text)))

    def injection_for(self, kind: str) -> Injection:
        """Return where a credential of this kind goes: an access token always as a consent's. Raises KindNotOffered."""
        if kind in self.injections:
            return self.injections[kind]
        if kind in self.kinds:
            return self.injections["oauth2"]
        raise KindNotOffered(f"{self.name} takes no credential of kind {kind}")

    def variable(self, name: str) -> Variable | None:
        """Return the variable of that name, if it has one."""
        return next((variable for variable in self.variables if variable.name == name), None)

    def is_confirmed(self, fact: str) -> bool:
        """Return whether a source of the provider's own confirms the dotted fact."""
        return not any(fact == name or fact.startswith(f"{name}.") for name in self.unconfirmed)

    def words_for_scope(self, scope: str) -> str:
        """Return what a scope allows, in plain words; the scope itself where we have none."""
        return gettext(self.scope_words[scope]) if scope in self.scope_words else scope

    def reach_of(self, scopes: Iterable[str]) -> Reach:
        """Return the paths that these scopes open, as a gateway token writes them, and the scopes we have none for.

        The probe's path is among them: it is what the ready-made examples call.
        """
        given = list(dict.fromkeys(scopes))
        paths = list(dict.fromkeys(path for scope in given for path in self.scope_paths.get(scope, ())))
        probe = self.probe.path.partition("?")[0] if self.probe else ""
        if paths and probe and probe not in paths:
            paths.insert(0, probe)
        return Reach(tuple(paths), tuple(scope for scope in given if scope not in self.scope_paths))

    def render(self, variables: Mapping[str, str]) -> Provider:
        """Return the provider with its URLs and static headers filled in.

        A variable that only the provider can tell (from its callback, token answer or discovery) may be
        absent: its slots stay, `missing_variables` names them, and no host check lets such a URL pass.
        Raises BadVariable.
        """
        values = _checked_values(self, variables)
        return replace(
            self,
            base_url=_fill(self.base_url, values),
            allowed_hosts=tuple(_fill(host, values) for host in self.allowed_hosts),
            static_headers=_filled_headers(self.static_headers, values),
            oauth=self.oauth and _filled_oauth(self.oauth, values),
        )


def oauth_urls(provider: Provider) -> list[str]:
    """Return the OAuth endpoints that the provider has."""
    if provider.oauth is None:
        return []
    return [url for name in OAUTH_URLS if (url := getattr(provider.oauth, name))]


def _checked_values(provider: Provider, given: Mapping[str, str]) -> dict[str, str]:
    values = {}
    for variable in provider.variables:
        raw = given.get(variable.name) or variable.default
        if not raw:
            if variable.source == "form" and not variable.is_optional:
                raise BadVariable(f"{variable.label or variable.name} is missing")
            continue
        try:
            values[variable.name] = variable.read(raw)
        except ValueError as error:
            raise BadVariable(str(error)) from None
    return values


def _fill(text: str, values: Mapping[str, str], *, put: Callable[..., str] = templates.fill) -> str:
    try:
        return put(text, values)
    except ValueError as error:
        raise BadVariable(str(error)) from None


def _filled_oauth(oauth: OAuthFacts, values: Mapping[str, str]) -> OAuthFacts:
    urls: dict[str, Any] = {name: _fill(getattr(oauth, name), values) for name in (*OAUTH_URLS, "issuer")}
    own, signed = oauth.client_credentials, oauth.assertion
    params = {name: _fill(text, values, put=templates.fill_header) for name, text in own.params.items()}
    return replace(
        oauth,
        **urls,
        client_credentials=replace(own, url=_fill(own.url, values), params=MappingProxyType(params)),
        assertion=replace(signed, url=_fill(signed.url, values), audience=_fill(signed.audience, values)),
    )


def _filled_headers(headers: Mapping[str, str], values: Mapping[str, str]) -> Mapping[str, str]:
    """Return the headers whose variables are all known; the others are not sent."""
    known = {name: text for name, text in headers.items() if set(templates.names(text)) <= set(values)}
    return MappingProxyType({name: _fill(text, values, put=templates.fill_header) for name, text in known.items()})


def _check_urls(provider: Provider) -> None:
    names = {variable.name for variable in provider.variables}
    for at, url in [("base_url", provider.base_url), *(("oauth", url) for url in oauth_urls(provider))]:
        if problem := templates.url_problem(url):
            raise ValueError(f"{at}: {problem}: {url}")
        if unknown := set(templates.names(url)) - names:
            raise ValueError(f"{at}: uses a variable that is not listed: {', '.join(sorted(unknown))}")
    _check_grant_urls(provider, names)
    if templates.host(provider.base_url) not in provider.allowed_hosts:
        raise ValueError("allowed_hosts: must hold the host of base_url")


def _check_grant_urls(provider: Provider, names: set[str]) -> None:
    """The address of a JWT's grant may also name a claim: an installation, an account."""
    if provider.oauth is None:
        return
    signed, own = provider.oauth.assertion, provider.oauth.client_credentials
    for at, url, known in (
        ("oauth.client_credentials.url", own.url, names),
        ("oauth.assertion.url", signed.url, names | {claim.name for claim in signed.claims}),
    ):
        if url and (problem := templates.url_problem(url)):
            raise ValueError(f"{at}: {problem}: {url}")
        if unknown := set(templates.names(url)) - known:
            raise ValueError(f"{at}: uses a variable that is not listed: {', '.join(sorted(unknown))}")


def _check_injections(provider: Provider) -> None:
    if not provider.injections:
        raise ValueError("injections: at least one is needed")
    for kind in provider.injections:
        if kind not in KINDS:
            raise ValueError(f"injections: {kind} is not one of {', '.join(KINDS)}")
    granted = {KIND_OF_GRANT[grant] for grant in provider.oauth.grants} if provider.oauth else set()
    for kind in KIND_OF_GRANT.values():
        if kind in provider.injections and kind not in granted:
            raise ValueError(f"oauth: the injection {kind} needs the table, and its grant in grants")
        if kind in granted and kind not in provider.injections and "oauth2" not in provider.injections:
            raise ValueError(f"oauth: its grants need an injection, {kind} or oauth2")


def _check_unconfirmed(provider: Provider) -> None:
    known = set(field_names(provider))
    for name in provider.unconfirmed:
        if name not in known:
            raise ValueError(f"unconfirmed: there is no fact {name}")


def field_names(record: Any, *, at: str = "") -> Iterator[str]:
    """Yield the dotted names of all facts of a provider."""
    for one in fields(record):
        name = f"{at}{one.name}"
        yield name
        value = getattr(record, one.name)
        if is_dataclass(value):
            yield from field_names(value, at=f"{name}.")
        elif isinstance(value, Mapping):
            yield from (f"{name}.{key}" for key in value)
