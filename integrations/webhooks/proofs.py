"""What a request claims, and whether one of the secrets bears it out."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping

from integrations.webhooks.comparing import Claim, Key, content_of, right_signatures
from integrations.webhooks.decoding import decoded
from integrations.webhooks.key_material import UnusableSecret, key_bytes
from integrations.webhooks.places import ANY, expected_count, place, required, texts
from integrations.webhooks.schemes.parts import PUBLIC_KEY_KINDS, Proof
from integrations.webhooks.schemes.proven import Case, Proven
from integrations.webhooks.signed_content import near_urls, urls_to_try
from integrations.webhooks.verdicts import Refused
from secrets_vault import signatures
from secrets_vault.secret import Secret

MOST_SIGNATURES = 100  # DocuSign signs with up to as many keys
MOST_BY_KEY = 10  # each of these is checked over the whole body anew
LONGEST_TO_TRY_AGAIN = 1024 * 1024


def prove(case: Case) -> Proven:
    """Return what is proven. Raises Refused."""
    if own := case.scheme.own_functions:
        return own[0].prove(case)
    keys = usable_keys(case)
    claims = received(case, tuple(dict.fromkeys(key.proof for key in keys)))
    known = known_parts(case)
    check_body_hash(case)
    return _compared(case, keys, claims, known)


def usable_keys(case: Case) -> list[Key]:
    """Return every secret in the form of every proof that can use it. Raises Refused where there is none."""
    why = "There is no secret to compare with."
    found = []
    for number, secret in enumerate(case.secrets):
        for proof in case.scheme.proofs:
            try:
                found.append(Key(proof, number, _material(secret, proof)))
            except UnusableSecret as error:
                why = str(error)
    if not found:
        raise Refused("no_secret", why)
    return found


def _material(secret: Secret, proof: Proof) -> bytes:
    material = key_bytes(secret, proof.key_form)
    if proof.kind in PUBLIC_KEY_KINDS:
        try:
            signatures.check_public_key(proof.kind, material)
        except signatures.BadPublicKey:
            raise UnusableSecret("The stored secret is not a public key of this scheme's kind.") from None
    return material


def received(case: Case, proofs: tuple[Proof, ...]) -> list[Claim]:
    """Return the signatures received for any of these proofs. Raises Refused where there is none to read."""
    claims: list[Claim] = []
    problems = []
    for proof in proofs:
        try:
            claims += _claims(case, proof)
        except Refused as refusal:
            if refusal.reason == "doubled" and place(proof.signature).name != ANY:
                raise
            problems.append(refusal)
    if not claims:
        raise next((problem for problem in problems if problem.reason != "missing"), problems[0])
    return claims


def _claims(case: Case, proof: Proof) -> list[Claim]:
    where = place(proof.signature)
    written = [one for value in _values(case, proof) for one in _split(value, proof)]
    if not written:
        raise Refused("missing", f"The request lacks {where.words}, which should hold the signature.")
    most = MOST_BY_KEY if proof.kind in PUBLIC_KEY_KINDS else MOST_SIGNATURES
    if len(written) > most:
        raise Refused("malformed", f"There are more than {most} signatures in {where.words}.")
    return list(_decoded(written, proof))


def _values(case: Case, proof: Proof) -> tuple[str, ...]:
    where = place(proof.signature)
    if where.kind in ("json", "form"):
        case.request.check_short()
    found = texts(case.request, where, item_separator=case.scheme.item_separator)
    may_be_several = where.item or proof.is_every or "*" in where.name or "{n}" in where.name
    if proof.is_every and (count := expected_count(case.request, where)) != len(found):
        raise Refused("missing" if len(found) < count else "doubled", f"Not each item has {where.words} once.")
    if len(found) > 1 and not may_be_several:
        raise Refused("doubled", f"There is more than one value for {where.words}.")
    return found


def _split(value: str, proof: Proof) -> list[str]:
    return [piece.strip(" \t") for piece in value.split(proof.separator)] if proof.separator else [value]


def _decoded(written: list[str], proof: Proof) -> Iterator[Claim]:
    """Give each signature that can be read; among several, those of other versions are passed over."""
    where, problem, count = place(proof.signature), "", 0
    for one in written:
        if not one.startswith(proof.prefix):
            problem = f"The signature in {where.words} does not begin with {proof.prefix.strip()}."
            continue
        bare = one[len(proof.prefix) :]
        try:
            value = decoded(bare, proof.encoding)
        except ValueError:
            problem = f"The signature in {where.words} is not written in {proof.encoding}."
            continue
        if not _is_long_enough(value, proof):
            problem = f"The signature in {where.words} is empty or cut short: {len(value)} bytes."
            continue
        count += 1
        yield Claim(proof, bare, value)
    if not count:
        raise Refused("malformed", problem)


def _is_long_enough(value: bytes, proof: Proof) -> bool:
    if proof.kind in ("hmac", "digest") and proof.hash_named is None:
        return len(value) == hashlib.new(proof.hash, usedforsecurity=False).digest_size
    return bool(value)


def known_parts(case: Case) -> dict[str, bytes]:
    """Return the received time and id, as written, where a proof signs them. Raises Refused where one is not there."""
    tokens = {token for proof in case.scheme.proofs for token in proof.tokens}
    known = {}
    if "ts" in tokens and case.scheme.timestamp:
        known["ts"] = _part(case, case.scheme.timestamp.place, "time")
    if "id" in tokens and case.scheme.id:
        known["id"] = _part(case, case.scheme.id.places[0], "id")
    return known


def _part(case: Case, where: str, what: str) -> bytes:
    tail = f", the signed {what}"
    return required(case.request, place(where), tail, item_separator=case.scheme.item_separator).encode()


def check_body_hash(case: Case) -> None:
    """Raise Refused unless the hash that stands in the signed part is the body's."""
    rule = case.scheme.body_hash
    if rule is None:
        return
    written = required(case.request, place(rule.place), ": its body is not protected")
    try:
        claimed = decoded(written, rule.encoding)
    except ValueError:
        raise Refused("malformed", f"The hash of the body is not written in {rule.encoding}.") from None
    if not hmac.compare_digest(claimed, hashlib.new(rule.hash, case.request.body).digest()):
        raise Refused("mismatch", "The body is not the one whose hash was signed.")


def _compared(case: Case, keys: list[Key], claims: list[Claim], known: Mapping[str, bytes]) -> Proven:
    for key in keys:
        for url in urls_to_try(case.request.url, key.proof.url_form):
            if proven := _proven(case, key, claims, content_of(case, key, url=url, known=known)):
                return proven
    _refuse_another_url(case, keys, claims, known)
    raise Refused("mismatch", _mismatch(keys))


def _proven(case: Case, key: Key, claims: list[Claim], content: bytes) -> Proven | None:
    """Return what one secret proves of these bytes: one right signature suffices, unless every one must be."""
    mine = [claim for claim in claims if claim.proof is key.proof]
    right = right_signatures(case, key, mine, content)
    if not right or (key.proof.is_every and len(right) < len(mine)):
        return None
    return Proven(right[0], content, key.number)


def _refuse_another_url(case: Case, keys: list[Key], claims: list[Claim], known: Mapping[str, bytes]) -> None:
    """Raise Refused(wrong_url) where the vendor signed a near relation of the registered address.

    It is the most frequent mistake with the schemes that sign it, and no attack: only who knows the secret can
    sign any address. It is refused all the same, and said.
    """
    if len(case.request.body) > LONGEST_TO_TRY_AGAIN:
        return
    for key in keys:
        if "url" not in key.proof.tokens:
            continue
        for what, url in near_urls(case.request.url):
            if _proven(case, key, claims, content_of(case, key, url=url, known=known)):
                raise Refused("wrong_url", f"The signature is right for the registered address {what}.")


def _mismatch(keys: list[Key]) -> str:
    several = len({key.number for key in keys})
    if all(key.proof.kind == "equality" for key in keys):
        return "The secret that was sent is not the stored one."
    return (
        f"The signature fits none of the {several} secrets."
        if several > 1
        else "The signature does not fit: another secret, or not the bytes that were signed."
    )
