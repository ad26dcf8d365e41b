"""What must hold between the facts of a provider. Each check raises ValueError("field: reason")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from integrations.providers import templates
from integrations.providers.injection import OWN_FIELDS, SIGNED, Injection, fields_beside
from integrations.providers.parts import KIND_OF_GRANT, KINDS, OUTSIDE

if TYPE_CHECKING:
    from integrations.providers.oauth_facts import OAuthFacts
    from integrations.providers.shape import Provider

TOKENS = frozenset(("token", "access_token", "refresh_token", "id_token"))
OAUTH_URLS = ("authorize_url", "token_url", "revoke_url", "introspect_url", "jwks_url")


def oauth_urls(provider: Provider) -> list[str]:
    """Return the OAuth endpoints that the provider has."""
    if provider.oauth is None:
        return []
    return [url for name in OAUTH_URLS if (url := getattr(provider.oauth, name))]


def check_urls(provider: Provider) -> None:
    """Every URL is one, names only variables that are listed, and goes to a host that is allowed."""
    names = _variables(provider)
    own = [("base_url", provider.base_url), *(("base_urls", url) for url in provider.base_urls.values())]
    discovery = [("discovery.url", provider.discovery.url)] if provider.discovery else []
    consent = provider.oauth.authorize_url if provider.oauth else ""
    for at, url in [*own, *discovery, *(("oauth", url) for url in oauth_urls(provider))]:
        if problem := templates.consent_problem(url) if url == consent else templates.url_problem(url):
            raise ValueError(f"{at}: {problem}: {url}")
        if unknown := set(templates.names(url)) - names:
            raise ValueError(f"{at}: uses a variable that is not listed: {', '.join(sorted(unknown))}")
    _check_grant_urls(provider, names)
    for at, url in own:
        if templates.host(url) not in provider.allowed_hosts:
            raise ValueError(f"allowed_hosts: must hold the host of {at}")
    for at, named in (("base_urls", provider.base_urls), ("probes", provider.probes)):
        if unknown := set(named) - set(provider.kinds):
            raise ValueError(f"{at}: no credential is of kind {', '.join(sorted(unknown))}")
    _check_discovery(provider)
    _check_outside(provider)


def _check_grant_urls(provider: Provider, names: set[str]) -> None:
    """The address of a JWT's grant may also name a claim: an installation, an account."""
    if provider.oauth is None:
        return
    signed, own = provider.oauth.assertion, provider.oauth.client_credentials
    for at, url, known in (
        ("oauth.client_credentials.url", own.url, names),
        ("oauth.refresh.url", provider.oauth.refresh.url, names),
        ("oauth.long_lived.url", provider.oauth.long_lived.url, names),
        ("oauth.renewal.url", provider.oauth.renewal.url, names),
        ("oauth.assertion.url", signed.url, names | {claim.name for claim in signed.claims}),
    ):
        if url and (problem := templates.url_problem(url)):
            raise ValueError(f"{at}: {problem}: {url}")
        if unknown := set(templates.names(url)) - known:
            raise ValueError(f"{at}: uses a variable that is not listed: {', '.join(sorted(unknown))}")
    _check_swaps(provider, provider.oauth)
    for name, text in provider.oauth.authorize_params.items():
        if unknown := set(templates.names(text)) - names:
            raise ValueError(f"oauth.authorize_params.{name}: uses a variable that is not listed: {min(unknown)}")


def _check_swaps(provider: Provider, oauth: OAuthFacts) -> None:
    """A token is turned into another only where it goes anyway, or where the OAuth app's secret does."""
    known = {*provider.allowed_hosts, templates.host(oauth.token_url)}
    for at, swap in (("long_lived", oauth.long_lived), ("renewal", oauth.renewal)):
        if swap.url and templates.host(swap.url) not in known:
            raise ValueError(f"oauth.{at}.url: its host must be one of allowed_hosts, or the token endpoint's")


def _variables(provider: Provider) -> set[str]:
    names = {variable.name for variable in provider.variables}
    return names | ({provider.versions.variable} if provider.versions else set())


def _check_discovery(provider: Provider) -> None:
    """A discovery sends the credential: only where the credential goes anyway."""
    if provider.discovery is None:
        return
    known = [*provider.allowed_hosts, *([templates.host(provider.oauth.token_url)] if provider.oauth else [])]
    if templates.host(provider.discovery.url) not in known:
        raise ValueError("discovery.url: its host must be one of allowed_hosts, or the token endpoint's")
    if not any(variable.source == "discovery" for variable in provider.variables):
        raise ValueError("discovery: no variable is of this source")


def _check_outside(provider: Provider) -> None:
    """A host that an answer from outside decides lies within `hosts`, or below a domain that the facts fix."""
    free = {variable.name for variable in provider.variables if variable.source in OUTSIDE and not variable.hosts}
    urls = [provider.base_url, *provider.base_urls.values(), *oauth_urls(provider)]
    for host in [*provider.allowed_hosts, *map(templates.host, urls)]:
        fixed = host.rpartition("}")[2]
        is_fixed = fixed.startswith(".") and fixed.count(".") > 1
        if not is_fixed and (loose := free & set(templates.names(host))):
            raise ValueError(f"variables: {min(loose)} decides a whole host, so it needs hosts")


def check_injections(provider: Provider) -> None:
    """Each kind is one that we know, and its templates take only fields that it has."""
    if not provider.injections and not provider.not_yet:
        raise ValueError("injections: at least one is needed, or not_yet says why there is none")
    for kind, injection in provider.injections.items():
        if kind not in KINDS:
            raise ValueError(f"injections: {kind} is not one of {', '.join(KINDS)}")
        _check_fields(provider, kind, injection)
        taken = {slot[7:] for slot in injection.slots if slot.startswith("header:")}
        fixed = {**provider.static_headers, **provider.kind_headers.get(kind, {})}
        if double := sorted(taken & {name.lower() for name in fixed}):
            raise ValueError(f"static_headers: {double[0]} carries the credential")
    if unknown := set(provider.kind_headers) - set(provider.kinds):
        raise ValueError(f"kind_headers: no credential is of kind {min(unknown)}")
    granted = {KIND_OF_GRANT[grant] for grant in provider.oauth.grants} if provider.oauth else set()
    for kind in KIND_OF_GRANT.values():
        if kind in provider.injections and kind not in granted:
            raise ValueError(f"oauth: the injection {kind} needs the table, and its grant in grants")
        if kind in granted and kind not in provider.injections and "oauth2" not in provider.injections:
            raise ValueError(f"oauth: its grants need an injection, {kind} or oauth2")


def _check_fields(provider: Provider, kind: str, injection: Injection) -> None:
    own = {"username", "password"} if kind == "basic" else {"token"}
    more = {field.name for field in provider.credential_fields if not field.kinds or kind in field.kinds}
    more -= set(OWN_FIELDS.get(kind, ()))
    if kind not in OWN_FIELDS:
        more = {field.name for field in fields_beside(provider.credential_fields, kind)}
        _check_beside(kind, injection, more)
    if unknown := injection.names() - own - more:
        raise ValueError(f"injections: {kind} has no field {', '.join(sorted(unknown))}")
    if not injection.names() & (own - {"username"}):
        raise ValueError(f"injections: {kind} does not send its own value")
    if injection.in_ in SIGNED:
        _check_scope(provider, kind, injection)


def _check_beside(kind: str, injection: Injection, names: set[str]) -> None:
    """What goes beside a token has a name and a place of its own: a token goes where it goes, whatever is known."""
    if twin := names & TOKENS:
        raise ValueError(
            f"injections: {min(twin)} is the token of {kind} itself; what stands in more needs another name"
        )
    first = injection.names() - frozenset().union(*(place.names() for place in injection.more))
    if stray := names & first:
        raise ValueError(f"injections: {kind} sends {min(stray)} in the place of its token; it needs one in more")
    if mixed := [place.name for place in injection.more if len(place.names()) > 1 and place.names() & names]:
        raise ValueError(f"injections: {mixed[0]} mixes what goes beside a token with another value")


def _check_scope(provider: Provider, kind: str, injection: Injection) -> None:
    if kind != "basic":
        raise ValueError("injections: only kind basic signs; its user name is the access key id, or the consumer key")
    named = set(templates.names(f"{injection.service}{injection.region}{injection.realm}"))
    if unknown := named - _variables(provider):
        raise ValueError(f"injections: uses a variable that is not listed: {', '.join(sorted(unknown))}")


def check_unconfirmed(provider: Provider) -> None:
    """What is called not confirmed is a fact."""
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
