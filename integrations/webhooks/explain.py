"""Show how a verification went: the string to sign, what was expected and received, and where they part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from integrations.webhooks.comparing import Claim, Key, content_of, expected_signature, right_signatures
from integrations.webhooks.decoding import encoded
from integrations.webhooks.proofs import known_parts, received, usable_keys
from integrations.webhooks.request import WebhookRequest
from integrations.webhooks.schemes.parts import PUBLIC_KEY_KINDS, Proof
from integrations.webhooks.schemes.proven import NO_KEYS, Case, KeySource
from integrations.webhooks.schemes.shape import Scheme
from integrations.webhooks.signed_content import urls_to_try
from integrations.webhooks.verdicts import Explanation, Refused
from integrations.webhooks.verify import check_line, verdict_of
from secrets_vault.secret import MASK, Secret

SHOWN = 8  # characters of a signature: enough to compare by eye, too few to use


def explain(
    request: WebhookRequest,
    scheme: Scheme,
    secrets: Sequence[Secret],
    *,
    now: datetime,
    keys: KeySource = NO_KEYS,
) -> Explanation:
    """Return the verdict with all that led to it. It never raises for what a stranger may send."""
    verdict, reason, why = verdict_of(request, scheme, secrets, now=now, keys=keys)
    try:
        check_line(request)
    except Refused:  # half a character in the address or the method: there are no bytes to show
        return Explanation(verdict, reason, why)
    case = Case(request, scheme, secrets, now, keys)
    try:
        seen = _seen(case)
    except Refused:  # the verdict says why there is nothing to show
        seen = None
    if seen is None:
        return Explanation(verdict, reason, why, signed_content=_signed_by_function(case))
    key, claim, content, shown = seen
    expected = "" if key.proof.kind in PUBLIC_KEY_KINDS else _expected(case, key, content)
    return Explanation(
        verdict,
        reason,
        why,
        signed_content=shown,
        expected_masked=_masked(expected, key.proof),
        received_masked=_masked(claim.written, key.proof),
        first_difference=_first_difference(expected, claim.written) if expected else None,
        hint=_hint(case, key, claim, content) if verdict == "invalid" and reason == "mismatch" else "",
    )


def _seen(case: Case) -> tuple[Key, Claim, bytes, bytes] | None:
    """Return the first secret and signature that meet, and the bytes that were signed: as used, and as shown."""
    if case.scheme.own_functions:
        return None
    keys = usable_keys(case)
    claims = received(case, tuple(dict.fromkeys(key.proof for key in keys)))
    known = known_parts(case)
    for key in keys:
        for claim in claims:
            if claim.proof is key.proof:
                url = urls_to_try(case.request.url, key.proof.url_form)[0]
                content = content_of(case, key, url=url, known=known)
                return key, claim, content, content_of(case, key, url=url, known=known, masks_secret=True)
    return None


def _signed_by_function(case: Case) -> bytes:
    """Return what a scheme with code of its own should have signed, empty where that says nothing or cannot be had."""
    says = next((function.signed for function in case.scheme.own_functions), None)
    try:
        return says(case) if says else b""
    except Refused:
        return b""


def _expected(case: Case, key: Key, content: bytes) -> str:
    if key.proof.kind == "equality":
        return ""  # the secret itself, of which nothing is shown
    return encoded(expected_signature(case, key, content), key.proof.encoding)


def _masked(written: str, proof: Proof) -> str:
    if not written:
        return ""
    return MASK if proof.kind == "equality" else written[:SHOWN] + MASK


def _first_difference(expected: str, written: str) -> int | None:
    if expected == written:
        return None
    pairs = enumerate(zip(expected, written, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(expected), len(written)))


def _hint(case: Case, key: Key, claim: Claim, content: bytes) -> str:
    """Return what would make the signature fit, where a usual mistake does, else nothing."""
    for words, changed in _usual_mistakes(case.request.body):
        other = content.replace(case.request.body, changed) if case.request.body else content
        if other != content and right_signatures(case, key, [claim], other):
            return words
    return ""


def _usual_mistakes(body: bytes) -> Iterator[tuple[str, bytes]]:
    yield "It fits the body without the white space at its end: something added to it on the way.", body.rstrip()
    yield "It fits the body with a line break at its end: something trimmed it on the way.", body + b"\n"
    yield "It fits the body with CR LF at its end: something trimmed it on the way.", body + b"\r\n"
    yield "It fits an empty body: something put one in on the way.", b""
