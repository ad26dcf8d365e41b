"""Where the alerts of a client go: `[[client.alert_route]]`, a place with its hours; its address is a secret."""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass, field
from datetime import time
from typing import Any

from django.conf import settings

from config.provision.lines import Path
from config.provision.run import Run
from config.provision.sources import Sources, take_secret
from config.provision.table import Table
from integrations.alerts.kinds import ORDER, chosen_kinds, usual_kinds
from integrations.alerts.routes import making, sealing
from integrations.alerts.routes.addresses import BadRoute
from integrations.alerts.routes.sinks import SINKS, clean_place
from integrations.models import AlertRoute, Connection
from secrets_vault.models import Client
from secrets_vault.secret import Secret

SINK_KEYS = ("connection", "place")
TOLD_KEYS = ("kinds", "least", "language", "time_zone", "quiet_from", "quiet_to", "digest_at")


@dataclass(frozen=True)
class RouteSpec:
    """One route. `columns` holds only what the file names."""

    path: Path
    name: str
    channel: str
    address: Secret | None = None
    connection: str | None = None
    columns: dict[str, Any] = field(default_factory=dict)


def read_route(table: Table, sources: Sources) -> RouteSpec | None:
    """Return what the file says of one route, None where a part that it needs is missing and was refused."""
    name = table.take_text("name", is_needed=True, longest=120)
    channel = table.take_choice("channel", AlertRoute.Channel.values)
    columns = {
        "place": _place(table, channel or ""),
        "kinds": _words(table, "kinds", [key for key, _said in chosen_kinds()]),
        "least": _word(table, "least", ORDER),
        "language": _word(table, "language", [code for code, _said in settings.LANGUAGES]),
        "time_zone": _zone(table),
        "lets_urgent_pass": table.take("lets_urgent_pass", bool, "true or false"),
        "wants_still": table.take("wants_still", bool, "true or false"),
    } | {key: table.take(key, time, "a time such as 22:00:00, without quotes") for key in TOLD_KEYS[-3:]}
    if table.has("quiet_from") != table.has("quiet_to"):
        table.refuse("quiet_to" if table.has("quiet_from") else "quiet_from", "is missing; quiet hours have two ends")
    elif table.has("quiet_from") and columns["quiet_from"] == columns["quiet_to"]:
        table.refuse("quiet_to", "must be another time than quiet_from")
    found = RouteSpec(
        table.path,
        name or "",
        channel or "",
        take_secret(table, "address", sources),
        table.take_text("connection", longest=73),
        {key: value for key, value in columns.items() if value is not None},
    )
    if channel:
        _refuse_what_is_not_of(table, channel)
    table.finish()
    return found if name and channel else None


def _refuse_what_is_not_of(table: Table, channel: str) -> None:
    """Refuse keys that say nothing of this channel: a table has no address and no hours, and the rest no place."""
    foreign = ("address", *TOLD_KEYS) if channel in SINKS else SINK_KEYS
    for key in foreign:
        if table.has(key):
            table.refuse(key, f"does not belong to a route of channel {channel}")


def _place(table: Table, channel: str) -> dict[str, str] | None:
    given = table.take_table("place")
    if given is None or channel not in SINKS:
        return None
    place = {part: given.take_text(part, is_needed=True) or "" for part in SINKS[channel].needs}
    given.finish()
    for part, text in place.items():
        kept = clean_place(channel, part, text)
        if kept is None and text:
            given.refuse(part, "cannot be one; copy it as it stands there")
        place[part] = kept or ""
    return place


def _words(table: Table, name: str, allowed: list[str]) -> list[str] | None:
    """Return a list of known words, in the order in which we have them."""
    given = table.take_texts(name)
    if given is None:
        return None
    if not given or set(given) - set(allowed):
        table.refuse(name, f"must be some of {', '.join(allowed)}")
        return None
    return [word for word in allowed if word in given]


def _word(table: Table, name: str, allowed: Any) -> str | None:
    return table.take_choice(name, list(allowed)) if table.has(name) else None


def _zone(table: Table) -> str | None:
    zone = table.take_text("time_zone", longest=64)
    if zone is not None and zone not in zoneinfo.available_timezones():
        table.refuse("time_zone", "must be a name such as Europe/Berlin")
        return None
    return zone


def apply_route(run: Run, client: Client, spec: RouteSpec) -> tuple[AlertRoute, bool] | None:
    """Make or change one route; return it, and whether it is new. None when it was refused. Nothing is sent by it."""
    same = list(AlertRoute.objects.filter(client=client, name=spec.name).select_related("client", "connection")[:2])
    if len(same) > 1:
        run.document.refuse((*spec.path, "name"), f"{client.slug} has several routes of this name; rename one")
        return None
    if same and same[0].channel != spec.channel:
        run.document.refuse((*spec.path, "channel"), f"this route goes by {same[0].channel}; choose another name")
        return None
    columns = spec.columns | _connection(run, client, spec)
    if run.document.is_refused:
        return None
    try:
        if same:
            return _changed(run, same[0], spec, columns), False
        made = _made(run, client, spec, columns)
    except BadRoute as refused:
        run.document.refuse((*spec.path, refused.field), str(refused))
        return None
    return (made, True) if made is not None else None


def _connection(run: Run, client: Client, spec: RouteSpec) -> dict[str, Any]:
    if spec.connection is None:
        return {}
    wanted = SINKS[spec.channel].provider_key if spec.channel in SINKS else ""
    row = Connection.objects.filter(client=client, slug=spec.connection, provider_key=wanted).first()
    if row is None:
        run.document.refuse((*spec.path, "connection"), f"{client.slug} has no {wanted} connection {spec.connection}")
    return {"connection": row} if row else {}


def _made(run: Run, client: Client, spec: RouteSpec, columns: dict[str, Any]) -> AlertRoute | None:
    needed = SINK_KEYS if spec.channel in SINKS else ("address",)
    has = {"address": spec.address is not None} | {key: key in columns for key in SINK_KEYS}
    if missing := [key for key in needed if not has[key]]:
        run.document.refuse((*spec.path, missing[0]), "is missing")
        return None
    about = ({} if spec.channel in SINKS else {"kinds": usual_kinds()}) | columns
    route = making.make(
        spec.channel, spec.address, actor=run.actor, now=run.now, name=spec.name, client=client, **about
    )
    run.note(client.slug, "alert_routes", spec.name)
    return route


def _changed(run: Run, route: AlertRoute, spec: RouteSpec, columns: dict[str, Any]) -> AlertRoute:
    names = [name for name, value in columns.items() if getattr(route, name) != value]
    if spec.address is not None and not sealing.leads_to(route, spec.address):
        names.append("address")
    making.change(route, actor=run.actor, now=run.now, address=spec.address, **columns)
    for name in names:
        run.note(route.client.slug if route.client else "", "alert_routes", route.name, name)
    return route
