"""Notices when nobody calls through a connection any more, where somebody usually does.

When a silence would be unusual is worked out once and kept (`CallWatch.look_at`): a connection that is called all day
is looked at every few hours, one that rests at the weekend on Monday. So what a look costs depends on how many are due,
and at most two hundred are taken at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Max, Q, Sum

from integrations.alerts.episodes import Subject, begin, end
from integrations.alerts.rhythm.usual import HISTORY, HOUR, Usual, usual_of
from integrations.models import AlertEpisode, CallHour, CallWatch, Connection
from secrets_vault.models import InstallationSetting

MOST = 200
MOST_NEW = 500
AGAIN = timedelta(hours=12)
TOLD_AGAIN = timedelta(hours=1)
AWAKE = "alerts.awake"
ASLEEP = timedelta(minutes=45)
"""A longer pause between two looks means that Keylodge itself was away: nobody could call."""
Status = Connection.Status
WATCHED = (Status.CONNECTED, Status.UNTESTED, Status.FAILING)
KIND = AlertEpisode.Kind.ABSENCE
Hours = dict[UUID, dict[datetime, int]]


def look(now: datetime) -> int:
    """Tell of silences that are unusual, and of calls that come again; return how many changed."""
    awake_since = _awake_since(now)
    _watch_new_ones(now)
    over = _over(now)
    due = list(_due(now))
    hours = hours_of([watch.connection_id for watch in due if watch.connection_id], now=now)
    told = sum(_judge(watch, hours, awake_since=awake_since, now=now) for watch in due)
    return over + told


def watched() -> Q:
    """Return which connections are watched: real ones that may be called."""
    is_real = Q(is_sandbox=False, is_demo=False, client__is_sandbox=False, client__is_demo=False)
    return is_real & Q(status__in=WATCHED, client__archived_at=None)


def _awake_since(now: datetime) -> datetime:
    """Return since when looks have followed one another without a gap: silence from before is our own."""
    row, is_new = InstallationSetting.objects.get_or_create(
        key=AWAKE, defaults={"value": {"since": now.isoformat(), "at": now.isoformat()}}
    )
    since, at = (datetime.fromisoformat(row.value[name]) for name in ("since", "at"))
    if not is_new:
        since = now if now - at > ASLEEP or since > now else since
        value = {"since": since.isoformat(), "at": now.isoformat()}
        InstallationSetting.objects.filter(key=AWAKE).update(value=value)
    return since


def _watch_new_ones(now: datetime) -> None:
    rows = Connection.objects.filter(watched(), watch=None).order_by("pk")[:MOST_NEW]
    CallWatch.objects.bulk_create([CallWatch(connection=row, look_at=now) for row in rows], ignore_conflicts=True)


def _due(now: datetime) -> Iterable[CallWatch]:
    real = Connection.objects.filter(watched())
    rows = CallWatch.objects.filter(is_on=True, look_at__lte=now, connection__in=real).order_by("look_at")
    return rows.select_related("connection__client", "connection__environment")[:MOST]


def hours_of(connection_ids: Iterable[UUID], *, now: datetime) -> Hours:
    """Return the calls of each hour of the last four weeks, by connection, in one query."""
    found: Hours = defaultdict(dict)
    rows = CallHour.objects.filter(connection_id__in=list(connection_ids), hour__gte=now - HISTORY, hour__lte=now)
    summed = rows.order_by().values_list("connection_id", "hour").annotate(n=Sum("calls"))
    for connection_id, hour, n in summed.iterator(chunk_size=5000):
        found[connection_id][hour] = n
    return found


def _judge(watch: CallWatch, hours: Hours, *, awake_since: datetime, now: datetime) -> int:
    """Tell of a silence that is unusual by now; else say when it would be."""
    connection = watch.connection
    assert connection is not None  # noqa: S101 - for the type checker; the query asked for it
    usual = usual_of(hours.get(connection.pk, {}))
    at = unusual_at(usual, limit_h=watch.limit, awake_since=awake_since) if usual else None
    told = 0
    if usual is None or at is None:
        look_at = now + AGAIN
    elif at > now:
        look_at = at
    else:
        told, look_at = _tell(connection, usual, now=now), now + TOLD_AGAIN
    rate = usual.per_hour if usual else None
    last = usual.last if usual else None
    CallWatch.objects.filter(pk=watch.pk).update(look_at=look_at, last_hour=last, usual_per_hour=rate)
    return told


def unusual_at(usual: Usual, *, limit_h: int | None, awake_since: datetime) -> datetime | None:
    """Return when the silence after the last call is unusual: by what is usual, or after the hours a person chose."""
    began = max(usual.last + HOUR, awake_since.replace(minute=0, second=0, microsecond=0))
    return began + limit_h * HOUR if limit_h else usual.silence_ends_being_usual_at(began)


def _tell(connection: Connection, usual: Usual, *, now: datetime) -> int:
    facts = {
        "hours": int((now - usual.last) / HOUR),
        "usual": round(usual.per_day if usual.is_seldom else usual.per_hour),
        "per": "day" if usual.is_seldom else "hour",
        "last": usual.last.isoformat(),
    }
    return int(begin(Subject.of(connection), KIND, now=now, facts=facts) is not None)


def _over(now: datetime) -> int:
    """Close the silences of connections that are called again, and quietly those that are no longer watched."""
    open_ones = list(AlertEpisode.objects.filter(kind=KIND, closed_at=None).exclude(connection=None))
    if not open_ones:
        return 0
    ids = [episode.connection_id for episode in open_ones]
    newest = dict(_newest(ids, since=min(episode.opened_at for episode in open_ones)))
    left = set(Connection.objects.filter(watched(), pk__in=ids).values_list("pk", flat=True))
    off = set(CallWatch.objects.filter(connection__in=ids, is_on=False).values_list("connection_id", flat=True))
    closed = 0
    for episode in open_ones:
        if episode.connection_id not in left or episode.connection_id in off:
            AlertEpisode.objects.filter(pk=episode.pk, closed_at=None).update(closed_at=now)
            continue
        last = datetime.fromisoformat(episode.facts["last"])
        if newest.get(episode.connection_id, last) > last:
            closed += end(episode.about, kinds=[KIND], now=now)
    return closed


def _newest(ids: list[UUID | None], *, since: datetime) -> Iterable[tuple[UUID, datetime]]:
    """Return the newest hour with calls of each, from the hour before it was told on."""
    rows = CallHour.objects.filter(connection_id__in=ids, hour__gte=since - HOUR, calls__gt=0).order_by()
    return rows.values_list("connection_id").annotate(newest=Max("hour"))
