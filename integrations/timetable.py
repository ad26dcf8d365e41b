"""What runs in the background, and how often. Each line is one sweep; the work is elsewhere."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext_lazy

from integrations import clock, handover, ledger, mail, reminders, sandbox_control, watch
from integrations.alerts import daily, episodes, errors, outages, summing
from integrations.alerts.rhythm import absence, burst
from integrations.alerts.routes import sending
from integrations.call_log import refused, retention, settling
from integrations.call_log.keeping import Kept
from integrations.connections import probe_due
from integrations.gateway.held import retention as held_retention
from integrations.gateway.held import running
from integrations.gateway.stale import keeping
from integrations.links import nudging
from integrations.oauth import ends
from integrations.oauth.due import refresh_due
from integrations.oauth.flow import forget_old
from integrations.offboarding import carry_on, revoke_due
from integrations.rotating import schedule
from integrations.sweeps import sweep
from integrations.usage import budgets, told
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


@sweep("stored_answers", every_s=300, words=gettext_lazy("Forgets the good answers that were kept for a day"))
def forget_answers(now: datetime) -> int:
    """Delete what is over."""
    return keeping.forget(now)


@sweep("outages", every_s=15, words=gettext_lazy("Tells of providers that do not answer, and of those that do again"))
def tell_of_outages(now: datetime) -> int:
    """Tell what is due."""
    return outages.look(now)


@sweep("watch", every_s=60, words=gettext_lazy("Looks for connections whose calls fail, and for those that work again"))
def watch_calls(now: datetime) -> int:
    """Tell of new and ended troubles."""
    return watch.look(now)


@sweep("troubles", every_s=60, words=gettext_lazy("Follows troubles that come and go, and those that were snoozed"))
def follow_troubles(now: datetime) -> int:
    """Close, wake and sum up what is due."""
    return episodes.settle(now) + summing.sum_up(now)


@sweep("alert_routes", every_s=15, words=gettext_lazy("Sends alerts to chats, webhooks and tables"))
def send_alerts(now: datetime) -> int:
    """Put new errors on their way and send what is due."""
    return errors.look(now) + sending.send_due(now=now)


@sweep("rhythm", every_s=600, words=gettext_lazy("Notices when calls stay away, or are far more than usual"))
def watch_rhythm(now: datetime) -> int:
    """Tell of silences and bursts."""
    return absence.look(now) + burst.look(now)


@sweep("still_open", every_s=600, words=gettext_lazy("Writes once a day what is still open"))
def tell_still(now: datetime) -> int:
    """Write to those whose day has begun."""
    return daily.tell_still(now)


@sweep(
    "snoozes",
    every_s=60,
    words=gettext_lazy("Opens the errors whose snooze has ended, and resolves those of credentials that work again"),
)
def wake_errors(now: datetime) -> int:
    """Open what was snoozed until now, and settle what was mended."""
    return settling.wake_snoozed(now) + refused.resolve_mended(now)


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
    """Make room: calls 90 days, heads and bodies 7 days, payloads of webhooks 30, or as a client has it (`env.py`)."""
    retention.ensure_partitions(now)
    gone = retention.drop_old(Kept.calls(), now=now)
    gone += retention.blank_bodies(Kept.bodies(), now=now)
    gone += vault.forget_renewed()
    ledger.forget_ended(now_s=now.timestamp())
    gone += webhook_retention.forget(now)
    gone += sending.forget_old(now)
    gone += held_retention.forget(now)
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


@sweep("usage", every_s=300, words=gettext_lazy("Asks providers how much of a quota is used, where they tell it"))
def ask_for_usage(now: datetime) -> int:
    """Ask for connections in use."""
    return told.ask_due(now=now)


@sweep("budgets", every_s=60, words=gettext_lazy("Stops what a budget forbids, and lets go on when it does not"))
def look_at_budgets(now: datetime) -> int:
    """Do what a process that died could not."""
    return budgets.sweep(now)


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


@sweep("held_calls", every_s=30, words=gettext_lazy("Makes the calls that wait"))
def make_held_calls(now: datetime) -> int:
    """See that the thread runs that makes them."""
    return running.see_to(now)


@sweep("webhooks", every_s=30, words=gettext_lazy("Hands on the webhooks that wait"))
def hand_on_webhooks(now: datetime) -> int:
    """See that what is due goes, also where no bell rang."""
    return forwarding.hand_on(now)
