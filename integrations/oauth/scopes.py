"""Which scopes are asked for, and what was given instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from integrations.models import Connection, OAuthApp
from integrations.oauth.errors import CannotStart
from integrations.providers.oauth_facts import OAuthFacts

OPENID = "openid"


@dataclass(frozen=True)
class Request:
    """The scopes of one consent: `required` go into `scope`, `optional` into the provider's own parameter."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()

    @property
    def all(self) -> list[str]:
        """Return every scope asked for, in order, once."""
        return list(dict.fromkeys([*self.required, *self.optional]))


def to_ask_for(connection: Connection, app: OAuthApp, facts: OAuthFacts, *, chosen: Iterable[str] | None) -> Request:
    """Return the scopes of a consent. Raises CannotStart for one that the OAuth app does not have.

    HubSpot refuses a consent that lacks one of the app's required scopes or asks for one that the app
    lacks, so an app's required scopes are always sent, and only its own scopes can be chosen. What tells
    whose account it is goes along.
    """
    wanted = list(chosen or connection.requested_scopes or [*app.required_scopes, *app.optional_scopes])
    wanted = [scope for scope in askable(wanted or facts.default_scopes, facts) if scope not in facts.identity_scopes]
    known = {*app.required_scopes, *app.optional_scopes}
    if known and (foreign := tuple(scope for scope in wanted if scope not in known)):
        raise CannotStart("scope_not_in_app", scopes=foreign)
    if not known:
        return Request(askable([*wanted, *facts.identity_scopes], facts))
    required = askable([*app.required_scopes, *facts.identity_scopes], facts)
    optional = tuple(scope for scope in wanted if scope not in required)
    return Request(required, optional) if facts.optional_scope_param else Request((*required, *optional))


def askable(scopes: Iterable[str], facts: OAuthFacts) -> tuple[str, ...]:
    """Return the scopes, once each, without openid where an id_token could not be verified."""
    return tuple(scope for scope in dict.fromkeys(scopes) if scope != OPENID or facts.verifies_id_tokens)


def missing(requested: Iterable[str], granted: Iterable[str] | None) -> tuple[str, ...]:
    """Return what was asked for and not given; nothing where the provider does not say what it gave."""
    return () if granted is None else tuple(sorted(set(requested) - set(granted)))


def excess(requested: Iterable[str], granted: Iterable[str] | None) -> tuple[str, ...]:
    """Return what was given without having been asked for."""
    asked = set(requested)
    return () if granted is None or not asked else tuple(sorted(set(granted) - asked))
