"""The API version that a connection is pinned to: tried before it is changed, and taken back in one step."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from integrations import outbound
from integrations.connections.credential import policy_of
from integrations.connections.probing import SENTENCES, try_as
from integrations.errors import IntegrationError
from integrations.models import Connection
from integrations.oauth.held import read
from integrations.oauth.session import Send
from integrations.providers.registry import get_provider
from integrations.providers.shape import Provider
from integrations.providers.versions import Versions
from integrations.status import record, swap
from secrets_vault import vault
from secrets_vault.actor import Actor

THEIRS = "-"
"""In place of a version: the one that the provider takes by itself."""
UNTRIED = ("no_probe", "no_credential")


class VersionRefused(IntegrationError):
    """A version was not pinned. The message says why."""

    code = "version_refused"


def version_of(connection: Connection, facts: Versions) -> str:
    """Return the version that calls name unless they say otherwise; THEIRS where none is sent."""
    return str(connection.variables.get(facts.variable) or facts.default or THEIRS)


def pin(connection: Connection, version: str, *, actor: Actor, now: datetime, send: Send = outbound.send) -> str:
    """Pin a version once the provider's harmless call works with it; return what that call showed, as a sentence.

    THEIRS sends none, where the provider has one of its own. Raises VersionRefused, with nothing changed, and
    ConnectionChanged. What cannot be tried is pinned untried.
    """
    row = read(connection.pk)
    provider = get_provider(row.provider_key).of_kind(row.kind)
    facts = _facts(provider)
    before = version_of(row, facts)
    variables = _with(row.variables, facts, version)
    if version == before:
        raise VersionRefused(_("It is pinned to this version already."))
    changed = provider.render(variables)
    outcome, status = try_as(row, changed, now=now, send=send)
    sentence = str(SENTENCES[outcome]).format(name=provider.name)
    if outcome == "refused":  # of a credential that may well be good
        sentence = _("{name} answered with status {status}.").format(name=provider.name, status=status)
    if outcome != "works" and outcome not in UNTRIED:
        words = _("Nothing was changed. Tried with version {version}: {sentence}")
        raise VersionRefused(words.format(version=version, sentence=sentence))
    changes: dict[str, Any] = {"variables": variables, "version_before": before}
    with transaction.atomic():
        swap(row, **changes)
        if row.secret is not None:
            vault.bind_policy(row.secret, policy_of(changed, row.kind), actor=actor)
        record(row, "connection.version_pinned", actor=actor, version=version, before=before, tried=outcome)
    connection.refresh_from_db()
    return sentence


def take_back(connection: Connection, *, actor: Actor, now: datetime, send: Send = outbound.send) -> str:
    """Pin the version before this one again, tried like any other. Raises as `pin` does."""
    if not connection.version_before:
        raise VersionRefused(_("There is no version before this one."))
    return pin(connection, connection.version_before, actor=actor, now=now, send=send)


def _facts(provider: Provider) -> Versions:
    if provider.versions is None:
        raise VersionRefused(_("{name} has no versions that a call can name.").format(name=provider.name))
    return provider.versions


def _with(variables: dict[str, str], facts: Versions, version: str) -> dict[str, str]:
    kept = {name: value for name, value in variables.items() if name != facts.variable}
    if version == THEIRS and facts.header and not facts.default:
        return kept
    if not facts.fits(version):
        example = facts.default or next(iter(facts.known), "")
        raise VersionRefused(_("This is no version of this API; one looks like {example}.").format(example=example))
    return kept | {facts.variable: version}
