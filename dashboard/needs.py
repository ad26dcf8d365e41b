"""What needs a person, worst first: broken now, overdue, nearly at a limit, failing, due soon, waiting for somebody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Q
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from dashboard.alert_needs import alert_needs
from dashboard.error_needs import error_needs
from dashboard.light import COLUMNS, LightConnection, light_connection, light_connections
from dashboard.names import name_providers
from dashboard.need import Need, Route, Waiting
from dashboard.outage_needs import outage_needs
from dashboard.owner_needs import background_needs, mail_needs
from dashboard.sunset_needs import sunset_needs
from dashboard.waiting_needs import waiting_needs
from dashboard.webhook_needs import webhook_needs
from dashboard.words import ago_words, thousands
from integrations.models import ClientLink, Connection
from integrations.oauth.deaths import is_dying

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    from dashboard.tightest import Tight
    from secrets_vault.models import User
    from secrets_vault.rotation import BoardRow

Status = Connection.Status
NEARLY_PERCENT = 90
MOST = 200
LINKED = [f"connection__{column}" for column in COLUMNS]
ASKED = [f"items__{column}" for column in LINKED]


def needs_of(
    user: User,
    client_ids: Sequence[UUID],
    *,
    now: datetime,
    board: Sequence[BoardRow],
    tight: Sequence[Tight],
    lanes: Sequence[dict[str, Any]] = (),
) -> list[Waiting]:
    """Return everything that needs this person, worst first, still to be put into words.

    `client_ids` are the clients that the person sees; `board`, `tight` and `lanes` are read already by the page.
    """
    needs = [
        *background_needs(user, now=now),
        *connection_needs(user, now=now),
        *outage_needs(user, now=now),
        *webhook_needs(user, now=now),
        *alert_needs(user, now=now),
        *waiting_needs(lanes, now=now),
        *rotation_needs(board),
        *sunset_needs(user, now=now),
        *limit_needs(tight, now=now),
        *error_needs(client_ids, broken=tuple(CONNECTION_WORDS), now=now),
        *link_needs(user, now=now),
        *mail_needs(user),
    ]
    return sorted(needs, key=lambda waiting: waiting.harm)


def connection_needs(user: User, *, now: datetime) -> Iterator[Waiting]:
    """Yield the connections that do not work, never worked, may be another account's, or whose consent ends soon."""
    pressing = Q(status__in=CONNECTION_WORDS) | Q(account_unconfirmed=True) | is_dying(now)
    rows = Connection.objects.visible_to(user).filter(pressing, client__archived_at=None)
    for connection in name_providers(light_connections(rows.order_by("status_since")[:MOST])):
        yield Waiting(_words_for(connection)[0], partial(_connection_need, connection, now=now))


def _words_for(connection: LightConnection) -> tuple[int, str, StrOrPromise, StrOrPromise, StrOrPromise]:
    """Return what is said of a connection: how it is, else whose it is, else that it ends."""
    otherwise = UNCONFIRMED_WORDS if connection.account_unconfirmed else DYING_WORDS
    return CONNECTION_WORDS.get(connection.status, otherwise)


def _connection_need(connection: LightConnection, *, now: datetime) -> Need:
    words = _words_for(connection)
    _harm, tone, title, text, action = words
    at = connection.refresh_expires_at if words is DYING_WORDS else connection.status_since
    return _need_of(
        connection, tone, str(title).format(connection.provider_name), str(text), connection_routes(connection),
        str(action), ago_words(at, now=now) if at else "",
    )  # fmt: skip


CONNECTION_WORDS = {
    Status.NEEDS_RECONNECTING.value: (
        1,
        "bad",
        gettext_lazy("{} needs reconnecting"),
        gettext_lazy("Calls are refused until somebody connects it again."),
        gettext_lazy("Reconnect"),
    ),
    Status.FAILING.value: (
        1,
        "bad",
        gettext_lazy("Calls to {} fail"),
        gettext_lazy("The last calls did not get through."),
        gettext_lazy("See why"),
    ),
    Status.NOT_CONNECTED.value: (
        6,
        "info",
        gettext_lazy("{} is not connected yet"),
        gettext_lazy("It waits for a credential or for the client’s consent."),
        gettext_lazy("Connect"),
    ),
    Status.UNTESTED.value: (
        6,
        "info",
        gettext_lazy("{} is not tested yet"),
        gettext_lazy("A credential is stored; nobody knows whether it works."),
        gettext_lazy("Test it"),
    ),
}
UNCONFIRMED_WORDS = (
    4,
    "warn",
    gettext_lazy("The account of {} is not confirmed"),
    gettext_lazy("A certain account was expected, and the provider does not say whose this is."),
    gettext_lazy("Look"),
)
DYING_WORDS = (
    5,
    "warn",
    gettext_lazy("Consent for {} ends soon"),
    gettext_lazy("After that the client has to agree again."),
    gettext_lazy("Renew"),
)


def rotation_needs(board: Iterable[BoardRow]) -> Iterator[Waiting]:
    """Yield the secrets that are overdue, of unknown age, or due within a week; snoozed ones rest."""
    pressing = (row for row in board if row.due.days_left <= 7 and not row.due.snoozed_until)
    for row in islice(pressing, MOST):
        is_over = row.due.age_days is not None and row.due.days_left < 0
        yield Waiting(2 if is_over else 5, partial(_rotation_need, row))


def _rotation_need(row: BoardRow) -> Need:
    stored, due = row
    if due.age_days is None:
        tone, title, when = "warn", _("Nobody knows how old {label} is").format(label=stored.label), ""
        text = _("Store a new version, or say when this one was made.")
    elif due.days_left < 0:
        tone, title = "bad", _("{label} is {age} old").format(label=stored.label, age=due.age_text)
        when = ngettext("{n} day over", "{n} days over", -due.days_left).format(n=-due.days_left)
        text = _("It was due on {day}. Put in a new version and withdraw the old one.")
        text = text.format(day=date_format(due.on, _("j M")))
    else:
        tone, title = "warn", _("{label} is due for rotation").format(label=stored.label)
        when = ngettext("in {n} day", "in {n} days", due.days_left).format(n=due.days_left)
        text = _("It is {age} old.").format(age=due.age_text)
    name_providers([stored])
    return _need_of(stored, tone, title, text, secret_routes(stored), _("Rotate"), when)


def secret_routes(stored: Any) -> list[Route]:
    """Return where a secret is rotated: its own page, or its client's list."""
    routes: list[Route] = [("secret", stored.pk)]
    return [*routes, ("client_secrets", stored.client.slug)] if stored.client else routes


def connection_routes(connection: Any) -> list[Route]:
    """Return where a connection is mended: its own page, or its client's list."""
    return [("connection", connection.slug), ("client_connections", connection.client.slug)]


def limit_needs(tight: Iterable[Tight], *, now: datetime) -> Iterator[Waiting]:
    """Yield the limits of which less than a tenth is left."""
    for limit in tight:
        if limit.used_percent < NEARLY_PERCENT:
            continue
        yield Waiting(3, partial(_limit_need, limit, now=now))


def _limit_need(limit: Tight, *, now: datetime) -> Need:
    when = ago_words(limit.reading.resets_at, now=now) if limit.reading.resets_at else ""
    title = _("{bucket} limit at {n} %").format(bucket=limit.bucket_words, n=f"{limit.used_percent:.0f}")
    routes = [("limits",), ("client", limit.connection.client.slug)]
    text = _("{n} of {all} used.").format(n=thousands(limit.used), all=thousands(limit.reading.limit or 0))
    resets = _("resets {when}").format(when=when) if when else ""
    return _need_of(limit.connection, "warn", title, text, routes, _("See limits"), resets)


def link_needs(user: User, *, now: datetime) -> Iterator[Waiting]:
    """Yield the links that a client has opened but not finished, or that failed."""
    rows = ClientLink.objects.visible_to(user).filter(
        Q(opened_at__isnull=False) | Q(failed_at__isnull=False),
        used_at=None, revoked_at=None, expires_at__gt=now, client__archived_at=None,
    )  # fmt: skip
    # A request link has items instead of a connection; of what is still asked for, the first stands for all.
    asked = rows.filter(Q(connection__isnull=False) | Q(items__isnull=False, items__done_at=None))
    seen: set[UUID] = set()
    columns = ("pk", "expires_at", "failed_at", *LINKED, *ASKED)
    for pk, expires_at, failed_at, *found in asked.order_by("-pk", "items__position").values_list(*columns)[:MOST]:
        if pk not in seen:
            seen.add(pk)
            light = light_connection(found[: len(LINKED)] if found[0] else found[len(LINKED) :])
            yield Waiting(6, partial(_link_need, pk, light, expires_at, failed=failed_at is not None, now=now))


def _link_need(pk: UUID, connection: LightConnection, expires_at: datetime, *, failed: bool, now: datetime) -> Need:
    name_providers([connection])
    title = _("A client’s link failed") if failed else _("A client opened a link")
    text = _("The last attempt did not go through.") if failed else _("It is not finished yet.")
    when = _("expires {when}").format(when=ago_words(expires_at, now=now))
    tone = "warn" if failed else "info"
    routes = [("request", pk), *connection_routes(connection)]
    return _need_of(connection, tone, title, text, routes, _("See link"), when)


def _need_of(row: Any, tone: str, title: str, text: str, routes: Sequence[Route], action: str, when: str) -> Need:
    """Return a need about a connection or a secret, which name their client, environment and provider."""
    return Need(
        tone, title, text, routes, action, when,
        client_name=row.client.name if row.client else "",
        environment=row.environment,
        provider_key=row.provider_key,
        provider_name=getattr(row, "provider_name", ""),
    )  # fmt: skip
