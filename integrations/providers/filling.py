"""The facts of a provider with the values of one connection in their slots."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from integrations.errors import IntegrationError
from integrations.providers import templates
from integrations.providers.checks import OAUTH_URLS
from integrations.providers.injection import SIGNED, Injection
from integrations.providers.oauth_facts import OAuthFacts
from integrations.providers.parts import Probe, Variable


class BadVariable(IntegrationError):
    """A URL variable is missing, or its value could change more than its own slot."""

    code = "bad_variable"


def checked_values(variables: Iterable[Variable], given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are known, checked. Raises BadVariable."""
    values = {}
    for variable in variables:
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


def fill(text: str, values: Mapping[str, str], *, put: Callable[..., str] = templates.fill) -> str:
    """Return a text with its slots filled. Raises BadVariable."""
    try:
        return put(text, values)
    except ValueError as error:
        raise BadVariable(str(error)) from None


def filled_oauth(oauth: OAuthFacts, values: Mapping[str, str]) -> OAuthFacts:
    """Return the OAuth facts with every address and form filled in."""
    urls: dict[str, Any] = {name: fill(getattr(oauth, name), values) for name in (*OAUTH_URLS, "issuer")}
    own, signed, refresh = oauth.client_credentials, oauth.assertion, oauth.refresh
    longer, renewal = oauth.long_lived, oauth.renewal
    return replace(
        oauth,
        **urls,
        token_params=filled_headers(oauth.token_params, values),
        authorize_params=filled_headers(oauth.authorize_params, values),
        refresh=replace(refresh, url=fill(refresh.url, values)),
        long_lived=replace(longer, url=fill(longer.url, values)),
        renewal=replace(renewal, url=fill(renewal.url, values)),
        client_credentials=replace(own, url=fill(own.url, values), params=filled_headers(own.params, values)),
        assertion=replace(signed, url=fill(signed.url, values), audience=fill(signed.audience, values)),
    )


def filled_probe(probe: Probe, values: Mapping[str, str]) -> Probe:
    """Return the probe with its path filled in; its query stays."""
    path, _, query = probe.path.partition("?")
    path = fill(f"https://x{path}", values).removeprefix("https://x") + (f"?{query}" if query else "")
    return replace(probe, path=path, url=fill(probe.url, values) if probe.url else "")


def filled_scopes(injections: Mapping[str, Injection], values: Mapping[str, str]) -> Mapping[str, Injection]:
    """Return the injections with service, region and realm of those that sign."""
    if not any(injection.in_ in SIGNED for injection in injections.values()):
        return injections
    signed = {
        kind: replace(
            one,
            service=fill(one.service, values),
            region=fill(one.region, values),
            realm=fill(one.realm, values, put=templates.fill_header),
        )
        for kind, one in injections.items()
    }
    return MappingProxyType(signed)


def without_scopes(injections: Mapping[str, Injection], gone: set[str]) -> Mapping[str, Injection]:
    """Return the injections without those that sign for a variable which connections of this kind do not have."""
    kept = {
        kind: one
        for kind, one in injections.items()
        if not gone & set(templates.names(f"{one.service}{one.region}{one.realm}"))
    }
    return MappingProxyType(kept)


def filled_headers(headers: Mapping[str, str], values: Mapping[str, str]) -> Mapping[str, str]:
    """Return the headers, parameters or fields of a form whose variables are all known; the others are not sent."""
    known = {name: text for name, text in headers.items() if set(templates.names(text)) <= set(values)}
    return MappingProxyType({name: fill(text, values, put=templates.fill_header) for name, text in known.items()})
