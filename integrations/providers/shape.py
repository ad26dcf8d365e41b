"""What a provider is: one frozen, strictly checked record of facts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import Any

from django.utils.translation import gettext

from integrations.errors import IntegrationError
from integrations.providers import templates
from integrations.providers.checks import check_injections, check_unconfirmed, check_urls, oauth_urls
from integrations.providers.discovery_facts import Discovery
from integrations.providers.filling import BadVariable as BadVariable
from integrations.providers.filling import (
    checked_values,
    fill,
    filled_headers,
    filled_oauth,
    filled_probe,
    filled_scopes,
    without_scopes,
)
from integrations.providers.injection import OWN_FIELDS, OWN_WORDS, CredentialField, Injection, fields_beside
from integrations.providers.limit_facts import Limit, LimitSignal
from integrations.providers.narrowing import without_oauth
from integrations.providers.oauth_facts import OAuthFacts
from integrations.providers.parts import (
    KIND_OF_GRANT,
    KINDS,
    NOTHING,
    Idempotency,
    Identity,
    KeyFormat,
    NotYet,
    Probe,
    Rotation,
    Sunset,
    Variable,
    one_of,
)
from integrations.providers.reach import Reach, check_scope_paths
from integrations.providers.reading import read
from integrations.providers.usage_facts import Batch, Metering, UsageEndpoint
from integrations.providers.versions import Versions, with_version

KEY = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*")
CONFIDENCE = ("vendor", "several", "single", "memory")


class KindNotOffered(IntegrationError):
    """The provider takes no credential of this kind."""

    code = "kind_not_offered"


@dataclass(frozen=True)
class Provider:
    """Facts of one provider.

    `base_urls` holds another base URL for the kinds that have one (Jira's tokens go to the site itself), `probes`
    another call to prove them with, `kind_headers` the static headers that only a kind sends (Snowflake is told what
    kind of token comes).
    `confidence` says who confirms the addresses and where a credential goes: the vendor's own pages or SDK, several
    other sources that agree, one of them, or none. `unconfirmed` names the facts that are weaker than that; they
    are shown as such. `not_yet` says which ways in the provider has and Keylodge does not offer.
    """

    key: str
    name: str
    base_url: str
    allowed_hosts: tuple[str, ...]
    injections: Mapping[str, Injection]
    docs_url: str
    checked_on: date
    category: str = "other"
    base_urls: Mapping[str, str] = NOTHING
    credential_fields: tuple[CredentialField, ...] = ()
    versions: Versions | None = None
    discovery: Discovery | None = None
    probe: Probe | None = None
    probes: Mapping[str, Probe] = NOTHING
    identity: Identity = field(default_factory=Identity)
    variables: tuple[Variable, ...] = ()
    static_headers: Mapping[str, str] = NOTHING
    kind_headers: Mapping[str, Mapping[str, str]] = NOTHING
    key_formats: tuple[KeyFormat, ...] = ()
    oauth: OAuthFacts | None = None
    scope_words: Mapping[str, str] = NOTHING
    scope_paths: Mapping[str, tuple[str, ...]] = NOTHING
    limits: tuple[Limit, ...] = ()
    rate_limit_dialect: str = "generic"
    limit_signals: tuple[LimitSignal, ...] = ()
    never_repeat: tuple[str, ...] = ()
    wait_at: tuple[
        str, ...
    ] = ()  # where the JSON body of a limited answer says how long to wait: error.details.*.retryDelay
    metering: tuple[Metering, ...] = ()
    usage: UsageEndpoint | None = None
    batch: tuple[Batch, ...] = ()
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
    confidence: str = "vendor"
    sources: tuple[str, ...] = ()
    not_yet: tuple[NotYet, ...] = ()
    errors_like: str = ""
    is_openai_shaped: bool = False  # OpenAI's own libraries speak to it, with the base URL and the key changed
    is_custom: bool = False

    def __post_init__(self) -> None:
        if not KEY.fullmatch(self.key):
            raise ValueError("key: must be lower case words joined by _ or -")
        one_of("confidence", self.confidence, CONFIDENCE)
        check_urls(self)
        check_injections(self)
        check_scope_paths(self.scope_paths)
        check_unconfirmed(self)

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any], *, where: str) -> Provider:
        """Return the provider that a file or a CustomProvider row describes. Raises BadFacts."""
        return with_version(read(cls, facts, where=where))

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of connection that it takes."""
        granted = {KIND_OF_GRANT[grant] for grant in self.oauth.grants} if self.oauth else set()
        return tuple(kind for kind in KINDS if kind in self.injections or kind in granted)

    @property
    def is_offered(self) -> bool:
        """Return whether a connection can be made: Keylodge offers at least one way in."""
        return bool(self.kinds)

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

    def fields_of(self, kind: str) -> tuple[CredentialField, ...]:
        """Return what a person enters for a kind, its own values first; nothing where none is pasted."""
        if kind == "key_exchange" and self.oauth is not None:
            return self.oauth.exchange.asked
        told = {field.name: field for field in self.credential_fields if not field.kinds or kind in field.kinds}
        own = OWN_FIELDS.get(kind, ())
        if not own:
            return ()
        found = [told.get(name) or CredentialField(name, OWN_WORDS[name]) for name in own]
        others = {name for names in OWN_FIELDS.values() for name in names}
        return (*found, *(field for name, field in told.items() if name not in others))

    def fields_beside(self, kind: str) -> tuple[CredentialField, ...]:
        """Return what a person enters beside a token that nobody pastes, as Google Ads' developer token."""
        return fields_beside(self.credential_fields, kind)

    def of_kind(self, kind: str) -> Provider:
        """Return the provider as connections of a kind know it: its base URL, and the variables that they have."""
        kept = tuple(one for one in self.variables if not one.kinds or kind in one.kinds)
        is_same = kept == self.variables and not self.kind_headers
        if is_same and kind not in self.base_urls and kind not in self.probes:
            return self
        gone = {one.name for one in self.variables} - {one.name for one in kept}
        if gone & {name for url in oauth_urls(self) for name in templates.names(url)}:
            return without_oauth(self).of_kind(kind)
        return replace(
            self,
            base_url=self.base_urls.get(kind, self.base_url),
            base_urls=NOTHING,
            static_headers=MappingProxyType({**self.static_headers, **self.kind_headers.get(kind, {})}),
            kind_headers=NOTHING,
            probe=self.probes.get(kind, self.probe),
            probes=NOTHING,
            variables=kept,
            injections=without_scopes(self.injections, gone),
            discovery=self.discovery if any(one.source == "discovery" for one in kept) else None,
            allowed_hosts=tuple(host for host in self.allowed_hosts if not gone & set(templates.names(host))),
        )

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
        values = checked_values(self.variables, variables)
        return replace(
            self,
            base_url=fill(self.base_url, values),
            allowed_hosts=tuple(fill(host, values) for host in self.allowed_hosts),
            injections=filled_scopes(self.injections, values),
            static_headers=filled_headers(self.static_headers, values),
            probe=self.probe and filled_probe(self.probe, values),
            discovery=self.discovery and replace(self.discovery, url=fill(self.discovery.url, values)),
            base_urls=NOTHING,
            probes=NOTHING,
            oauth=self.oauth and filled_oauth(self.oauth, values),
        )
