"""What came of one message, and what that means in a sentence. An answer itself is never kept or shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.alerts.routes.channels import CHANNELS

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

SENTENCES: dict[str, StrOrPromise] = {
    "upstream_unreachable": gettext_lazy("The address could not be reached."),
    "upstream_timeout": gettext_lazy("There was no answer within 10 seconds."),
    "upstream_invalid": gettext_lazy("What came back is not HTTP."),
    "host_refused": gettext_lazy("The address leads into a private network, or is plain http. Nothing was sent there."),
    "request_refused": gettext_lazy("The address is none that a request can be sent to."),
    "body_too_large": gettext_lazy("The answer was larger than an answer is."),
    "address_unreadable": gettext_lazy("The stored address cannot be read. Give it again."),
    "no_mail_server": gettext_lazy("No mail server is set up. Settings, E-mail says how."),
    "mail_refused": gettext_lazy("The mail server did not take it. A test under Settings, E-mail says why."),
    "connection_not_ready": gettext_lazy("Its connection does not work at the moment. Look at the connection."),
    "connection_refused": gettext_lazy(
        "The provider refuses the connection’s credential for this. Does it include the right to write?"
    ),
    "place_not_found": gettext_lazy("The sheet or table is not there, or not shared with the connection."),
    "apprise_missing": gettext_lazy("Apprise is not installed here any more. Install it again, or remove the route."),
    "apprise_refused": gettext_lazy("Apprise could make no message for this address. Give the address again."),
    "not_taken": gettext_lazy(
        "The service answered, but did not take the message. Check key and recipient in the address."
    ),
    "place_refuses": gettext_lazy("The table does not take these columns. Look at what its page says is needed."),
}
ADDRESS_STATUSES = frozenset({301, 302, 303, 307, 308, 401, 403, 404, 405, 410})
"""Statuses that say that the address is wrong: an answer that waiting does not change, but another address does."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one try: a status, or the code of an error. `code` may say more than the status."""

    status: int | None = None
    code: str = ""
    wait_s: float | None = None

    @property
    def is_sent(self) -> bool:
        """Tell whether the place took it."""
        return self.status is not None and 200 <= self.status < 300 and not self.code

    @property
    def is_of_the_message(self) -> bool:
        """Tell whether this message will never be taken, whatever the address: it is refused as it is written."""
        return self.status in (400, 413, 422) and self.code not in (*_ALL_SAID, "not_taken")

    @property
    def is_of_the_address(self) -> bool:
        """Tell whether a person must do something before anything arrives."""
        own = ("host_refused", "request_refused", "address_unreadable", "place_not_found", "connection_refused")
        more = ("place_refuses", "apprise_missing", "apprise_refused", "not_taken")
        return self.status in ADDRESS_STATUSES or self.code in (*own, *more) or self.code in _ALL_SAID


_ALL_SAID = frozenset(piece for channel in CHANNELS.values() for piece in channel.answers)


def said_in(channel: str, body: bytes) -> str:
    """Return the piece of an answer that its place is known to use, empty for any other."""
    known = CHANNELS[channel].answers if channel in CHANNELS else {}
    text = body[:4_096].decode("utf-8", "replace")
    return next((piece for piece in known if piece in text), "")


def sentence(channel: str, *, status: int | None, code: str) -> str:
    """Return what came of it, for a person, from what is stored of a try."""
    known = CHANNELS[channel].answers if channel in CHANNELS else {}
    if code in known:
        return str(known[code])
    if code in SENTENCES:
        return str(SENTENCES[code])
    if status is None:
        return _("It was not sent ({code}).").format(code=code) if code else ""
    return _of_status(status)(status=status)


def _of_status(status: int) -> Callable[..., str]:
    if status < 300:
        return _("It arrived ({status}).").format
    if status < 400:
        return _("The address leads on to another ({status}), which is not followed. Give the final one.").format
    if status in (404, 410):
        return _("There is nothing at this address ({status}). Was the webhook deleted there?").format
    if status in (401, 403):
        return _("The address refuses us ({status}). Copy it again, whole.").format
    if status == 429:
        return _("It has too much to do ({status}). It is tried again later.").format
    if status < 500:
        return _("The message was refused ({status}).").format
    return _("The place had a failure of its own ({status}). It is tried again later.").format
