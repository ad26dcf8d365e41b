"""The six steps of a rotation as its page shows them: what was done and when, what is to be done now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.models import SecretRotation
from integrations.rotating.guided import BY_HAND
from integrations.rotating.trying import NO_PROBE, REFUSED, WORKS

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Step = SecretRotation.Step
ORDER = (Step.STORE, Step.PROBE, Step.SWITCH, Step.WATCH, Step.PROVE, Step.DONE)
TITLES: dict[str, StrOrPromise] = {
    Step.STORE: gettext_lazy("Make a new one at the provider and store it here"),
    Step.PROBE: gettext_lazy("Try the new one"),
    Step.SWITCH: gettext_lazy("Switch the gateway to it"),
    Step.WATCH: gettext_lazy("Watch real calls, then revoke the old one"),
    Step.PROVE: gettext_lazy("Prove that the old one is dead"),
    Step.DONE: gettext_lazy("Evidence"),
}
TRIED: dict[str, StrOrPromise] = {
    WORKS: gettext_lazy("The provider accepted it."),
    NO_PROBE: gettext_lazy("There is no call to try it with. The first real call will tell."),
    REFUSED: gettext_lazy(
        "The provider does not accept it. Was it copied whole? Try again, or give up and begin anew."
    ),
    "other_account": gettext_lazy("It works, but for another account than this connection’s. It cannot be used."),
    "unreachable": gettext_lazy("The provider could not be reached. Try again in a moment."),
    "unclear": gettext_lazy("The provider’s answer says neither yes nor no. Try again in a moment."),
    "unreadable": gettext_lazy("It cannot be read or may not be sent there. Give up and begin anew."),
}
PROVED: dict[str, StrOrPromise] = {
    REFUSED: gettext_lazy("A call with the old one was refused, and the same call with the new one went through."),
    BY_HAND: gettext_lazy("There is no call to prove it with. Whoever revoked it gave their word for it."),
    WORKS: gettext_lazy("The old one still works at the provider. Revoke it there, then prove it again."),
    "new_fails": gettext_lazy("The new one does not work just now, so a refusal of the old one would prove nothing."),
    "unreachable": gettext_lazy("The provider could not be reached. Try again in a moment."),
    "unclear": gettext_lazy("The provider’s answer says neither yes nor no. Try again in a moment."),
    "other_account": gettext_lazy(
        "The old one still works, for another account. Revoke it there, then prove it again."
    ),
    "unreadable": gettext_lazy("The old one cannot be read any more, so it cannot be tried."),
}

FAILED: dict[str, StrOrPromise] = {
    "": gettext_lazy("The provider did not do what was asked. Do this step by hand, or let it try again."),
    "not_allowed": gettext_lazy(
        "The key may not manage keys at the provider. Give it that right there, or make the new one by hand."
    ),
    "not_its_key": gettext_lazy("A key of this sort cannot rotate itself. Make the new one by hand."),
    "in_the_way": gettext_lazy(
        "The provider allows no further key beside those that are there. Delete one there that nobody uses; "
        "which one, Keylodge cannot know."
    ),
    "answer_lost": gettext_lazy(
        "The provider has ended the old key, and its answer with the new one was lost on the way. "
        "Make a new one by hand and store it here."
    ),
    "new_one_refused": gettext_lazy(
        "The provider refuses the new one for some calls, so the old one was not revoked. Undo, or look at its rights."
    ),
    "refused_yet": gettext_lazy("The provider does not accept the new one yet. Nothing was switched."),
    "still_works": gettext_lazy(
        "The old one still works after it was revoked. Look at the provider what became of it."
    ),
    "unreachable": gettext_lazy("The provider could not be reached. Nothing is lost; it is tried again."),
    "busy": gettext_lazy("The provider is busy or has a failure of its own. Nothing is lost; it is tried again."),
    "unclear": gettext_lazy("The provider gave an answer that cannot be read. Nothing is lost; it is tried again."),
}


@dataclass(frozen=True)
class StepShown:
    """One step: `state` is done, now, later or skipped."""

    name: str
    title: StrOrPromise
    state: str
    text: StrOrPromise = ""
    at: datetime | None = None
    tone: str = ""


def steps_of(rotation: SecretRotation) -> list[StepShown]:
    """Return the steps in their order."""
    return [_shown(rotation, step) for step in ORDER]


def _shown(rotation: SecretRotation, step: str) -> StepShown:
    at, text, tone = _what_happened(rotation, step)
    return StepShown(step, TITLES[step], _state(rotation, step, at), text, at, tone)


def _state(rotation: SecretRotation, step: str, at: datetime | None) -> str:
    if rotation.step == step and rotation.is_open:
        return "now"
    if rotation.step == Step.DONE:
        return "done"
    if rotation.is_open:
        return "done" if ORDER.index(step) < ORDER.index(rotation.step) else "later"
    return "done" if at is not None else "skipped"


def _what_happened(rotation: SecretRotation, step: str) -> tuple[datetime | None, StrOrPromise, str]:
    if step == Step.STORE:
        return rotation.stored_at, "", ""
    if step == Step.PROBE:
        bad = rotation.probe_outcome not in ("", WORKS, NO_PROBE)
        return rotation.probed_at, TRIED.get(rotation.probe_outcome, ""), "bad" if bad else ""
    if step == Step.SWITCH:
        return rotation.switched_at, "", ""
    if step == Step.WATCH:
        said = _("{name} said so.").format(name=rotation.revoked_by) if rotation.revoked_by else ""
        return rotation.revoked_at, said, ""
    if step == Step.PROVE:
        bad = rotation.proof not in ("", REFUSED, BY_HAND)
        return rotation.proved_at, PROVED.get(rotation.proof, ""), "bad" if bad else ""
    return rotation.ended_at, "", ""
