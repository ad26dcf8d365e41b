"""One message by one plugin, now: its text cut to what the service takes, and what came of it."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING

from integrations.alerts.routes.answers import Result
from integrations.alerts.routes.apprise import transport
from integrations.alerts.routes.apprise.plugins import BadAddress, plugin_of
from integrations.limits.units import retry_after_s

if TYPE_CHECKING:
    from collections.abc import Callable

    from apprise.plugins.base import NotifyBase

    from integrations import outbound
    from integrations.alerts.routes.note import Note

logger = logging.getLogger(__name__)

KINDS = {"urgent": "failure", "warning": "warning", "info": "info"}


def deliver(
    address: str, note: Note, *, deadline_s: float, now: datetime, send: Callable[..., outbound.Answer]
) -> Result:
    """Send a message and return what came of it. Nothing that a plugin or a service says is kept."""
    try:
        plugin = plugin_of(address)
    except BadAddress as bad:
        return Result(code="apprise_missing" if bad.code == "missing" else "apprise_refused")
    with transport.way_out(send, deadline_s=deadline_s) as line:
        is_taken = _told(plugin, note, as_a=KINDS[note.severity])
        if not line.requests and note.severity == "info":
            # Where incidents are opened, what is only said belongs to one that is open, and so it goes nowhere.
            is_taken = _told(plugin, note, as_a=KINDS["warning"])
    return _result(line, is_taken=is_taken, now=now)


def _told(plugin: NotifyBase, note: Note, *, as_a: str) -> bool:
    """Have a plugin write a message, and tell whether it says that the service took it."""
    subject, text = _without_markup(note.subject), _without_markup(note.text)
    body = "\n\n".join(part for part in (text, note.url) if part) or subject
    try:
        return bool(plugin.notify(body=body, title=subject, notify_type=as_a, overflow="truncate", body_format="text"))
    except Exception as error:  # noqa: BLE001  # a foreign plugin may trip over any answer; others must go on
        logger.warning("a plugin failed", extra={"plugin": type(plugin).__name__, "error": type(error).__name__})
        return False


def _without_markup(text: str) -> str:
    """Return a text in which neither HTML nor Markdown makes a link: some plugins pass both on as they come."""
    return text.replace("<", "‹").replace(">", "›").replace("](", "] (")


def _result(line: transport.Line, *, is_taken: bool, now: datetime) -> Result:
    if line.error:
        return Result(code=line.error)
    if line.status is None:  # it made no request at all
        return Result(code="apprise_refused")
    if is_taken:
        return Result(line.status if 200 <= line.status < 300 else 200)
    wait_s = retry_after_s(line.retry_after, now=now) if line.retry_after else None
    is_odd = line.status < 300 or line.status in (400, 422)  # the service says in its own words what is wrong
    return Result(line.status, "not_taken" if is_odd else "", wait_s)
