"""Does the credential work? One cheap call, its outcome in a sentence, and the state that follows from it."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations import outbound, probe_quota, wall_clock
from integrations.beside import lacks_beside, values_beside
from integrations.connections.choosing import is_undecided, look
from integrations.connections.told_end import end_in, keep_end
from integrations.errors import IntegrationError
from integrations.gateway.quota.permits import NoPermit
from integrations.models import Connection
from integrations.oauth.account import account_in
from integrations.oauth.errors import NeedsReconnecting, NotUsableNow
from integrations.oauth.held import read
from integrations.oauth.keeping import provider_of
from integrations.oauth.machine import can_ask, is_machine
from integrations.oauth.refresh import access_token
from integrations.oauth.session import Send
from integrations.probe_call import NoProbe, ProbeAnswer, call_probe
from integrations.probe_quota import probed_host
from integrations.providers.parts import TOKEN_KINDS
from integrations.providers.shape import Provider
from integrations.status import CHOICE_NEEDED, ConnectionChanged, Status, set_status, swap
from secrets_vault import vault
from secrets_vault.actor import SYSTEM, Actor
from secrets_vault.errors import VaultError
from secrets_vault.secret import Secret

logger = logging.getLogger(__name__)

EVERY = timedelta(days=1)
SOON = timedelta(minutes=15)
MINUTE = timedelta(minutes=1)
PAUSES: dict[str, timedelta] = {Connection.ProbeEvery.DAY: EVERY, Connection.ProbeEvery.HOUR: timedelta(hours=1)}
SWEEP_S = 120.0  # so that other sweeps get their turn, whatever the providers do
SENTENCES = {
    "works": gettext_lazy("It works."),
    "refused": gettext_lazy(
        "{name} does not accept this credential. Check that it was copied whole and has not been revoked."
    ),
    "other_account": gettext_lazy(
        "It works, but for another account than this connection's. Check which one is right."
    ),
    "busy": gettext_lazy(
        "{name} is too busy to answer right now. The credential was not refused; it is tried again later."
    ),
    "limited": gettext_lazy(
        "The limit of {name} is used up right now, so nothing was sent. "
        "The credential was not refused; it is tried again later."
    ),
    "failing": gettext_lazy(
        "{name} had a failure of its own. The credential was not refused; it is tried again later."
    ),
    "unreachable": gettext_lazy("{name} could not be reached. It is tried again later."),
    "no_probe": gettext_lazy("{name} has no harmless call to test with. The first real call will tell."),
    "no_credential": gettext_lazy("There is no credential to test yet."),
    "lacks_beside": gettext_lazy("Something is missing that every call carries beside the token. Store it here."),
    "choice_needed": gettext_lazy("It reaches several accounts. Choose the one that this connection is for."),
    "needs_reconnecting": gettext_lazy("The access was withdrawn or has ended. Reconnect it."),
    "grant_refused": gettext_lazy(
        "{name} gives no access token for this. Check the key and what stands beside it, then try again."
    ),
    "app_refused": gettext_lazy("{name} refuses the OAuth app. Check its client id and its secret or key."),
    "clock_off": gettext_lazy(
        "The clock of this computer and that of {name} differ, so what is signed here is refused. Set the clock right."
    ),
    "unreadable": gettext_lazy("The stored credential cannot be read or may not be sent there. Store it again."),
}


@dataclass(frozen=True)
class ProbeResult:
    """What one test call showed. `str()` is the sentence for a person."""

    outcome: str
    sentence: str
    status: int = 0
    account_id: str = ""
    account_name: str = ""

    def __str__(self) -> str:
        return self.sentence

    @property
    def is_good(self) -> bool:
        """Tell whether the credential was accepted."""
        return self.outcome == "works"


def probe(
    connection: Connection, *, actor: Actor, now: datetime | None = None, send: Send = outbound.send
) -> ProbeResult:
    """Try the credential with the provider's cheapest call, and note what came of it. Never raises for the outcome."""
    now = now or timezone.now()
    row = read(connection.pk)
    if is_machine(row) and row.status == Status.NEEDS_RECONNECTING:
        set_status(row, Status.UNTESTED, actor=actor, now=now)  # somebody wants to know whether it is mended
    row = _decided(row, actor=actor, now=now, send=send)
    provider = provider_of(row)
    outcome, answer = _try(row, provider, now=now, send=send)
    account_id, account_name = account_in(provider, answer.json()) if outcome == "works" else ("", "")
    if row.is_for_other_than(account_id):
        outcome = "other_account"
    if outcome == "works" and not row.has_tokens and (ends_at := end_in(provider, answer, now=now)):
        keep_end(row, ends_at, actor=actor)
    sentence = _limited_until(answer.free_at, provider, now=now) or SENTENCES[outcome].format(name=provider.name)
    result = ProbeResult(outcome, sentence, answer.status, account_id, account_name)
    note(row.pk, result, actor=actor, now=now)
    connection.refresh_from_db(fields=["status", "status_code", "version", "account_id", "account_name", "secret"])
    return result


def _limited_until(free_at: float | None, provider: Provider, *, now: datetime) -> str:
    """Return what to say of a limit that is used up until a known time; empty where no time is known."""
    if free_at is None:
        return ""
    at = timezone.localtime(datetime.fromtimestamp(free_at, UTC) + MINUTE)  # it is shown without seconds
    when = date_format(at, "H:i" if at.date() == timezone.localdate(now) else _("j M, H:i"))
    said = _("The limit of {name} is used up until {when}, so nothing was sent. Try again then.")
    return said.format(name=provider.name, when=when)


def _decided(row: Connection, *, actor: Actor, now: datetime, send: Send) -> Connection:
    """Return the connection after asking, where nobody has yet, which site or organisation it is for."""
    if not is_undecided(row, provider_of(row)):
        return row
    try:
        look(row, actor=actor, now=now, send=send)
    except (VaultError, IntegrationError) as error:
        logger.info("nothing was discovered", extra={"connection": str(row.pk), "code": error.code})
    return read(row.pk)


def try_as(row: Connection, provider: Provider, *, now: datetime, send: Send = outbound.send) -> tuple[str, int]:
    """Try the credential with other facts than the connection's own; return outcome and status. Notes nothing."""
    outcome, answer = _try(row, provider, now=now, send=send)
    return outcome, answer.status


def asked_as(row: Connection, provider: Provider, *, now: datetime, send: Send = outbound.send) -> ProbeAnswer:
    """Make the call that these facts name as the probe, with the connection's credential; return the answer."""
    return _try(row, provider, now=now, send=send)[1]


def _try(row: Connection, provider: Provider, *, now: datetime, send: Send) -> tuple[str, ProbeAnswer]:
    if row.secret is None and not (is_machine(row) and can_ask(row)):
        return "no_credential", ProbeAnswer()
    if row.status_code == CHOICE_NEEDED and provider.missing_variables:
        return "choice_needed", ProbeAnswer()
    if lacks_beside(row, provider):
        return "lacks_beside", ProbeAnswer()
    try:
        if is_machine(row) and row.secret is None:
            access_token(row, now=now, send=send)
            row = read(row.pk)
            provider = provider_of(row)  # the answer may have told a part of the address
        beside = values_beside(row, provider, host=probed_host(provider), actor=SYSTEM)
        fields = {**_fields(row, provider, now=now, send=send), **beside}
        probe_quota.take(row, provider)
        answer = call_probe(provider, row.kind, fields, send=send)
        if answer.status == 401 and row.kind in TOKEN_KINDS:
            refused = row.secret.current_id if row.secret else None
            fresh = access_token(row, now=now, refused=refused, send=send)
            probe_quota.take(row, provider)
            answer = call_probe(provider, row.kind, {**fields, "access_token": fresh}, send=send)
    except NoProbe:
        return "no_probe", ProbeAnswer()
    except NoPermit as error:
        return "limited", ProbeAnswer(code=error.code, free_at=error.until)
    except NeedsReconnecting:
        return "grant_refused" if is_machine(row) else "needs_reconnecting", ProbeAnswer()
    except NotUsableNow as error:
        return _why_no_token(row, error), ProbeAnswer(code=error.code)
    except (VaultError, IntegrationError) as error:
        return "unreadable", ProbeAnswer(code=error.code)
    return outcome_of(answer, provider), answer


def _fields(row: Connection, provider: Provider, *, now: datetime, send: Send) -> Mapping[str, Secret]:
    """Return the credential, after asking its policy whether it may go where the probe goes."""
    assert row.secret is not None  # noqa: S101 - for the type checker; the caller looked
    for slot in provider.injection_for(row.kind).slots:
        vault.check_policy(row.secret, host=probed_host(provider), slot=slot)
    if row.kind in TOKEN_KINDS:
        return {"access_token": access_token(row, now=now, send=send)}
    return vault.use(row.secret, actor=SYSTEM, purpose="probe")


def _why_no_token(row: Connection, error: NotUsableNow) -> str:
    if error.code == "clock_off":
        return "clock_off"
    app = read(row.pk).oauth_app
    return "app_refused" if app is not None and app.is_broken else "unreachable"


def outcome_of(answer: ProbeAnswer, provider: Provider) -> str:
    """Return in a code what an answer says about the credential it was asked with."""
    if answer.proves(provider):
        return "works"
    if answer.code:
        return "unreachable"
    if answer.status == 429:
        return "busy"
    return "failing" if answer.status >= 500 or answer.status == 408 else "refused"


def note(pk: Any, result: ProbeResult, *, actor: Actor, now: datetime) -> None:
    """Write the outcome down. What the provider could not tell changes no state."""
    rows = Connection.objects.filter(pk=pk)
    every = PAUSES.get(rows.values_list("probe_every", flat=True).first() or "")
    again = every if every is None or result.outcome in ("works", "refused", "no_probe") else SOON
    due_at = now + again if again is not None else None
    rows.update(probed_at=now, probe_due_at=due_at, probe_outcome=result.outcome, probe_status=result.status or None)
    for _attempt in range(3):
        try:
            return _follow(read(pk), result, actor=actor, now=now)
        except ConnectionChanged:
            continue
    logger.info("probe outcome overtaken", extra={"connection": str(pk)})
    return None


def _follow(row: Connection, result: ProbeResult, *, actor: Actor, now: datetime) -> None:
    if row.status_code == CHOICE_NEEDED:
        return  # only a person's choice ends that
    if result.outcome == "works":
        with transaction.atomic():
            named = {"account_id": result.account_id, "account_name": result.account_name or row.account_name}
            told = named | {"account_unconfirmed": False}
            if result.account_id and any(getattr(row, name) != value for name, value in told.items()):
                swap(row, **told)
            set_status(row, Status.CONNECTED, actor=actor, now=now)
    elif result.outcome in ("refused", "other_account", "unreadable"):
        codes = {"refused": "credential_refused", "unreadable": "credential_unreadable"}
        set_status(row, Status.FAILING, codes.get(result.outcome, result.outcome), actor=actor, now=now)


def probe_due(*, now: datetime, limit: int = 50, send: Send = outbound.send) -> int:
    """Try the credentials whose day or hour is over; return how many. For the sweep."""
    tried = [Status.CONNECTED, Status.UNTESTED, Status.FAILING]
    is_time = wall_clock.has_come("probe_due_at", now, at_most=EVERY)
    rows = Connection.objects.filter(is_time, status__in=tried, is_demo=False)
    due = rows.exclude(probe_every=Connection.ProbeEvery.OFF).order_by("probe_due_at")
    done, began = 0, time.monotonic()
    for row in list(due[:limit]):
        if time.monotonic() - began > SWEEP_S:
            break
        try:
            probe(row, actor=SYSTEM, now=now, send=send)
        except (IntegrationError, VaultError) as error:
            # Put off, so that one broken connection does not stand in front of the others for ever.
            Connection.objects.filter(pk=row.pk).update(probe_due_at=now + EVERY)
            logger.warning("probe skipped", extra={"connection": str(row.pk), "code": error.code})
        else:
            done += 1
    return done
