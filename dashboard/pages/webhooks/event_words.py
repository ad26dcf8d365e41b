"""Why an event was let in or kept out, in sentences: its signature, its time, its address, and whether it is new."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from dashboard.templatetags.parts import duration
from integrations.models import WebhookEvent
from integrations.webhooks.endpoints import NO_VERIFICATION
from integrations.webhooks.places import place

if TYPE_CHECKING:
    from integrations.models import WebhookEndpoint
    from integrations.webhooks.schemes.parts import Proof
    from integrations.webhooks.schemes.shape import Scheme

Verdict = WebhookEvent.Verdict
ADDRESS = "address"
REASONS = {
    "missing": gettext_lazy("A part that the scheme demands is not there."),
    "doubled": gettext_lazy("A part that the scheme demands is there more than once."),
    "malformed": gettext_lazy("A part is not written as the scheme writes it."),
    "stale": gettext_lazy("It was rightly signed, but too long ago: it may be a copy."),
    "future": gettext_lazy("It is signed for a time too far ahead."),
    "mismatch": gettext_lazy("The signature is not the one that your secret gives."),
    "no_secret": gettext_lazy("There is no secret to compare it with."),
    "unknown_scheme": gettext_lazy("The endpoint has no scheme that is known here."),
    "wrong_url": gettext_lazy("It was signed for another address than this endpoint’s."),
    "handshake": gettext_lazy("It was a handshake, which is answered while you pair and at no other time."),
    ADDRESS: gettext_lazy("It came from an address that this endpoint does not allow."),
}
# What to do about each reason.
REMEDIES = {
    "mismatch": gettext_lazy("Compare the secret with the vendor’s. After you store the right one, verify again."),
    "no_secret": gettext_lazy("Store the vendor’s signing secret, then verify again."),
    "unknown_scheme": gettext_lazy("Choose the vendor’s scheme in the endpoint’s settings, then verify again."),
    "wrong_url": gettext_lazy("Give the vendor exactly the address that this endpoint shows."),
    "stale": gettext_lazy("Nothing, if it is a copy. If all are late, check the clock of this machine."),
    "future": gettext_lazy("Check the clock of this machine."),
    ADDRESS: gettext_lazy("If the vendor sends from a new address, add it to the endpoint, then verify again."),
}
TOKEN_WORDS = {
    "body": gettext_lazy("the body, byte for byte as it came"),
    "form": gettext_lazy("the form’s fields, sorted by name, names and values joined"),
    "url": gettext_lazy("the address the vendor was given, with the query it called"),
    "method": gettext_lazy("the method"),
    "secret": gettext_lazy("the secret itself"),
}


@dataclass(frozen=True)
class Check:
    """One question that was asked of an event, and its answer."""

    name: str
    tone: str
    word: str
    text: str = ""


@dataclass(frozen=True)
class SignedPart:
    """A token of the string to sign, and what stands for it."""

    token: str
    words: str


def was_verified(event: WebhookEvent) -> bool:
    """Tell whether a signature was found right, at once or later."""
    return event.secret_number is not None


def title_of(event: WebhookEvent) -> str:
    """Return the verdict in a sentence."""
    if event.verdict == Verdict.QUARANTINED:
        return _("Refused, and kept in quarantine")
    if event.verdict == Verdict.RELEASED and was_verified(event):
        return _("Refused at first; verified again later, and released")
    if event.verdict == Verdict.RELEASED:
        return _("Released by hand; it was never verified")
    if event.duplicates:
        return _("Accepted once; its copies were answered and dropped")
    return _("Accepted and kept")


def why_of(event: WebhookEvent, endpoint: WebhookEndpoint, scheme: Scheme | None) -> str:
    """Return why, in a sentence."""
    if event.verdict == Verdict.QUARANTINED:
        return str(REASONS.get(event.reason, "")) or event.why
    if event.verdict == Verdict.RELEASED and not was_verified(event):
        return _("A person let it in. Nothing proves who sent it.")
    if endpoint.scheme_key == NO_VERIFICATION:
        return _("This endpoint verifies nothing: anybody could have sent it.")
    name = scheme.name if scheme else _("the vendor")
    return _("Its signature is the one that {name} makes with your secret.").format(name=name)


def refusal_words(reason: str) -> str:
    """Return why something was refused, in a sentence; a reason we have no words for as it is."""
    return str(REASONS.get(reason, "")) or reason


def remedy_of(event: WebhookEvent) -> str:
    """Return what to do about a refused event."""
    return str(REMEDIES.get(event.reason, "")) if event.verdict == Verdict.QUARANTINED else ""


def checks_of(event: WebhookEvent, endpoint: WebhookEndpoint, scheme: Scheme | None) -> list[Check]:
    """Return what was asked of an event, in the order in which it was asked."""
    return [_signature(event, endpoint), _time(event, scheme), _address(event, endpoint), _duplicate(event)]


def _signature(event: WebhookEvent, endpoint: WebhookEndpoint) -> Check:
    name = _("Signature")
    if not was_verified(event) and event.reason not in ("", ADDRESS, "stale", "future"):
        return Check(name, "bad", _("Not proven"), event.why)
    if endpoint.scheme_key == NO_VERIFICATION:
        return Check(name, "bad", _("Not asked for"))
    if event.secret_number:
        return Check(name, "warn", _("Right"), _("by the secret before the current one, while it rolls"))
    return Check(name, "ok", _("Right"))


def _stands(event: WebhookEvent, *reasons: str) -> bool:
    """Tell whether it was refused for one of these reasons, and nothing was found right later."""
    return event.reason in reasons and not was_verified(event)


def _time(event: WebhookEvent, scheme: Scheme | None) -> Check:
    name = _("Time")
    if _stands(event, "stale", "future"):
        return Check(name, "bad", _("Outside the window"), event.why)
    if event.signed_at is None:
        text = _("the scheme signs none") if scheme and scheme.timestamp is None else _("none was read")
        return Check(name, "", _("No signed time"), text)
    apart_s = (event.received_at - event.signed_at).total_seconds()
    words = _("signed {time} before it arrived") if apart_s >= 0 else _("signed {time} ahead of our clock")
    return Check(name, "ok", _("Fresh"), words.format(time=duration(abs(apart_s))))


def _address(event: WebhookEvent, endpoint: WebhookEndpoint) -> Check:
    name, shown = _("Address"), event.remote_ip or _("not known")
    if _stands(event, ADDRESS):
        return Check(name, "bad", _("Not allowed"), event.why)
    if not endpoint.ip_ranges and not endpoint.uses_published_ips:
        return Check(name, "", _("Not asked for"), _("from {address}; every address may send").format(address=shown))
    if event.reason and not was_verified(event):
        text = _("from {address}; asked only after the signature").format(address=shown)
        return Check(name, "", _("Not asked"), text)
    return Check(name, "ok", _("Allowed"), _("from {address}").format(address=shown))


def _duplicate(event: WebhookEvent) -> Check:
    name = _("Duplicates")
    if event.verdict == Verdict.QUARANTINED:
        return Check(name, "", _("Not asked"), _("a refused request uses up no id"))
    if not event.duplicates or event.last_duplicate_at is None:
        return Check(name, "ok", _("New"), _("it came once"))
    at = date_format(localtime(event.last_duplicate_at), _("j M, H:i"))
    said = ngettext("{n} copy, at {at}", "{n} copies, the last at {at}", event.duplicates)
    return Check(name, "info", _("Came again"), said.format(n=event.duplicates, at=at))


def signed_parts(proof: Proof, scheme: Scheme) -> list[SignedPart]:
    """Return what each token of a proof's template stands for."""
    return [SignedPart(f"{{{token}}}", _token_words(token, scheme)) for token in proof.tokens]


def _token_words(token: str, scheme: Scheme) -> str:
    if token in TOKEN_WORDS:
        return str(TOKEN_WORDS[token])
    if token == "ts" and scheme.timestamp:  # noqa: S105 - the name of a token of a template
        return place(scheme.timestamp.place).words
    if token == "id" and scheme.id:  # noqa: S105
        return ", ".join(place(text).words for text in scheme.id.places)
    return place(token).words
