"""The quotas that a probe counts in: those of the connection it is about, and of no other.

A test of what is stored can be made later, so it is not made where no permit is free. The trial of a key that is
being rotated, and what somebody does once with a new credential, go all the same: they are counted, so that callers
are paced by what is really left.
"""

from __future__ import annotations

from integrations.gateway.quota import permits
from integrations.gateway.quota.known import Asker
from integrations.gateway.quota.permits import NoPermit
from integrations.gateway.route import limits_of, line_of, whose_of
from integrations.models import Connection
from integrations.oauth.keeping import bound_host
from integrations.providers.shape import Provider


def take(connection: Connection, provider: Provider) -> None:
    """Take the permits of one probe. Raises NoPermit: then it is not made."""
    if asker := _asker(connection, provider):
        permits.take(asker)


def take_or_count(connection: Connection, provider: Provider) -> None:
    """Wait a moment for the permits of one probe, and count it where none comes: it is made in any case."""
    asker = _asker(connection, provider)
    if asker is None:
        return
    try:
        permits.take(asker)
    except NoPermit as none:
        if none.until is not None:  # else nobody could tell, and nothing can be counted either
            permits.count(asker)


def count(connection: Connection, provider: Provider) -> None:
    """Count one probe that was made with a credential to come, which has turned out to be of this connection's account.

    Before that nobody knows whose quota it has used; and before there is a first credential nobody shares one.
    """
    asker = _asker(connection, provider) if connection.secret_id is not None else None
    if asker is not None:
        permits.count(asker)


def probed_host(provider: Provider) -> str:
    """Return the host that the probe is sent to."""
    return bound_host(provider.probe.url if provider.probe and provider.probe.url else provider.base_url)


def _asker(connection: Connection, provider: Provider) -> Asker | None:
    """Return the probe as the quotas see it, None where it counts in none: another host's are not ours to know."""
    probe = provider.probe
    if probe is None or provider.missing_variables or probed_host(provider) != bound_host(provider.base_url):
        return None
    path = probe.url.removeprefix(provider.base_url.rstrip("/")) if probe.url else probe.path
    limits = limits_of(connection, provider)
    return Asker(whose_of(connection), connection.pk, probe.method, path.encode(), limits, line_of(connection))
