"""Signs a sample as its vendor would. Written from the facts, and not from what compares: so it tests that."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from django.utils.translation import gettext as _

from integrations.errors import IntegrationError
from integrations.webhooks.decoding import encoded
from integrations.webhooks.key_material import UnusableSecret, key_bytes
from integrations.webhooks.request import WebhookRequest
from integrations.webhooks.samples.draft import Draft
from integrations.webhooks.samples.functions import KEY_FORMS, LASTS, SIGNERS, TIMED
from integrations.webhooks.schemes.parts import PUBLIC_KEY_KINDS, Proof
from integrations.webhooks.schemes.shape import Scheme
from integrations.webhooks.signed_content import PLACED_TOKENS, signed_content, urls_to_try
from secrets_vault.secret import Secret

Variant = Literal["good", "tampered", "stale"]
TYPE = "keylodge.test"
OLDER = timedelta(minutes=1)  # than the window allows


class CannotSign(IntegrationError):
    """No sample of this scheme can be made here. The message says why, and what to do instead."""

    code = "cannot_sign"


def sign(
    scheme: Scheme, secret: Secret | None, *, url: str, now: datetime, nonce: str, variant: Variant = "good"
) -> WebhookRequest:
    """Return a request to `url` as the vendor would send it. Raises CannotSign.

    `nonce` makes its id; "tampered" is changed after it was signed, "stale" was signed too long ago.
    """
    proof = _proof_of(scheme, secret)
    key = _key(secret, proof)
    at = _stale(scheme, proof, now) if variant == "stale" else now
    draft = Draft(url, is_form=_is_form(scheme, proof), item_separator=scheme.item_separator)
    _fill(draft, scheme, at=at, nonce=nonce)
    is_body_signed = scheme.body_hash is not None or proof.covers_body
    is_spoilt = variant == "tampered" and not is_body_signed
    if proof.kind == "function":
        SIGNERS[proof.function](draft, key, at)
        if is_spoilt and "authorization" in draft.headers:
            draft.headers["authorization"] = _other(draft.headers["authorization"])
    else:
        _sign(draft, scheme, proof, key, known=_known(scheme, key, at=at, nonce=nonce), is_spoilt=is_spoilt)
    request = draft.request()
    return _with_another_body(request, nonce.encode()) if variant == "tampered" else request


def can_sign(scheme: Scheme) -> bool:
    """Tell whether a request can be signed here: not where the vendor alone holds the key."""
    return any(_is_shared(proof) for proof in scheme.proofs)


def _proof_of(scheme: Scheme, secret: Secret | None) -> Proof:
    """Return the first proof whose secret both sides hold, and that can use the stored one. Raises CannotSign."""
    shared = [proof for proof in scheme.proofs if _is_shared(proof)]
    if not shared:
        words = _("{scheme} signs with a private key that only the vendor has. Send a test from the vendor's own page.")
        raise CannotSign(words.format(scheme=scheme.name))
    return next((proof for proof in shared if secret is not None and _can_use(secret, proof)), shared[0])


def _is_shared(proof: Proof) -> bool:
    return proof.function in SIGNERS if proof.kind == "function" else proof.kind not in PUBLIC_KEY_KINDS


def _can_use(secret: Secret, proof: Proof) -> bool:
    try:
        key_bytes(secret, _key_form(proof))
    except UnusableSecret:
        return False
    return True


def _key_form(proof: Proof) -> str:
    return KEY_FORMS.get(proof.function, proof.key_form)


def _key(secret: Secret | None, proof: Proof) -> bytes:
    if secret is None:
        raise CannotSign(_("There is no secret to sign with. Give the endpoint its secret first."))
    try:
        return key_bytes(secret, _key_form(proof))
    except UnusableSecret as error:
        raise CannotSign(str(error)) from None


def _stale(scheme: Scheme, proof: Proof, now: datetime) -> datetime:
    """Return a time that is too long ago. Raises CannotSign where no time is signed."""
    if scheme.timestamp is not None:
        return now - timedelta(seconds=scheme.timestamp.tolerance_s) - OLDER
    if proof.function in TIMED:
        return now - LASTS - OLDER
    words = _("{scheme} signs no time, so nothing tells an old request from a new one.")
    raise CannotSign(words.format(scheme=scheme.name))


def _is_form(scheme: Scheme, proof: Proof) -> bool:
    places = [proof.signature, *(scheme.id.places if scheme.id else ())]
    return "form" in proof.tokens or any(one.startswith("form:") for one in places)


def _fill(draft: Draft, scheme: Scheme, *, at: datetime, nonce: str) -> None:
    """Write what every genuine request has: an id, a kind, a time, and whatever else is signed by its name."""
    draft.put("form:message" if draft.is_form else "json:keylodge_test", nonce)
    if scheme.event_type:
        draft.put(scheme.event_type, TYPE)
    for number, where in enumerate(scheme.id.places if scheme.id else ()):
        draft.put(where, nonce if number == 0 else f"{number}")
    for rule in scheme.header_rules:
        draft.put(f"header:{rule.name}", rule.value)
    if scheme.timestamp is not None:
        draft.put(scheme.timestamp.place, written_time(at, scheme.timestamp.unit))
    for token in {token for proof in scheme.proofs for token in proof.tokens if token.startswith(PLACED_TOKENS)}:
        if not draft.has(token):
            draft.put(token, nonce)


def written_time(at: datetime, unit: str) -> str:
    """Return a time as the facts say that it is written."""
    if unit == "iso":
        return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return str(int(at.timestamp() * (1000 if unit == "ms" else 1)))


def _known(scheme: Scheme, key: bytes, *, at: datetime, nonce: str) -> dict[str, bytes]:
    """Return what a template may name beside the request's own parts."""
    time = {"ts": written_time(at, scheme.timestamp.unit).encode()} if scheme.timestamp is not None else {}
    return {"secret": key, "id": nonce.encode(), **time}


def _sign(draft: Draft, scheme: Scheme, proof: Proof, key: bytes, *, known: dict[str, bytes], is_spoilt: bool) -> None:
    if scheme.body_hash is not None:
        digest = hashlib.new(scheme.body_hash.hash, draft.request().body).digest()
        draft.put(scheme.body_hash.place, encoded(digest, scheme.body_hash.encoding))
    written = _signature(draft.request(), proof, key, known)
    draft.put(proof.signature, proof.prefix + (_other(written) if is_spoilt else written))


def _signature(request: WebhookRequest, proof: Proof, key: bytes, known: dict[str, bytes]) -> str:
    if proof.kind == "equality":
        whole = key if proof.encoding != "basic" or b":" in key else b"keylodge:" + key
        return encoded(whole, proof.encoding)
    content = signed_content(request, proof.signed, url=urls_to_try(request.url, proof.url_form)[0], known=known)
    if proof.kind == "digest":
        return encoded(hashlib.new(proof.hash, content).digest(), proof.encoding)
    return encoded(hmac.digest(key, content, proof.hash), proof.encoding)


def _with_another_body(request: WebhookRequest, nonce: bytes) -> WebhookRequest:
    """Return the request with a body that nobody signed, of the same media type."""
    body = request.body
    return replace(request, body=body.replace(nonce, nonce + b"0") if nonce in body else body + b" ")


def _other(written: str) -> str:
    """Return a signature with another character in its middle: the last one may hold spare bits."""
    at = len(written) // 2
    return written[:at] + ("B" if written[at] in "aA" else "A") + written[at + 1 :]
