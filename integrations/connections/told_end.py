"""When a key ends, as the provider says itself in the answer to the test call, kept with the key's version."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from integrations.models import Connection
from integrations.oauth.answers import dig
from integrations.probe_call import ProbeAnswer
from integrations.providers.shape import Provider
from secrets_vault import vault
from secrets_vault.actor import Actor

# GitHub writes "2027-10-07 19:07:53 UTC" or an offset; others ISO 8601, GitLab a date alone, at whose midnight it ends.
FORMATS = ("%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%d %H:%M:%S %z")
LONGEST = timedelta(days=50 * 366)


def end_in(provider: Provider, answer: ProbeAnswer, *, now: datetime) -> datetime | None:
    """Return when the credential ends, None where the answer does not say so or says nonsense.

    What has just worked cannot have ended: a time in the past, or one beyond a lifetime, is not taken.
    """
    probe = provider.probe
    if probe is None:
        return None
    said = answer.header(probe.ends_header) if probe.ends_header else dig(answer.json(), probe.ends_at)
    at = _moment(said) if isinstance(said, str) else None
    return at if at is not None and now < at < now + LONGEST else None


def _moment(text: str) -> datetime | None:
    text = text.strip()[:40]
    for written in FORMATS:
        try:
            at = datetime.strptime(text, written)
        except ValueError:
            continue
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def keep_end(row: Connection, at: datetime, *, actor: Actor) -> None:
    """Note the end with the version that was tried, if it is another than was known."""
    version = row.secret.current if row.secret else None
    if version is not None and version.expires_at != at:
        vault.note_end(version, at, actor=actor)
