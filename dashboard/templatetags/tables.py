"""Rows and cards of long lists as template tags, built in like the other parts: a page draws a hundred of each.

Every node of a template costs some microseconds: drawn by nodes, a hundred rows were half of their page's time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from dashboard.templatetags.charts import gauge
from dashboard.templatetags.parts import ago, badge, duration, env_badge, local_time
from dashboard.words import thousands

if TYPE_CHECKING:
    from dashboard.quotas import Quota

register = template.Library()
NOTHING = SafeString("")


@register.simple_tag
def rotation_row(row: Mapping[str, Any]) -> SafeString:
    """Return one line of the rotation board: what `dashboard.pages.rotations` gives of a secret."""
    stored, due = row["stored"], row["due"]
    return format_html(
        """<tr data-row>
                    <td>{}</td>
                    <td><a class="rowlink" href="{}">{}</a></td>
                    <td data-l="{}">{}</td>
                    <td data-l="{}">{}{}</td>
                    <td data-l="{}">{}</td>
                    <td data-l="{}"><time datetime="{}" title="{}">{}</time></td>
                    <td data-l="{}" class="muted">{}</td>
                    <td data-l="{}">{}</td>
                    <td class="n">{}</td>
                  </tr>""",
        _choice(stored) if row["can_manage"] else NOTHING,
        reverse("dashboard:secret", args=[stored.pk]),
        stored.label,
        _("Client"),
        _place(stored),
        _("State"),
        badge(row["tone"], row["word"]),
        _snoozed(due.snoozed_until, due.snooze_reason) if due.snoozed_until else NOTHING,
        _("Age"),
        due.age_text,
        _("Due"),
        due.on.isoformat(),
        date_format(due.on, "j M Y"),
        row["when"],
        _("Because"),
        row["rule"],
        _("Owner"),
        stored.owner_name or _("nobody"),
        _store_new(stored) if row["can_manage"] else NOTHING,
    )


def _choice(stored: Any) -> SafeString:
    said = _("Choose %(label)s") % {"label": stored.label}
    return format_html('<input type="checkbox" name="chosen" value="{}" aria-label="{}">', stored.pk, said)


def _place(stored: Any) -> SafeString:
    if not stored.client:
        return format_html("{}", _("the agency"))
    return format_html("{} {}", stored.client.name, env_badge(stored.environment))


def _snoozed(until: date, reason: str) -> SafeString:
    said = _("until %(snoozed_until)s") % {"snoozed_until": date_format(until, _("j M"))}
    return format_html(' <span class="muted">{}{}</span>', said, f": {reason}" if reason else "")


def _store_new(stored: Any) -> SafeString:
    return format_html(
        '<a class="btn sm" href="{}">{}<span class="vh"> {}</span></a>',
        reverse("dashboard:secret_replace", args=[stored.pk]),
        _("Store new"),
        _("version of %(label)s") % {"label": stored.label},
    )


@register.simple_tag
def quota_gauge(quota: Quota, slow_down_percent: int) -> SafeString:
    """Return one limit of a connection: how much of it is used, a bar, and who says so."""
    return format_html(
        """<div class="gauge">
                      <div class="t"><b>{}</b><span>{}</span></div>
                      {}
                      <p class="muted sm">{}</p>
                    </div>""",
        quota.words,
        _used(quota),
        NOTHING if quota.used is None else gauge(quota.used_percent, quota.words, slow_down_percent),
        _source(quota),
    )


def _used(quota: Quota) -> str:
    remaining = "" if quota.remaining is None else thousands(quota.remaining)
    if quota.limit and quota.used is None:
        return _("limit %(limit)s") % {"limit": thousands(quota.limit)}
    if quota.limit is None or quota.used is None:
        return _("%(remaining)s left") % {"remaining": remaining}
    said = _("%(used)s of %(limit)s used, %(remaining)s left")
    return said % {"used": thousands(quota.used), "limit": thousands(quota.limit), "remaining": remaining}


def _source(quota: Quota) -> SafeString:
    if quota.is_own_count:
        said = _("Documented limit for %(window_s)s, our own count: calls through Keylodge only.")
        return format_html("{}", said % {"window_s": duration(quota.window_s)})
    told = _("Told by the provider, checked %(at)s;")
    if quota.is_from_usage_endpoint:
        told = _("Read from the provider's usage endpoint, checked %(at)s;")
    return format_html("{} {}.{}", _with(told, at=_checked(quota.read_at)), _end(quota), _ahead(quota))


def _checked(at: datetime | None) -> SafeString:
    """Return when a number was read: today the time alone."""
    is_today = at is not None and timezone.localdate(at) == timezone.localdate()
    return local_time(at, "minute" if is_today else "short")


def _ahead(quota: Quota) -> SafeString:
    """Say what the pace of the window so far leads to, where that can be known."""
    ahead = quota.forecast
    if ahead is None:
        return NOTHING
    if not ahead.is_used_up:
        return format_html(" {}", _("At this pace it lasts until it resets."))
    is_today = timezone.localdate(ahead.at) == timezone.localdate()
    at = local_time(ahead.at, "minute" if is_today else "short")
    return format_html(" <strong>{}</strong>", _with(_("At this pace it is used up at %(at)s."), at=at))


def _end(quota: Quota) -> str:
    if quota.resets_at:
        return _with(_("resets %(when)s"), when=ago(quota.resets_at))
    if quota.remaining == quota.limit:
        return _("its window has ended since")
    if quota.window_s:
        return _("window of %(window_s)s") % {"window_s": duration(quota.window_s)}
    return _("it did not say when it resets")


def _with(said: str, **markup: SafeString) -> SafeString:
    """Put markup into a translated sentence, which is escaped itself."""
    return SafeString(conditional_escape(said) % markup)
