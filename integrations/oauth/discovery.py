"""Where an issuer's endpoints are, as it says itself: RFC 8414, and OpenID Connect Discovery 1.0.

What comes back is put into a form for a person to look at, never used unseen. Nothing is followed: a
redirect is refused, and each address in the answer is vetted like one that a person typed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations import outbound
from integrations.errors import IntegrationError
from integrations.oauth.session import Send
from integrations.outbound import OutboundError
from integrations.providers import templates
from integrations.providers.oauth_facts import ID_TOKEN_ALGS

DEADLINE_S = 5.0
MAX_BYTES = 256 * 1024
# Ours: the field of a form. Theirs: the name in the metadata (RFC 8414 section 2).
ENDPOINTS = {
    "authorize_url": "authorization_endpoint",
    "token_url": "token_endpoint",
    "revoke_url": "revocation_endpoint",
    "jwks_url": "jwks_uri",
}
REQUIRED = ("authorize_url", "token_url")
METHODS = ("client_secret_basic", "client_secret_post", "none")


class DiscoveryFailed(IntegrationError):
    """An issuer that does not say where its endpoints are, or says what is not taken. `reason` is a sentence."""

    code = "discovery_failed"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True)
class Metadata:
    """What an issuer says of itself, in our words. `elsewhere` are the hosts other than the issuer's own."""

    issuer: str
    urls: Mapping[str, str]
    id_token_algs: tuple[str, ...]
    token_auth_method: str
    requires_iss: bool
    elsewhere: tuple[str, ...]


@dataclass(frozen=True)
class _World:
    """What a test decides instead: who fetches, and which host may be called."""

    send: Send
    vet: Callable[[str], None]
    deadline_s: float


def discover(
    issuer: str,
    *,
    send: Send = outbound.send,
    vet: Callable[[str], None] = outbound.vet,
    deadline_s: float = DEADLINE_S,
) -> Metadata:
    """Return what the issuer says of itself. Raises DiscoveryFailed with the reason in a sentence."""
    world = _World(send, vet, deadline_s)
    return _read(_own_page(issuer, world), issuer, world)


def _own_page(issuer: str, world: _World) -> dict[str, Any]:
    """Return the issuer's metadata, once they are its own."""
    if problem := _problem_with(issuer, world):
        raise DiscoveryFailed(_("The issuer {problem}.").format(problem=problem))
    for url in _addresses(issuer):
        with suppress(_NotThere):
            table = _fetched(url, world)
            break
    else:
        raise DiscoveryFailed(_("The issuer has no page that names its endpoints."))
    # Compared as plain text, so that nobody's metadata is taken for another's (RFC 8414 section 3.3).
    if table.get("issuer") != issuer:
        raise DiscoveryFailed(_("The page names another issuer than the one that was asked. Nothing was taken over."))
    return table


def jwks_address(issuer: str, *, send: Send = outbound.send, vet: Callable[[str], None] = outbound.vet) -> str:
    """Return where the issuer keeps its public keys, as it says itself. Raises DiscoveryFailed."""
    world = _World(send, vet, DEADLINE_S)
    table = _own_page(issuer, world)
    if not (url := _endpoint(table, "jwks_uri", world)):
        raise DiscoveryFailed(_("The issuer names no {what}.").format(what="jwks_uri"))
    return url


class _NotThere(Exception):
    """This address answered that it has nothing; the next one may."""


def _addresses(issuer: str) -> Iterator[str]:
    """Yield where metadata may stand: OpenID's way behind the path, RFC 8414's (section 3.1) before it."""
    parts = urlsplit(issuer)
    root, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    yield f"{root}{path}/.well-known/openid-configuration"
    yield f"{root}/.well-known/oauth-authorization-server{path}"
    if path:
        yield f"{root}/.well-known/openid-configuration{path}"


def _fetched(url: str, world: _World) -> dict[str, Any]:
    try:
        answer = world.send(
            "GET", url, headers={"Accept": "application/json"}, deadline_s=world.deadline_s, max_bytes=MAX_BYTES
        )
    except OutboundError as error:
        raise DiscoveryFailed(str(_WHY.get(error.code, _("The issuer could not be reached.")))) from None
    if 300 <= answer.status < 400:
        raise DiscoveryFailed(_("The issuer sends elsewhere (a redirect), and redirects are not followed."))
    if answer.status != 200:
        raise _NotThere
    try:
        table = json.loads(answer.body)
    except (ValueError, RecursionError):
        table = None
    if not isinstance(table, dict):
        raise DiscoveryFailed(_("The issuer's page is not a JSON object."))
    return table


_WHY = {
    "host_refused": gettext_lazy("The issuer's host has a private address, or is plain http, and is not allowed."),
    "upstream_timeout": gettext_lazy("The issuer did not answer in time."),
    "body_too_large": gettext_lazy("The issuer's page is too large."),
}


def _read(table: Mapping[str, Any], issuer: str, world: _World) -> Metadata:
    urls = {ours: _endpoint(table, theirs, world) for ours, theirs in ENDPOINTS.items()}
    if missing := [ENDPOINTS[name] for name in REQUIRED if not urls[name]]:
        raise DiscoveryFailed(_("The issuer names no {what}.").format(what=missing[0]))
    own = templates.host(issuer)
    hosts = dict.fromkeys(templates.host(url) for url in urls.values() if url)
    return Metadata(
        issuer=issuer,
        urls=urls,
        id_token_algs=_known(table, "id_token_signing_alg_values_supported", ID_TOKEN_ALGS) or ("RS256",),
        token_auth_method=(_known(table, "token_endpoint_auth_methods_supported", METHODS) or METHODS[:1])[0],
        requires_iss=table.get("authorization_response_iss_parameter_supported") is True,
        elsewhere=tuple(host for host in hosts if host != own),
    )


def _endpoint(table: Mapping[str, Any], name: str, world: _World) -> str:
    url = table.get(name, "")
    if url in ("", None):
        return ""
    problem = _problem_with(url, world) if isinstance(url, str) and len(url) <= 500 else "is not an address"
    if problem:
        raise DiscoveryFailed(
            _("The issuer names a {name} that is not taken: it {problem}.").format(name=name, problem=problem)
        )
    return str(url)


def _problem_with(url: str, world: _World) -> str:
    """Return why an address is not taken, or "": https and public, or a private host that is allowed."""
    if problem := templates.url_problem(url) or ("holds a { or }" if "{" in url or "}" in url else ""):
        return problem
    try:
        world.vet(url)
    except OutboundError as error:
        return "leads into a private network" if error.code == "host_refused" else "leads to no host that is known"
    return ""


def _known(table: Mapping[str, Any], name: str, known: tuple[str, ...]) -> tuple[str, ...]:
    said = table.get(name)
    return tuple(one for one in known if one in said) if isinstance(said, list) else ()
