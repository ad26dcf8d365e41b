"""What needs the owner alone: background work, the audit trail, mail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from dashboard.need import Need, Waiting
from dashboard.words import ago_words
from integrations.alerts import can_mail
from integrations.sweeps import QUIET_AFTER, last_runs
from integrations.timetable import BookDamaged

if TYPE_CHECKING:
    from secrets_vault.models import User

DAMAGED = BookDamaged.__name__  # a sweep that failed keeps the name of its error


def background_needs(user: User, *, now: datetime) -> Iterator[Waiting]:
    """Tell the owner of background work that has not run for five minutes, or that failed when it last ran.

    Without it nothing is refreshed or reminded; what checks the audit trail is told apart.
    """
    if not user.is_owner:
        return
    last, failed = last_runs(now)
    if now - user.joined_at >= QUIET_AFTER and (last is None or now - last > QUIET_AFTER):
        yield Waiting(0, partial(_background_need, last, now=now))
    if DAMAGED in failed:
        yield Waiting(0, _damaged_need)
    if failed - {DAMAGED}:
        yield Waiting(2, _failed_need)


def _background_need(last: datetime | None, *, now: datetime) -> Need:
    text = _("Tokens are not refreshed and nobody is reminded until the worker runs again.")
    when = _("since {when}").format(when=ago_words(last, now=now)) if last else ""
    title, routes = _("Background work is not running"), [("settings_background",)]
    return Need("bad", title, text, routes, _("See background work"), when)


def _damaged_need() -> Need:
    text = _("Somebody changed the database. Keep a copy of it and compare with your backups.")
    return Need("bad", _("The audit trail is not as it was written"), text, [("audit",)], _("See the audit trail"))


def _failed_need() -> Need:
    text = _("It is tried again by itself. If it stays so, the log says why.")
    return Need("warn", _("Background work failed"), text, [("settings_background",)], _("See background work"))


def mail_needs(user: User) -> Iterator[Waiting]:
    """Say to the owner that reminders cannot be mailed yet."""
    if user.is_owner and not can_mail():
        yield Waiting(7, _mail_need)


def _mail_need() -> Need:
    text = _("No mail server is set. Everything Keylodge has to say is kept under Messages.")
    routes = [("settings_mail",), ("settings",), ("messages",)]
    return Need("info", _("Reminders cannot reach you yet"), text, routes, _("Set up mail"))
