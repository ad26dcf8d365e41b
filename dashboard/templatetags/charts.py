"""Charts as SVG made on the server. Built in: no `{% load %}`. Each says in words what it shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

register = template.Library()


@register.simple_tag
def sparkline(values: Sequence[float], tone: str = "") -> SafeString:
    """Return a line with its area, 100 × 28. It is decoration: the number stands beside it."""
    if len(values) < 2:
        return SafeString("")
    top = max(values) or 1
    step = 100 / (len(values) - 1)
    points = " L".join(f"{i * step:.1f} {26 - 24 * value / top:.1f}" for i, value in enumerate(values))
    return format_html(
        '<svg class="spark {}" viewBox="0 0 100 28" preserveAspectRatio="none" aria-hidden="true">'
        '<path class="area" d="M{} L100 28 L0 28Z"/><path d="M{}"/></svg>',
        tone,
        points,
        points,
    )


@register.simple_tag
def hour_bars(hours: Sequence[tuple[int, int]], of: str = "") -> SafeString:
    """Return one bar per hour from (calls, failed): green, amber when some failed, red from a fifth on."""
    top = max((calls for calls, _ in hours), default=0) or 1
    bars = [_bar(i, calls, failed, top=top) for i, (calls, failed) in enumerate(hours)]
    bad = sum(1 for _, failed in hours if failed)
    total = sum(calls for calls, _ in hours)
    said = (
        _("{hours} hours, {calls} calls, failures in {bad} hours")
        if bad
        else _("{hours} hours, {calls} calls, no failures")
    )
    words = f"{of + ': ' if of else ''}{said.format(hours=len(hours), calls=total, bad=bad)}"
    # One path for each colour: 24 rectangles a client made a third of the page. Nothing here is typed by a person.
    shapes = {kind: "".join(shape for k, shape in bars if k == kind) for kind in dict.fromkeys(k for k, _ in bars)}
    drawn = SafeString("".join(f'<path class="{kind}" d="{shape}"/>' for kind, shape in shapes.items()))
    return format_html('<svg class="bars" viewBox="0 0 128 24" role="img" aria-label="{}">{}</svg>', words, drawn)


def _bar(index: int, calls: int, failed: int, *, top: int) -> tuple[str, str]:
    height = max(1.0, 22 * calls / top) if calls else 1.0
    kind = "z" if not calls else "o" if not failed else "e" if failed >= calls / 5 else "w"
    return kind, f"M{index * 5.33:.4g} {24 - height:.3g}h4V24h-4z"


@register.simple_tag
def gauge(used_percent: float | None, label: str, mark_percent: int | None = None) -> SafeString:
    """Return a bar of how much of a limit is used, with a mark at the slow-down line."""
    used = min(100.0, max(0.0, used_percent or 0.0))
    tone = "bad" if used >= 90 else "warn" if used >= (mark_percent or 80) else ""
    mark = SafeString("")
    if mark_percent is not None:
        mark = format_html('<line class="mark" x1="{}" x2="{}" y1="0" y2="8"/>', mark_percent, mark_percent)
    return format_html(
        '<svg class="track" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<rect class="bg" width="100" height="8"/><rect class="v {}" width="{}" height="8"/>{}</svg>',
        _("{label}: {n} percent used").format(label=label, n=round(used)),
        tone,
        f"{used:.1f}",
        mark,
    )


@register.simple_tag
def histogram(columns: Sequence[Mapping[str, int]], label: str, tones: str = "bad warn info ok") -> SafeString:
    """Return stacked columns; each column maps a tone (bad, warn, info, ok) to a count, stacked in `tones` order."""
    top = max((sum(column.values()) for column in columns), default=0) or 1
    step = 784 / max(1, len(columns))
    bars: list[tuple[str, str, str, str, str]] = []
    for index, column in enumerate(columns):
        y = 78.0
        for tone in tones.split():
            height = 76 * column.get(tone, 0) / top
            if height:
                y -= height
                bars.append(
                    (tone, f"{index * step + step * 0.12:.1f}", f"{y:.1f}", f"{step * 0.76:.1f}", f"{height:.1f}")
                )
    drawn = format_html_join("", '<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>', bars)
    return format_html(
        '<svg class="hist" viewBox="0 0 784 80" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<line x1="0" x2="784" y1="78" y2="78"/>{}</svg>',
        label,
        drawn,
    )


@register.simple_tag
def rotation_strip(due: Iterable[tuple[date, str]], today: date | None = None, days: int = 30) -> SafeString:
    """Return a strip of days with a mark per due date: (date, title). What is overdue stands at today as a diamond."""
    first = today or timezone.localdate()
    marks, counts, stacked = [], {"overdue": 0, "soon": 0, "later": 0}, dict[int, int]()
    for due_on, title in due:
        offset = (due_on - first).days
        if offset > days:
            continue
        counts["overdue" if offset < 0 else "soon" if offset <= 8 else "later"] += 1
        place = max(0, offset)
        level = stacked.get(place, 0)
        stacked[place] = level + 1
        if level < 4:
            marks.append(_mark(place, level, title, overdue=offset < 0, soon=offset <= 8, days=days))
    words = _("{overdue} overdue · {soon} due in 8 days · {later} later").format(**counts)
    ticks = [(date_format(first + timedelta(days=days * i // 4), _("j M")) if i else _("today"),) for i in range(5)]
    return format_html(
        '<svg class="rot" viewBox="0 0 640 78" role="img" aria-label="{}">{}'
        '<line x1="10" x2="630" y1="72" y2="72"/>{}</svg><div class="axis" aria-hidden="true">{}</div>'
        '<p class="muted sm">{}</p>',
        _("Rotations in the next {n} days: {words}").format(n=days, words=words),
        _weekends(first, days=days),
        SafeString("".join(marks)),
        format_html_join("", "<span>{}</span>", ticks),
        words,
    )


def _weekends(first: date, *, days: int) -> SafeString:
    step = 620 / days
    shown = [i for i in range(days) if (first + timedelta(days=i)).weekday() == 5]
    return format_html_join(
        "",
        '<rect class="wk" x="{}" y="14" width="{}" height="58"/>',
        ((f"{10 + i * step:.0f}", f"{min(2, days - i) * step:.0f}") for i in shown),
    )


def _mark(place: int, level: int, title: str, *, overdue: bool, soon: bool, days: int) -> SafeString:
    x, y = 20 + place * 600 / days, 58 - level * 15
    if overdue:
        return format_html(
            '<g><title>{}</title><rect class="d bad" x="{}" y="{}" width="12" height="12"'
            ' transform="rotate(45 {} {})"/></g>',
            _("{title} (overdue)").format(title=title),
            f"{x - 6:.0f}",
            y - 6,
            f"{x:.0f}",
            y,
        )
    return format_html(
        '<g><title>{}</title><circle class="d {}" cx="{}" cy="{}" r="6"/></g>',
        title,
        "warn" if soon else "",
        f"{x:.0f}",
        y,
    )
