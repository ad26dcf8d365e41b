"""Tells the consultant: by mail, under Messages, and wherever else an agency reads.

A trouble is a `Subject` and a kind (`kinds.py`): `begin` tells of it once, `end` once more; both may be called as
often as one likes. What is no trouble is told by `announce`, to one person by `tell` or `say`.
"""

from integrations.alerts.announcing import announce
from integrations.alerts.episodes import Subject, about_connection, begin, end, failing, needs_reconnecting, recovered
from integrations.alerts.oauth_apps import oauth_app
from integrations.alerts.saying import can_mail, compose, one_line, page_url, recipients, say, tell

__all__ = [
    "Subject",
    "about_connection",
    "announce",
    "begin",
    "can_mail",
    "compose",
    "end",
    "failing",
    "needs_reconnecting",
    "oauth_app",
    "one_line",
    "page_url",
    "recipients",
    "recovered",
    "say",
    "tell",
]
