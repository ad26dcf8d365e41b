"""Why a call waits, or went no further, as a person reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.gateway.held.acts import UNSENT
from integrations.models import HeldCall

State = HeldCall.State
TONES = {
    State.WAITING: "info", State.SENDING: "info", State.NEEDS_DECISION: "warn", State.FAILED: "bad", State.SENT: "ok",
    State.DISCARDED: "",
}  # fmt: skip
WHY = {
    "asked": gettext_lazy("Its caller asked for it to be made later."),
    "upstream_away": gettext_lazy("The provider was away."),
    "upstream_unreachable": gettext_lazy("No connection to the provider could be made or kept."),
    "upstream_timeout": gettext_lazy("The provider gave no answer in time."),
    "upstream_invalid": gettext_lazy("The provider's answer was not a whole one."),
    "upstream_limited": gettext_lazy("The provider's limit was reached."),
    "spend_limit": gettext_lazy("The account has no credit left. Once there is some, send it."),
    "breaker_open": gettext_lazy("The provider was away for everybody, so it was not asked."),
    "token_limited": gettext_lazy("The gateway token's own limit was used up."),
    "needs_reconnecting": gettext_lazy("The connection needs reconnecting. It goes by itself once that is done."),
    "choice_needed": gettext_lazy("The connection waits for a choice of account."),
    "paused": gettext_lazy("The connection is paused. It goes by itself once that is over."),
    "unavailable": gettext_lazy("Keylodge was busy."),
    "internal_error": gettext_lazy("Something broke in Keylodge. The log holds the cause."),
    "may_have_been_sent": gettext_lazy(
        "Keylodge was stopped while it was being sent, so nobody knows whether it arrived."
    ),
    "credential_refused": gettext_lazy("The provider refuses the credential."),
    "credential_unreadable": gettext_lazy("The stored credential cannot be opened."),
    "host_refused": gettext_lazy("The credential is not bound to this host."),
    "provider_gone": gettext_lazy("The connection's provider is not described any more."),
    "token_invalid": gettext_lazy("Not sent: its gateway token was revoked or has expired."),
    "connection_not_found": gettext_lazy("Not sent: its gateway token no longer opens this connection."),
    "not_allowed": gettext_lazy("Not sent: its gateway token no longer allows this method or path."),
    "ip_not_allowed": gettext_lazy("Not sent: its gateway token may no longer be used from its caller's address."),
    "payload_unreadable": gettext_lazy("Not sent: what was stored of it cannot be read."),
    "refused": gettext_lazy("The provider refused it, and would refuse it again as it is."),
    "surprise": gettext_lazy("one of many that were sent ended otherwise than hoped"),
}
EVENTS = {
    "held": gettext_lazy("Kept"),
    "sending": gettext_lazy("Being sent"),
    "waiting": gettext_lazy("Back to its place"),
    "needs_decision": gettext_lazy("Needs a decision"),
    "failed": gettext_lazy("Refused"),
    "sent": gettext_lazy("Sent"),
    "interrupted": gettext_lazy("Keylodge was stopped while it was being sent"),
    "unreadable": gettext_lazy("Could not be read"),
    "replayed": gettext_lazy("Somebody sent it again"),
    "discarded": gettext_lazy("Discarded"),
    "put_back": gettext_lazy("Put back"),
    "edited": gettext_lazy("Edited"),
}


def why(call: HeldCall) -> str:
    """Return why a call is where it is."""
    said = str(WHY.get(call.code, "")) or call.code
    if call.state == State.NEEDS_DECISION and call.code not in ("spend_limit",):
        return said + " " + _("It may have taken effect: look there before you send it again.")
    return said


@dataclass(frozen=True)
class Event:
    """One line of a timeline."""

    at: datetime
    what: str
    text: str
    tone: str


def events_of(call: HeldCall) -> Iterator[Event]:
    """Yield what happened to a call, in order."""
    for line in call.timeline:
        what = str(line.get("what", ""))
        yield Event(datetime.fromisoformat(line["at"]), str(EVENTS.get(what, what)), _about(line), TONES.get(what, ""))  # type: ignore[call-overload]


def _about(line: dict[str, Any]) -> str:
    parts = []
    if line.get("status"):
        parts.append(_("The provider answered {status}.").format(status=line["status"]))
    if line.get("code"):
        parts.append(str(WHY.get(line["code"], line["code"])))
    if line.get("by"):
        parts.append(_("By {name}.").format(name=line["by"]))
    return " ".join(parts)


def worded(calls: list[Any]) -> list[Any]:
    """Return rows of a list with what it says of each: why it waits, in which tone, and whether it may be sent."""
    for call in calls:
        call.why, call.tone, call.is_unsent = why(call), TONES.get(call.state, ""), call.state in UNSENT
    return calls
