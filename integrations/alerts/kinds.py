"""What people are told of: how bad each is, and how a page names it. A kind is also the name of its mail's template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

INFO, WARNING, URGENT = "info", "warning", "urgent"
ORDER = (INFO, WARNING, URGENT)


@dataclass(frozen=True)
class Kind:
    """One kind of alert. `over` is the template that says that such a trouble is over.

    What `goes_by_routes` is no one person's own business, so a route may ask for it.
    """

    words: StrOrPromise
    severity: str = WARNING
    over: str = "recovered"
    goes_by_routes: bool = True


KINDS: dict[str, Kind] = {
    "needs_reconnecting": Kind(gettext_lazy("A connection needs reconnecting"), URGENT),
    "failing": Kind(gettext_lazy("Many calls fail"), URGENT),
    "absence": Kind(gettext_lazy("No calls where there usually are some"), WARNING, over="absence_over"),
    "burst": Kind(gettext_lazy("Far more calls than usual"), URGENT, over="burst_over"),
    "oauth_app_broken": Kind(gettext_lazy("An OAuth app is refused"), URGENT),
    "oauth_app_works": Kind(gettext_lazy("An OAuth app works again"), INFO),
    "upstream_down": Kind(gettext_lazy("A provider does not answer"), URGENT),
    "upstream_back": Kind(gettext_lazy("A provider answers again"), INFO),
    "webhook_silent": Kind(gettext_lazy("Webhooks stay away")),
    "webhook_heard": Kind(gettext_lazy("Webhooks come again"), INFO),
    "webhook_refused": Kind(gettext_lazy("Webhooks are refused"), URGENT),
    "webhook_accepted": Kind(gettext_lazy("Webhooks are accepted again"), INFO),
    "webhook_stuck": Kind(gettext_lazy("Webhooks do not get through"), URGENT),
    "webhook_flows": Kind(gettext_lazy("Webhooks get through again"), INFO),
    "rotation_stopped": Kind(gettext_lazy("A rotation stopped")),
    "rotation_fell_back": Kind(gettext_lazy("Calls fell back to the old key")),
    "error_new": Kind(gettext_lazy("An error of a new kind")),
    "error_back": Kind(gettext_lazy("An error that was resolved came back")),
    "budget_near": Kind(gettext_lazy("A money budget is nearly used up")),
    "budget_reached": Kind(gettext_lazy("A money budget is used up"), URGENT),
    "grant_ends": Kind(gettext_lazy("A consent ends and nothing renews it")),
    "link_done": Kind(gettext_lazy("A client has finished a link"), INFO),
    "recovered": Kind(gettext_lazy("A trouble is over"), INFO),
    "absence_over": Kind(gettext_lazy("Calls come again"), INFO),
    "burst_over": Kind(gettext_lazy("As many calls as usual again"), INFO),
    "still": Kind(gettext_lazy("What is still open, once a day")),
    "summary": Kind(gettext_lazy("What came while you were not to be disturbed")),
    "route_failing": Kind(gettext_lazy("Alerts do not arrive"), URGENT, goes_by_routes=False),
    "route_works": Kind(gettext_lazy("Alerts arrive again"), INFO, goes_by_routes=False),
}
UNKNOWN = Kind(gettext_lazy("Something else"), WARNING)
NOT_CHOSEN = frozenset({"recovered", "upstream_back", "absence_over", "burst_over", "still", "summary"})
"""What follows from the troubles a route hears of, so nobody chooses it."""


NOISY = frozenset({"error_new", "error_back"})
"""Kinds that are many: nobody gets them without having asked."""


def kind_of(key: str) -> Kind:
    """Return what is known of a kind; one that nobody entered counts as a warning."""
    return KINDS.get(key, UNKNOWN)


def is_at_least(severity: str, least: str) -> bool:
    """Tell whether one severity is as bad as another, or worse."""
    return ORDER.index(severity) >= ORDER.index(least)


def chosen_kinds() -> list[tuple[str, StrOrPromise]]:
    """Return the kinds that a route may ask for, with their words."""
    return [(key, kind.words) for key, kind in KINDS.items() if kind.goes_by_routes and key not in NOT_CHOSEN]


def usual_kinds() -> list[str]:
    """Return the kinds that a new route hears of unless told otherwise."""
    return [key for key, _words in chosen_kinds() if key not in NOISY]
