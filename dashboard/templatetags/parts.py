"""Small parts of pages as template tags: icons, badges, logos, times. They are built in: no `{% load %}`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from django import template
from django.forms.utils import flatatt
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard import words
from dashboard.audit_words import detail_words, who_words, words_of
from dashboard.counting import counted_words
from dashboard.light import LightConnection
from dashboard.words import STATUS_TONES, TONE_ICONS, ago_words, last_provider_word, short_environment
from integrations.causes.saying import in_words

register = template.Library()
register.filter("in_words", in_words)

MOST_TILES = 8
MASKED = re.compile(r"(\*{4}[\w-]{0,4}|\[(?:masked|withheld)[^\]\n]{0,60}\])")

# Drawings in static/logos.svg that can be read at 16 pixels. Every other provider gets a monogram.
LOGOS = frozenset(
    {"hubspot", "stripe", "make", "airtable", "notion", "shopify", "google_sheets", "github", "mailchimp", "anthropic"}
)


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """Return an icon of the sprite; with a label it is announced, without it is decoration."""
    if not label:
        return _decoration(name)
    said = format_html(' role="img" aria-label="{}"', label)
    return format_html('<svg class="i"{}><use href="{}#{}"/></svg>', said, static("icons.svg"), name)


@lru_cache(maxsize=500)
def _decoration(name: str) -> SafeString:
    """Pages draw a hundred icons, and few different ones."""
    return format_html('<svg class="i" aria-hidden="true"><use href="{}#{}"/></svg>', static("icons.svg"), name)


@register.simple_tag
def badge(tone: str, word: str, icon_name: str = "") -> SafeString:
    """Return a badge: `tone` is ok, warn, bad, info or "" and never stands without its word and icon."""
    name = icon_name or TONE_ICONS.get(tone, "")
    return format_html('<span class="badge {}">{}{}</span>', tone, icon(name) if name else "", word)


@register.simple_tag
def status_badge(connection: object) -> SafeString:
    """Return the badge of a connection's status."""
    status = getattr(connection, "status", "")
    return badge(STATUS_TONES.get(status, ""), getattr(connection, "get_status_display", lambda: status)())


@register.simple_tag
def env_badge(environment: object) -> SafeString:
    """Return an environment's short name; production is red everywhere."""
    slug = str(getattr(environment, "slug", environment) or "")
    kind = " prod" if getattr(environment, "is_production", slug == "production") else ""
    if not slug:
        return SafeString("")
    return format_html('<span class="env{}" title="{}">{}</span>', kind, slug, short_environment(slug))


@register.simple_tag
def provider_logo(key: str, name: str = "", tone: str = "") -> SafeString:
    """Return a provider's tile: its drawing where we may show one, else a monogram. Say its name beside it."""
    return _logo(key, str(name), tone)


@lru_cache(maxsize=2000)
def _logo(key: str, name: str, tone: str) -> SafeString:
    """Lists draw hundreds of tiles, and few different ones."""
    if key in LOGOS:
        return format_html(
            '<span class="logo {}"><svg aria-hidden="true"><use href="{}#{}"/></svg></span>',
            tone,
            static("logos.svg"),
            key,
        )
    return format_html(
        '<span class="logo {}"><svg aria-hidden="true" viewBox="0 0 28 28">'
        '<text x="14" y="18.5" text-anchor="middle">{}</text></svg></span>',
        tone,
        monogram(name or last_provider_word(key)),
    )


def monogram(name: str) -> str:
    """Return two letters for a name: the first of two words or inner capitals, else its first two."""
    words = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name) or ["?"]
    if len(words) > 1:
        return (words[0][0] + words[1][0]).upper()
    return words[0][:2].capitalize()


@register.simple_tag
def connection_tiles(connections: Sequence[LightConnection]) -> SafeString:
    """Return the logos of connections (named by `name_providers`) with their state, linked: the first few of them.

    Pages of clients draw hundreds. A part of a template, included for each client, took a sixth of Today's time.
    """
    tiles = format_html_join(
        "\n",
        '<a href="{}">{}<span class="vh">{}, {}: {}</span></a>',
        (
            (
                reverse("dashboard:connection", args=[connection.slug]),
                provider_logo(connection.provider_key, connection.provider_name, tone(connection.status)),
                connection.provider_name,
                connection.environment.slug,
                connection.get_status_display(),
            )
            for connection in connections[:MOST_TILES]
        ),
    )
    more = len(connections) - MOST_TILES
    said = _("none yet") if not connections else _("and {n} more").format(n=more) if more > 0 else ""
    rest = format_html('<span class="muted sm">{}</span>', said) if said else ""
    return format_html('<span class="conns">{}{}</span>', tiles, rest)


@register.simple_tag
def local_time(at: datetime | None, style: str = "full", empty: str = "") -> SafeString:
    """Return a moment in the viewer's zone, with UTC as its title. `style`: full, short, time, minute or day."""
    if at is None:
        return SafeString(empty or _("never"))
    formats = {"full": _("j M Y, H:i"), "short": _("j M, H:i"), "time": "H:i:s", "minute": "H:i", "day": _("j M Y")}
    return _time(at, date_format(timezone.localtime(at), formats[style]))


@register.simple_tag
def ago(at: datetime | None, empty: str = "") -> SafeString:
    """Return how long ago, or in how long, a moment is: "4 min ago", "in 3 h"."""
    if at is None:
        return SafeString(empty or _("never"))
    return _time(at, ago_words(at, now=timezone.now()), kind=" data-ago")


def _time(at: datetime, said: str, *, kind: str = "") -> SafeString:
    utc = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return format_html('<time datetime="{}" title="{}"{}>{}</time>', utc, utc, SafeString(kind), said)


@register.simple_tag
def age_ring(made_on: date | None, limit_days: int = 90, today: date | None = None) -> SafeString:
    """Return a ring that fills as a secret ages, with the age in words; an unknown age says so."""
    if made_on is None:
        return format_html('<span class="age">{} {}</span>', icon("circle-help"), _("age not known"))
    days = ((today or timezone.localdate()) - made_on).days
    share = min(1.0, max(0.0, days / max(1, limit_days)))
    tone = "bad" if days >= limit_days else "warn" if share >= 0.85 else "ok"
    return format_html(
        '<span class="age"><svg class="ring {}" viewBox="0 0 20 20" aria-hidden="true"><circle cx="10" cy="10" r="8"/>'
        '<circle class="v" cx="10" cy="10" r="8" stroke-dasharray="{} 100"/></svg>{}</span>',
        tone,
        f"{share * 50.27:.1f}",
        ngettext("{n} day old", "{n} days old", days).format(n=days),
    )


@register.simple_tag
def select_options(groups: Iterable[tuple[str | None, Iterable[Mapping[str, Any]], int]]) -> SafeString:
    """Return the options of a select, of the groups that its widget gives.

    A filter by client has hundreds: nodes of a template for each of them took a tenth of a page's time.
    """
    return SafeString("".join(_group(name, options) for name, options, _ in groups))


def _group(name: str | None, options: Iterable[Mapping[str, Any]]) -> SafeString:
    drawn = SafeString(
        "".join(
            format_html(
                '<option value="{}"{}>{}</option>\n',
                option["value"],
                flatatt(option["attrs"]) if option["attrs"] else "",
                option["label"],
            )
            for option in options
        )
    )
    return format_html('<optgroup label="{}">{}</optgroup>', name, drawn) if name else drawn


@register.filter
def duration(seconds: float | None) -> str:
    """Return seconds in words a person reads at a glance: "22 s", "3 h 12 min"."""
    if seconds is None:
        return ""
    whole = int(timedelta(seconds=seconds).total_seconds())
    if whole < 60:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    if hours >= 48:
        return ngettext("{n} day", "{n} days", hours // 24).format(n=hours // 24)
    said = _("{h} h {m} min") if hours else _("{m} min")
    return said.format(h=hours, m=f"{minutes:02}" if hours else minutes)


@register.filter
def tone(status: str) -> str:
    """Return the tone of a connection's status: ok, warn, bad or info."""
    return STATUS_TONES.get(status, "")


@register.filter
def status_tone(status: int | None) -> str:
    """Return the tone of an HTTP status: 5xx and no answer bad, 4xx warn, else info."""
    if not status or status >= 500:
        return "bad"
    return "warn" if status >= 400 else "info"


@register.filter
def thousands(number: int | None) -> str:
    """Return a whole number with its thousands set apart."""
    return "" if number is None else words.thousands(number)


@register.filter
def counted(count: int) -> str:
    """Return a count that went no further than a thousand: "17", or "more than 1,000"."""
    return counted_words(count)


@register.filter
def is_web_address(text: str | None) -> bool:
    """Tell whether a text is an address that a browser may be sent to: whole, of the web, and with nothing masked."""
    return bool(text) and str(text).startswith(("https://", "http://")) and "****" not in str(text)


@register.filter
def marked(text: str | None) -> SafeString:
    """Return text of the call log with what the masker hid set apart."""
    title = escape(_("masked when it was written; not stored"))
    return SafeString(MASKED.sub(rf'<span class="mask" title="{title}">\1</span>', escape(text or "")))


@register.simple_tag
def act_words(event: object) -> SafeString:
    """Return what an event of the book says, in plain words; its own name is in the title."""
    action = str(getattr(event, "action", ""))
    return format_html('<span title="{}">{}</span>', action, words_of(action))


@register.simple_tag
def actor_words(event: object) -> str:
    """Return who did what an event of the book tells."""
    return who_words(str(getattr(event, "actor_kind", "")), str(getattr(event, "actor_label", "")))


@register.filter
def detail(value: object) -> str:
    """Return a detail of an event in words: "100 → 30", "GET, HEAD", "none"."""
    return detail_words(value)
