"""What may happen twice when a call is made again, and what of it is known no more: in sentences."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.gateway.again import Effect, Lack, Left
from integrations.gateway.retry import Kind

LACKS = {
    Lack.METHOD: gettext_lazy("Its method is none that is sent from here."),
    Lack.PATH: gettext_lazy("A part of its path is masked, or the path was too long to be kept whole."),
    Lack.MOVED: gettext_lazy("The connection leads to another address than it did then."),
    Lack.HEADERS: gettext_lazy("The log does not hold the values of these headers: {names}."),
    Lack.BODY: gettext_lazy("Its body was not kept, or is kept masked or cut: what was masked is known nowhere."),
}
EFFECTS = {
    Effect.TOOK: gettext_lazy("The call went through then."),
    Effect.UNKNOWN: gettext_lazy("The call may have reached the provider; nobody knows whether it took effect."),
    Effect.NONE: gettext_lazy("The call did not take effect then: it was never sent, or the provider turned it away."),
}
READS = gettext_lazy("A {method} only reads: nothing happens twice. It counts against the provider’s limits.")
DELETES = gettext_lazy(
    "What stands at this address now is deleted, also what was made there since. Deleting twice is as once."
)
WRITES_WHOLE = gettext_lazy("It writes the same once more, over whatever was changed there since.")
KEYED = gettext_lazy(
    "It carries the same idempotency key as then. As long as the provider remembers that, it is not done twice."
)
TWICE = {
    Effect.TOOK: gettext_lazy("It happens a second time: a second record, message or payment."),
    Effect.UNKNOWN: gettext_lazy("If it did, it happens twice: a second record, message or payment. Look there first."),
    Effect.NONE: gettext_lazy("So nothing happens twice."),
}


def words_of(left: Left, *, is_same: bool = True) -> list[str]:
    """Return what may happen twice, in sentences. One that a person completes carries no key of the first on."""
    said = [str(EFFECTS[left.effect])]
    if left.method in ("GET", "HEAD"):
        said = [READS.format(method=left.method)]
    elif left.kind is Kind.SAFE:
        said.append(str(DELETES if left.method == "DELETE" else WRITES_WHOLE))
    else:
        said.append(str(KEYED if left.kind is Kind.KEYED and is_same else TWICE[left.effect]))
    if not left.has_head:
        said.append(
            _(
                "Its headers were not kept, so it is made without any of its own. "
                "Where one of them chose the account, make it in the console instead."
            )
        )
    return said


def lacks_of(left: Left) -> list[str]:
    """Return what of a call is known no more, in sentences."""
    return [str(LACKS[lack]).format(names=", ".join(left.hidden)) for lack in Lack if lack in left.lacks]
