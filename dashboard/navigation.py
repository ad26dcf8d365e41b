"""The rail: one line per page. A page appears as soon as its URL exists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy

from dashboard.counting import count_short, count_to_most
from integrations.models import ErrorGroup, HeldCall, Message
from integrations.models.held import OPEN_STATES as HELD_STATES
from integrations.states import is_one_of

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django_stubs_ext import StrOrPromise

    from secrets_vault.models import User

OPEN_STATES = (ErrorGroup.State.OPEN, ErrorGroup.State.CAME_BACK)


def open_errors(user: User) -> int:
    """Count the error groups that nobody has settled."""
    return int(ErrorGroup.objects.visible_to(user).filter(state__in=OPEN_STATES).count())


def open_waiting(user: User) -> int:
    """Count the calls that wait, for their time or for a person, no further than the rail shows."""
    return count_to_most(HeldCall.objects.visible_to(user).filter(is_one_of(HELD_STATES)))


def unread_messages(user: User) -> int:
    """Count the messages this person has not opened."""
    return int(Message.objects.filter(user=user, read_at__isnull=True).count())


@dataclass(frozen=True)
class Place:
    """A page in the rail. `letter` goes there after `g`; `counted` gives the number beside it.

    `also` names the addresses outside its own that belong to it.
    """

    label: StrOrPromise
    icon: str
    url_name: str
    letter: str
    counted: Callable[[User], int] | None = None
    is_on_phone: bool = False
    also: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """Return the address, or nothing while the page does not exist."""
        try:
            return reverse(self.url_name)
        except NoReverseMatch:
            return ""


PLACES = (
    Place(gettext_lazy("Today"), "layout-dashboard", "dashboard:today", "t", is_on_phone=True),
    Place(gettext_lazy("Clients"), "users", "dashboard:clients", "c", is_on_phone=True),
    Place(
        gettext_lazy("Connections"),
        "plug",
        "dashboard:connections",
        "n",
        also=("/oauth-apps/", "/providers/", "/links/", "/jwt/"),
    ),
    Place(gettext_lazy("Vault"), "key-round", "dashboard:vault", "v"),
    Place(
        gettext_lazy("Errors"),
        "triangle-alert",
        "dashboard:errors",
        "e",
        open_errors,
        is_on_phone=True,
        also=("/calls/",),
    ),
    Place(gettext_lazy("Waiting calls"), "hourglass", "dashboard:waiting", "q", open_waiting),
    Place(gettext_lazy("Webhooks"), "webhook", "dashboard:webhooks", "w"),
    Place(gettext_lazy("Limits"), "gauge", "dashboard:limits", "l", also=("/usage/",)),
    Place(gettext_lazy("Rotations"), "calendar-clock", "dashboard:rotations", "r", is_on_phone=True),
    Place(gettext_lazy("Audit trail"), "list-checks", "dashboard:audit", "a"),
    Place(gettext_lazy("Sandbox"), "flask-conical", "dashboard:sandbox", "b"),
    Place(gettext_lazy("Settings"), "settings", "dashboard:settings", "s"),
)


@dataclass(frozen=True)
class ShownPlace:
    """A place as the rail shows it to one person."""

    place: Place
    url: str
    count: int
    is_current: bool

    @property
    def told(self) -> str:
        """Return the count as the rail says it: 17, or "1,000+" of more than a thousand."""
        return count_short(self.count)


def _is_below(path: str, url: str, place: Place) -> bool:
    return url != "/" and path.startswith((url, *place.also))


class Frame:
    """What the frame around a page shows. Each part is read when a template asks, at most once a request."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def places(self) -> list[ShownPlace]:
        """Return the pages that exist, with their counts."""
        path = self._request.path
        existing = [(place, place.url) for place in PLACES if place.url]
        matching = [url for place, url in existing if path == url or _is_below(path, url, place)]
        current = max(matching, key=len, default="")
        return [ShownPlace(place, url, self._count(place), url == current) for place, url in existing]

    def _count(self, place: Place) -> int:
        """Return the number beside a place; a page that has counted already leaves it in `rail_counts`."""
        known: dict[str, int] = getattr(self._request, "rail_counts", {})
        if place.url_name in known or place.counted is None:
            return known.get(place.url_name, 0)
        return place.counted(self._request.user)  # type: ignore[arg-type]

    @cached_property
    def phone_places(self) -> list[ShownPlace]:
        """Return the places of the bottom bar."""
        return [shown for shown in self.places if shown.place.is_on_phone]

    @cached_property
    def unread(self) -> int:
        """Return how many messages wait for this person."""
        return unread_messages(self._request.user)  # type: ignore[arg-type]


def frame(request: HttpRequest) -> dict[str, Frame]:
    """Context processor: give every template the frame; nothing is read until it is used."""
    return {"frame": Frame(request)}
