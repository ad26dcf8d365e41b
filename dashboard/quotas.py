"""Every quota of every connection: what the provider told last, else the documented limit and our own count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from django.db.models import Case, ExpressionWrapper, F, FloatField, Max, Q, Sum, When
from django.utils import timezone
from django.utils.translation import gettext as _

from dashboard.day import HOURS, Hours, first_hour
from dashboard.documented import providers_of
from dashboard.light import hex_of
from dashboard.words import bucket_words
from integrations.limits import Reading, fitting_limits
from integrations.models import Call, CallHour, GatewayToken, LimitReading
from integrations.models.call import NO_TOKEN
from integrations.usage.forecast import Forecast, forecast
from secrets_vault.ids import id_at

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from integrations.models import Connection
    from integrations.providers.shape import Provider
    from secrets_vault.models import User

TOLD, OWN_COUNT = LimitReading.Source.HEADERS, LimitReading.Source.DOCUMENTED
# Windows up to this are counted call by call; longer ones from the hourly counts.
SHORT_S = 3600


@dataclass(frozen=True)
class Quota:
    """One limit of a connection, as it is known now."""

    connection_id: UUID
    bucket: str
    limit: int | None
    remaining: int | None
    window_s: int | None
    resets_at: datetime | None
    read_at: datetime | None
    source: str

    @property
    def words(self) -> str:
        """Return the bucket as a person reads it."""
        return bucket_words(self.bucket)

    @property
    def used(self) -> int | None:
        """Return how much is used, where both numbers are known."""
        if self.limit is None or self.remaining is None:
            return None
        return max(0, self.limit - self.remaining)

    @property
    def used_percent(self) -> float:
        """Return the share that is used."""
        return 100 * (self.used or 0) / self.limit if self.limit else 0.0

    @property
    def is_from_usage_endpoint(self) -> bool:
        """Tell whether the provider was asked, rather than heard."""
        return self.source == LimitReading.Source.USAGE

    @property
    def forecast(self) -> Forecast | None:
        """Return when it is used up at this pace, None where that cannot be known."""
        return forecast(
            limit=self.limit,
            remaining=self.remaining,
            window_s=self.window_s,
            resets_at=self.resets_at,
            read_at=None if self.is_own_count else self.read_at,
            now=timezone.now(),
        )

    @property
    def is_own_count(self) -> bool:
        """Tell whether only calls through Keylodge are counted."""
        return self.source == OWN_COUNT


@dataclass
class Use:
    """The last 24 hours of one connection: hour by hour, and by token."""

    hours: Hours = field(default_factory=lambda: [(0, 0)] * HOURS)
    tokens: list[tuple[str, int]] = field(default_factory=list)

    @property
    def calls(self) -> int:
        """Return all calls."""
        return sum(calls for calls, _ in self.hours)


class Place(NamedTuple):
    """What decides which limits a connection has. A page looks at 2,000 of them to show two dozen."""

    hex: str
    provider_key: str
    kind: str
    is_production: bool
    slow_down_percent: int

    @property
    def pk(self) -> UUID:
        """Return the connection's id."""
        return UUID(self.hex)


def places_of(connections: QuerySet[Connection]) -> list[Place]:
    """Return connections lightly, without making models."""
    columns = ("hex", "provider_key", "kind", "environment__is_production", "slow_down_percent")
    return [Place._make(row) for row in connections.order_by().annotate(hex=hex_of("pk")).values_list(*columns)]


def told_percents(user: User, *, now: datetime) -> dict[str, float]:
    """Return the used percent of each connection's tightest limit that a provider told, in two queries.

    The keys are the connections' ids as hex digits, as a `Place` has them. The database works it out, but for
    windows whose end follows from their length.
    """
    rows = LimitReading.objects.visible_to(user).order_by()
    follows = Q(resets_at=None, window_s__isnull=False)
    told = rows.exclude(follows).annotate(hex=hex_of("connection_id"))
    found: dict[str, float] = dict(told.values_list("hex").annotate(used=Max(_percent(now))))
    for quota in _quotas(rows.filter(follows), now=now):
        pk = quota.connection_id.hex
        found[pk] = max(found.get(pk, 0.0), quota.used_percent)
    return found


def _percent(now: datetime) -> Case:
    used = ExpressionWrapper(100.0 - F("remaining") * 100.0 / F("limit"), output_field=FloatField())
    is_known = Q(limit__gt=0, remaining__isnull=False, remaining__lt=F("limit"))
    return Case(When(is_known & (Q(resets_at=None) | Q(resets_at__gt=now)), then=used), default=0.0)


def told_quotas(connection_ids: Iterable[UUID], *, now: datetime) -> list[Quota]:
    """Return what providers told last of connections already found visible."""
    return _quotas(LimitReading.objects.filter(connection_id__in=list(connection_ids)).order_by(), now=now)


def _quotas(rows: QuerySet[Any], *, now: datetime) -> list[Quota]:
    fields = ("connection_id", "bucket", "limit", "remaining", "window_s", "resets_at", "read_at", "source")
    return [_as_of(Quota(*row), now=now) for row in rows.values_list(*fields)]


def _as_of(quota: Quota, *, now: datetime) -> Quota:
    """Return a quota as it is now: a window that has ended since is empty again."""
    ends_at = quota.resets_at
    if ends_at is None and quota.window_s and quota.read_at:
        ends_at = quota.read_at + timedelta(seconds=quota.window_s)
    if ends_at is None or ends_at > now or quota.limit is None:
        return quota
    return Quota(quota.connection_id, quota.bucket, quota.limit, quota.limit, quota.window_s, None, quota.read_at,
                 quota.source)  # fmt: skip


def documented_quotas(places: Iterable[Place], *, now: datetime) -> list[Quota]:
    """Return the documented limits of connections whose provider does not tell them, with our own count."""
    found = list(places)
    providers = providers_of(place.provider_key for place in found)  # 2,000 connections have a handful

    @cache
    def limits_of(provider_key: str, kind: str, is_production: bool) -> list[Reading]:
        return _documented(providers.get(provider_key), kind, is_production=is_production)

    wanted: list[tuple[UUID, Any]] = [(place.pk, limit) for place in found for limit in limits_of(*place[1:4])]
    counts = _own_counts({(pk, limit.window_s) for pk, limit in wanted}, now=now)
    return [
        Quota(pk, limit.bucket, limit.limit, max(0, limit.limit - counts.get((pk, limit.window_s), 0)),
              limit.window_s, None, now, OWN_COUNT)
        for pk, limit in wanted
    ]  # fmt: skip


def _documented(provider: Provider | None, kind: str, *, is_production: bool) -> list[Reading]:
    """Return the limits of a provider's facts that our own count can stand beside: those of all its calls."""
    if provider is None:
        return []
    plain: dict[str, Reading] = {}
    for limit in fitting_limits(provider, kind=kind, environment="live" if is_production else "test"):
        if limit.bucket not in plain and limit.unit == "calls" and not limit.paths and not limit.methods:
            plain[limit.bucket] = Reading(limit.bucket, limit.limit, None, limit.window_s, None, "documented")
    return list(plain.values())


def _own_counts(wanted: set[tuple[UUID, int]], *, now: datetime) -> dict[tuple[UUID, int], int]:
    """Return the calls of each connection in its window, in two queries however many there are."""
    found: dict[tuple[UUID, int], int] = {}
    ids = {pk for pk, _ in wanted}
    short = sorted({window for _, window in wanted if window <= SHORT_S})
    long = sorted({window for _, window in wanted if window > SHORT_S})
    if short:
        sums = {f"w{w}": Sum("attempts", filter=Q(pk__gte=id_at(now - timedelta(seconds=w)))) for w in short}
        calls = Call.objects.filter(pk__gte=id_at(now - timedelta(seconds=short[-1]))).order_by()
        _collect(found, calls, sums, ids)
    if long:
        made = F("calls") + F("repeated")
        sums = {f"w{w}": Sum(made, filter=Q(hour__gt=now - timedelta(seconds=w))) for w in long}
        hours = CallHour.objects.filter(hour__gt=now - timedelta(seconds=long[-1])).order_by()
        _collect(found, hours, sums, ids)
    return found


def _collect(found: dict[tuple[UUID, int], int], rows: Any, sums: Mapping[str, Sum], ids: set[UUID]) -> None:
    for row in rows.values("connection_id").annotate(**sums):
        if row["connection_id"] in ids:
            found.update({(row["connection_id"], int(name[1:])): row[name] or 0 for name in sums})


def use_of(connection_ids: Iterable[UUID], user: User, *, now: datetime) -> dict[UUID, Use]:
    """Return the last 24 hours of some connections, in two queries."""
    since, ids = first_hour(now), list(connection_ids)
    found = {pk: Use() for pk in ids}
    by_token: defaultdict[UUID, defaultdict[UUID, int]] = defaultdict(lambda: defaultdict(int))
    rows = CallHour.objects.filter(connection_id__in=ids, hour__gte=since, hour__lte=now)
    for pk, token_id, hour, calls, failed in rows.values_list("connection_id", "token_id", "hour", "calls", "failed"):
        place = min(HOURS - 1, max(0, int((hour - since).total_seconds() // 3600)))
        had = found[pk].hours[place]
        found[pk].hours[place] = (had[0] + calls, had[1] + failed)
        by_token[pk][token_id] += calls
    names = _token_names({token_id for tokens in by_token.values() for token_id in tokens}, user)
    for pk, tokens in by_token.items():
        counted = sorted(tokens.items(), key=lambda row: -row[1])[:5]
        found[pk].tokens = [(names.get(token_id, _("a token that is gone")), calls) for token_id, calls in counted]
    return found


def _token_names(ids: set[UUID], user: User) -> dict[UUID, str]:
    rows = GatewayToken.objects.visible_to(user).filter(pk__in=ids - {NO_TOKEN})
    return {NO_TOKEN: _("no token"), **dict(rows.values_list("pk", "name"))}
