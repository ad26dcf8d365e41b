"""Who asks whom by a link, as its pages and mails say it: the person, the agency, the client, and until when."""

from __future__ import annotations

from integrations.agency import agency
from integrations.models import ClientLink


def names_of(link: ClientLink) -> dict[str, str]:
    """Return what the words of a link's pages and mails are filled in with."""
    name = agency().name
    who = link.created_by.name if link.created_by else name or link.client.name
    return {
        "agency": name or who,
        "who": f"{who} ({name})" if name and name != who else who,
        "client": link.client.name,
        "until": until(link),
    }


def until(link: ClientLink) -> str:
    """Return when the link ends, as a person reads it anywhere."""
    return link.expires_at.strftime("%Y-%m-%d %H:%M UTC")
