"""What runs in the background, and how often. Each line is one sweep; the work is elsewhere."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.utils.translation import gettext_lazy

from integrations import clock, handover, mail, reminders, sandbox_control, watch
from integrations.call_log import retention, settling
from integrations.connections import probe_due
from integrations.links import nudging
from integrations.oauth import ends
from integrations.oauth.due import refresh_due
from integrations.oauth.flow import forget_old
from integrations.offboarding import carry_on, revoke_due
from integrations.rotating import schedule
from integrations.sweeps import sweep
from integrations.webhooks import forwarding, published
from integrations.webhooks import retention as webhook_retention
from integrations.webhooks import watch as webhook_watch
from secrets_vault import audit, leftovers, vault
from secrets_vault.people import login_limits, sessions


class BookDamaged(Exception):
    """The nightly check found an audit event that does not fit the chain."""


@sweep("clock", every_s=60, words=gettext_lazy("Notices when the clock of this machine is set"))
def watch_clock(now: datetime) -> int:
    """Compare it with one that nobody sets."""
    return clock.look(now)


@sweep("mail", every_s=15, words=gettext_lazy("Sends the mails that wait under Messages"))
def send_mail(now: datetime) -> int:
    """Send what is due."""
    return mail.send_due(now=now)


@sweep("watch", every_s=60, words=gettext_lazy("Looks for connections whose calls fail, and for those that work again"))
def watch_calls(now: datetime) -> int:
    """Tell of new and ended troubles."""
    return watch.look(now)


@sweep("snoozes", every_s=60, words=gettext_lazy("Opens the errors whose snooze has ended"))
def wake_errors(now: datetime) -> int:
    """Open what was snoozed until now."""
    return settling.wake_snoozed(now)


@sweep("rotation", every_s=600, words=gettext_lazy("Writes the Monday digest and what became overdue"))
def remind(now: datetime) -> int:
    """Write reminders."""
    return reminders.remind(now)


@sweep("ends", every_s=3600, words=gettext_lazy("Warns of consents that end and that nothing renews"))
def warn_of_ends(now: datetime) -> int:
    """Write what is due."""
    return ends.warn(now=now)


@sweep("refresh", every_s=20, words=gettext_lazy("Replaces access tokens before they end"))
def refresh_tokens(now: datetime) -> int:
    """Refresh what is due."""
    return refresh_due(now=now)


@sweep("probe", every_s=300, words=gettext_lazy("Tries each credential once a day"))
def try_credentials(now: datetime) -> int:
    """Probe what is due."""
    return probe_due(now=now)


@sweep("consents", every_s=3600, words=gettext_lazy("Forgets consents that ended a day ago"))
def forget_consents(now: datetime) -> int:
    """Delete their rows."""
    return forget_old(now=now)


@sweep("handovers", every_s=60, words=gettext_lazy("Empties the one-time links whose time is over"))
def empty_handovers(now: datetime) -> int:
    """Delete what they held."""
    return handover.expire_due(now=now)


@sweep("reminders_of_links", every_s=600, words=gettext_lazy("Reminds clients of links that are still open"))
def remind_of_links(now: datetime) -> int:
    """Mail what is due, and forget the addresses of links that ended."""
    nudging.forget_ended(now=now)
    return nudging.remind_due(now=now)


@sweep("offboarding", every_s=15, words=gettext_lazy("Ends the access of clients who leave, and destroys their keys"))
def end_clients(now: datetime) -> int:
    """Go on with what people asked for."""
    return revoke_due(now=now) + carry_on(now=now)


@sweep("people", every_s=3600, words=gettext_lazy("Forgets sessions and counters that are over"))
def forget(now: datetime) -> int:
    """Delete what is over."""
    sessions.SessionStore.clear_expired()
    return login_limits.forget_old(now=now)


@sweep("prune", every_s=3600, words=gettext_lazy("Forgets old calls and webhooks, and tokens renewed long ago"))
def prune(now: datetime) -> int:
    """Make room: calls 90 days, heads and bodies 7 days, payloads of webhooks 30 days (`settings.py`)."""
    retention.ensure_partitions(now)
    gone = retention.drop_old(timedelta(days=settings.KEYLODGE_KEEP_CALLS_DAYS), now=now)
    gone += retention.blank_bodies(timedelta(days=settings.KEYLODGE_KEEP_BODIES_DAYS), now=now)
    gone += vault.forget_renewed()
    gone += webhook_retention.forget(now)
    leftovers.wipe()
    return gone


@sweep(
    "webhook_watch",
    every_s=60,
    words=gettext_lazy("Looks for webhooks that stay away, are refused, or do not get through"),
)
def watch_webhooks(now: datetime) -> int:
    """Tell of new and ended troubles."""
    return webhook_watch.look(now)


@sweep("webhook_lists", every_s=120, words=gettext_lazy("Reads again the addresses that vendors send webhooks from"))
def refresh_lists(now: datetime) -> int:
    """Fetch what endpoints narrow by."""
    return published.refresh(now)


@sweep("audit", every_s=86_400, words=gettext_lazy("Verifies the audit trail, every night"))
def verify_book(now: datetime) -> int:
    """Check the whole chain; a break fails the sweep, which Today shows."""
    verification = audit.verify()
    if not verification.ok:
        raise BookDamaged
    return verification.events


@sweep("sandbox", every_s=20, words=gettext_lazy("Starts the sandbox again after a restart, if it was running"))
def keep_sandbox(now: datetime) -> int:
    """Bring it back at its old address, with the grants it gave."""
    return int(sandbox_control.keep_running())


@sweep("rotating", every_s=60, words=gettext_lazy("Rotates keys by the provider's API, where that is switched on"))
def rotate_keys(now: datetime) -> int:
    """Go on with the rotations that drivers do."""
    return schedule.go_on(now=now)


@sweep("webhooks", every_s=30, words=gettext_lazy("Hands on the webhooks that wait"))
def hand_on_webhooks(now: datetime) -> int:
    """See that what is due goes, also where no bell rang."""
    return forwarding.hand_on(now)
