"""What came of one try, and what follows: delivered, once more later, or given up."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.utils.translation import gettext_lazy

TOO_MANY = 429
FINAL_ERRORS = ("host_refused", "request_refused", "payload_forgotten", "payload_unreadable", "target_unreadable")
SENTENCES = {
    "upstream_unreachable": gettext_lazy("The target could not be reached, or closed the connection."),
    "upstream_timeout": gettext_lazy("The target did not answer in time."),
    "upstream_invalid": gettext_lazy("What came back is not HTTP."),
    "host_refused": gettext_lazy("The address leads into a private network, or is plain http. Nothing was sent there."),
    "request_refused": gettext_lazy("The request cannot be written as HTTP."),
    "payload_forgotten": gettext_lazy("The payload was kept as long as it was to be kept, and is gone."),
    "payload_unreadable": gettext_lazy("The stored payload cannot be read."),
    "target_unreadable": gettext_lazy("The target's address or signing secret cannot be read. Set it again."),
    "filter_no_match": gettext_lazy("The target's filter does not fit this event."),
    "filter_not_json": gettext_lazy("The target's filter asks for JSON, and the body is none."),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One try: a status, or the code of an error. `response_head` may hold secrets until it is masked."""

    status: int | None = None
    error: str = ""
    ms: float = 0.0
    response_head: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)
    retry_after_s: float | None = None

    @property
    def is_delivered(self) -> bool:
        """Tell whether the target took it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def may_be_repeated(self) -> bool:
        """Tell whether the same request may fare better later: after 429, 5xx, a timeout or a broken connection."""
        if self.status is not None:
            return self.status == TOO_MANY or self.status >= 500
        return self.error not in FINAL_ERRORS

    @property
    def is_of_the_target(self) -> bool:
        """Tell whether this says anything about the target: not when it was never asked."""
        return self.status is not None or self.error not in FINAL_ERRORS


def sentence(error: str, status: int | None = None) -> str:
    """Return what came of a try, for a person: of a delivery or an attempt, its error code and status."""
    if error in SENTENCES:
        return str(SENTENCES[error])
    if status is None:
        return ""
    return str(_of_status(status)).format(status=status)


def _of_status(status: int) -> object:
    if status < 300:
        return gettext_lazy("The target took it ({status}).")
    if status < 400:
        return gettext_lazy("The target answered with a redirect ({status}), which is not followed.")
    if status == TOO_MANY:
        return gettext_lazy("The target has too much to do ({status}).")
    if status == 404:
        return gettext_lazy("There is nothing at this address ({status}). Is the workflow switched on?")
    if status in (401, 403):
        return gettext_lazy("The target refuses it ({status}): it wants to be signed in to, or knows another secret.")
    if status == 410:
        return gettext_lazy("The target is gone for good ({status}).")
    if status < 500:
        return gettext_lazy("The target refuses it ({status}), and would refuse it again.")
    return gettext_lazy("The target had a failure of its own ({status}).")
