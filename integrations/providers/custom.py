"""A provider that a consultant describes: the short table of `provision`, turned into facts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from integrations.providers import templates
from integrations.providers.injection import SIGNED
from integrations.providers.parts import KIND_OF_GRANT
from integrations.providers.reading import BadFacts
from integrations.providers.shape import Provider

FIELDS = ("base_url", "authorize_url", "token_url", "revoke_url", "issuer", "inject", "exchange")
BEARER = {"in": "header", "name": "Authorization", "template": "Bearer {token}"}
BASIC = {"in": "header", "name": "Authorization", "template": "Basic {basic}"}


def custom_from(
    table: Mapping[str, Any], *, key: str, name: str, today: date, where: str = "custom", **more: Any
) -> dict[str, Any]:
    """Return the facts (JSON) of a described provider, checked. Raises BadFacts with field and reason.

    `table` has base_url and perhaps authorize_url with token_url, revoke_url, issuer, inject = {in, name, template},
    and exchange = {url, body, …} where a key is exchanged for a token. `more` is any other fact of the shape, for
    callers that know it (the sandbox does).
    """
    for field in table:
        if field not in FIELDS:
            raise BadFacts(where, field, f"is not a known field (known: {', '.join(FIELDS)})")
    facts: dict[str, Any] = {
        "key": key,
        "name": name,
        "base_url": _url(table, "base_url", where=where).rstrip("/"),
        "docs_url": "",
        "checked_on": today.isoformat(),
        "is_custom": True,
        "injections": _injections(table, where=where),
    } | more
    facts.setdefault("allowed_hosts", [templates.host(facts["base_url"])])
    if oauth := _oauth(table, where=where):
        facts["oauth"] = oauth | facts.get("oauth", {})
        for kind in (KIND_OF_GRANT[grant] for grant in facts["oauth"]["grants"]):
            facts["injections"].setdefault(kind, facts["injections"]["bearer"])
    Provider.from_facts(facts, where=where)
    return facts


def plain_http_hosts(provider: Provider) -> tuple[str, ...]:
    """Return the hosts that the provider names by plain http. Outbound refuses them unless they are allowed."""
    oauth = provider.oauth
    urls = [
        provider.base_url,
        *((oauth.authorize_url, oauth.token_url, oauth.revoke_url, oauth.jwks_url) if oauth else ()),
    ]
    return tuple(dict.fromkeys(templates.host(url) for url in urls if urlsplit(url).scheme == "http"))


def _url(table: Mapping[str, Any], field: str, *, where: str) -> str:
    url = table.get(field, "")
    if not isinstance(url, str) or not url:
        raise BadFacts(where, field, "is missing" if url in ("", None) else "must be a text")
    if problem := templates.url_problem(url) or _slot_problem(url):
        raise BadFacts(where, field, problem)
    return url


def _slot_problem(url: str) -> str:
    return "must not hold { or }" if "{" in url or "}" in url else ""


def _injections(table: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    inject = table.get("inject", BEARER)
    if not isinstance(inject, Mapping):
        raise BadFacts(where, "inject", "must be a table with in, name and template")
    places = {"api_key": dict(inject), "bearer": dict(inject), "basic": dict(BASIC)}
    if inject.get("in") in SIGNED or ("{basic}" in str(inject.get("template", "")) and not inject.get("basic")):
        places |= {"api_key": dict(BEARER), "bearer": dict(BEARER), "basic": dict(inject)}
    return places


def _oauth(table: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """Return the oauth table, or nothing where no OAuth address is given.

    A token_url without an authorize_url gives the grants that nobody has to consent to.
    """
    given = [field for field in ("authorize_url", "token_url", "revoke_url") if table.get(field)]
    if "exchange" in table:
        return _exchange(table, given, where=where)
    if not given:
        return {}
    if "token_url" not in given:
        raise BadFacts(where, "token_url", f"is missing; {given[0]} needs it")
    oauth: dict[str, Any] = {field: _url(table, field, where=where) for field in given}
    oauth |= {"issuer": table["issuer"]} if table.get("issuer") else {}
    grants = ["authorization_code"] if "authorize_url" in given else []
    return oauth | {"grants": [*grants, "client_credentials", "jwt_bearer"], "assertion": {"alg": "key"}}


def _exchange(table: Mapping[str, Any], given: list[str], *, where: str) -> dict[str, Any]:
    """Return the oauth table of an API whose key is exchanged for a token, at an address of its own."""
    exchange = table["exchange"]
    if not isinstance(exchange, Mapping):
        raise BadFacts(where, "exchange", "must be a table with url and body, headers or basic")
    if given:
        raise BadFacts(where, "exchange", f"and {given[0]} are two ways to a token: describe each on its own")
    try:
        url = _url(exchange, "url", where=where)
    except BadFacts as bad:
        raise BadFacts(where, "exchange.url", bad.reason) from None
    facts = {name: value for name, value in exchange.items() if name not in ("url", "ttl_s")}
    oauth: dict[str, Any] = {"token_url": url, "grants": ["key_exchange"], "exchange": facts}
    return oauth | ({"access_token_ttl_s": exchange["ttl_s"]} if "ttl_s" in exchange else {})
