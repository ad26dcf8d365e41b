"""One call, attempt by attempt, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.gateway.retry import IDEMPOTENT, MAX_ATTEMPTS
from integrations.models.call import Outcome, Source

if TYPE_CHECKING:
    from integrations.models import Call

CODE_WORDS = {
    "upstream_unreachable": gettext_lazy("no connection"),
    "upstream_timeout": gettext_lazy("no answer in time"),
    "upstream_invalid": gettext_lazy("an answer that cannot be read"),
    "host_refused": gettext_lazy("host refused"),
    "provider_gone": gettext_lazy("provider not described"),
}
PHASE_WORDS = {
    "resolve": gettext_lazy("while looking up the name"),
    "connect": gettext_lazy("while connecting"),
    "tls": gettext_lazy("while securing the connection"),
    "send": gettext_lazy("while sending"),
    "head": gettext_lazy("while waiting for the answer"),
    "body": gettext_lazy("while reading the answer"),
}


@dataclass(frozen=True)
class Step:
    """One line of the timeline."""

    at: datetime
    tone: str
    title: str
    text: str = ""

    @property
    def clock(self) -> str:
        """Return the time of day to the millisecond, in the viewer's zone."""
        local = timezone.localtime(self.at)
        return f"{local:%H:%M:%S}.{local.microsecond // 1000:03}"


def steps_of(call: Call) -> list[Step]:
    """Return what happened, in order; the last step is what the caller got."""
    if call.source != Source.GATEWAY:
        return list(_reported(call))
    said = list(call.timeline or ())
    events = [event for event in said if "stale_age_s" not in event]
    steps = [_attempt(call, number, event, events) for number, event in enumerate(events, start=1)]
    if not steps and not call.attempts:
        steps.append(Step(call.at, "bad", _("Refused here"), _("Nothing was sent to the provider.")))
    stale = [_stale(call, event) for event in said if "stale_age_s" in event]
    return [*steps, *(stale or [_end(call)])]


def _stale(call: Call, event: Mapping[str, Any]) -> Step:
    age = milliseconds(1000 * _number(event.get("stale_age_s")))
    at = call.at + timedelta(milliseconds=_number(event.get("at_ms")))
    words = _("The caller had asked for it (X-Keylodge-Cache). It was {age} old, and said so.").format(age=age)
    return Step(at, "info", _("Answered with the last good answer"), words)


def _reported(call: Call) -> Iterator[Step]:
    """Yield what a tool says: nothing of it passed through here."""
    said: Mapping[str, Any] = call.reported or {}
    tool = call.get_source_display()
    at = parse_datetime(str(said.get("happened_at") or ""))
    where = " · ".join(filter(None, (said.get("workflow"), said.get("step"))))
    if at is not None:
        yield Step(at, "bad", _("It failed in {tool}").format(tool=tool), where)
    yield Step(
        call.at,
        "info",
        _("{tool} reported it").format(tool=tool),
        _("Keylodge did not see the call itself.") if at or not where else where,
    )


def _attempt(call: Call, number: int, event: Mapping[str, Any], events: list[Any]) -> Step:
    status, took_ms, ended_ms = event.get("status"), _number(event.get("ms")), _number(event.get("at_ms"))
    what = str(status) if status else CODE_WORDS.get(str(event.get("code")), str(event.get("code") or _("no answer")))
    tone = "ok" if status and status < 400 else "bad"
    at = call.at + timedelta(milliseconds=max(0.0, ended_ms - took_ms))
    is_last = number == len(events)
    return Step(
        at,
        tone,
        _("Attempt {n}: {what} in {time}").format(n=number, what=what, time=milliseconds(took_ms)),
        " ".join(_reasons(call, event, is_last=is_last, number=number, tone=tone)),
    )


def _reasons(call: Call, event: Mapping[str, Any], *, is_last: bool, number: int, tone: str) -> Iterator[str]:
    """Yield what it waited for, and why it went on, or why it did not."""
    if event.get("paced_ms") is not None:
        yield _queued(event)
    if phase := PHASE_WORDS.get(str(event.get("phase"))):
        yield _("It broke {phase}.").format(phase=phase)
    if event.get("refreshed"):
        yield _("The access token was refreshed, and the call made again.")
    if event.get("fell_back"):
        yield _("The new credential was refused, and the call made again with the old one, which a rotation keeps.")
    if event.get("wait_ms") is not None:
        wait = milliseconds(_number(event["wait_ms"]))
        told = event.get("retry_after_s")
        yield (
            _("The provider asked for {told}; waited {wait}.").format(
                told=milliseconds(_number(told) * 1000), wait=wait
            )
            if told is not None
            else _("Waited {wait}, a little longer each time.").format(wait=wait)
        )
    elif is_last and tone == "bad":
        yield _why_ended(call, event, number=number)


def _queued(event: Mapping[str, Any]) -> str:
    """Say for which limit of the provider's an attempt was held back: "190 in 10 s", or one that was closed."""
    waited, quota = milliseconds(_number(event["paced_ms"])), str(event.get("paced_for") or "")
    limit, _in, window = quota.partition(" in ")
    if not window:
        return _("It had waited {waited} until the provider took calls again.").format(waited=waited)
    return _("It had waited {waited} for the limit of {limit} per {window}.").format(
        waited=waited, limit=limit, window=window
    )


def _why_ended(call: Call, event: Mapping[str, Any], *, number: int) -> str:
    if event.get("gave_up") == "breaker":
        return _("Not repeated: the provider had stopped answering, so others may not call it either.")
    if event.get("gave_up") == "budget":
        return _("Not repeated: this connection’s share of repeats is used up for the minute.")
    if number >= MAX_ATTEMPTS:
        return _("{n} attempts are the most.").format(n=MAX_ATTEMPTS)
    if call.method not in IDEMPOTENT and event.get("status") not in (400, 401, 403, 404, 409, 422):
        return _("Not repeated: a {method} may have taken effect, and could do so twice.").format(method=call.method)
    return _("Not repeated: the answer would have been the same.")


def _end(call: Call) -> Step:
    at = call.at + timedelta(milliseconds=call.total_ms)
    total = milliseconds(call.total_ms)
    if call.outcome == Outcome.CANCELLED:
        return Step(at, "info", _("The caller went away"), _("It had waited {total}.").format(total=total))
    got = status_words(call.status) if call.status else _("no answer")
    tone = "ok" if call.outcome in (Outcome.OK, Outcome.RECOVERED) else "info"
    return Step(at, tone, _("The caller got {got}").format(got=got), _("{total} after it asked.").format(total=total))


def status_words(status: int | None) -> str:
    """Return "429 Too Many Requests"."""
    if not status:
        return ""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def milliseconds(amount_ms: float) -> str:
    """Return "84 ms" or "2.1 s"."""
    return f"{amount_ms:.0f} ms" if amount_ms < 1000 else f"{number_format(amount_ms / 1000, 1)} s"


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
