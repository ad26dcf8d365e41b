"""A JWT as a second way to present a gateway token: believed only after every check (RFC 8725), or not at all.

Nothing here is asked for a token of ours. What a JWT opens is found by its issuer and the slug, among the
issuers that somebody trusts for a gateway token of that connection; the key comes from there, never from the JWT.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from integrations.gateway.key_sets import KeySets
from integrations.gateway.problems import Problem
from integrations.gateway.reading import MOST_TRUSTED, Reader
from integrations.gateway.route import TokenFacts
from integrations.jwt.keys import ASYMMETRIC, BadKey, CheckingKey, chosen, is_weak, of_jwks
from integrations.jwt.parts import NotAJWT, UnverifiedJWT, audiences, cut, seconds
from secrets_vault import vault

JWT_BEGINS = "eyJ"
MOST_CHARACTERS = 8 * 1024
LEEWAY_S = 60
LONGEST_LIFE_S = 24 * 3600
BELIEVED_S = 300.0
MOST_BELIEVED = 5_000
MOST_TEXT = 1_000
MOST_SHOWN = 200  # what a call's row holds of an issuer or a subject
# What changes how the rest is read, and that nobody here understands (RFC 7515 section 4.1.11, RFC 7797).
REFUSED_HEADERS = ("crit", "b64", "zip", "cty")
TYPES = ("jwt", "at+jwt", "application/jwt", "application/at+jwt")


@dataclass(frozen=True, slots=True)
class Bearer:
    """Which gateway token a caller presents. Of a JWT also until when and as whom.

    `issuer` and `subject` are cut to what a log shows; `signer` is a keyed hash of both as they are.
    """

    token_hash: bytes = field(repr=False)
    until: datetime | None = None
    issuer: str = ""
    subject: str = ""
    signer: bytes = field(default=b"", repr=False)

    def bound(self, facts: TokenFacts) -> TokenFacts:
        """Return what the token allows as long as the JWT lasts."""
        ends = [at for at in (facts.expires_at, self.until) if at is not None]
        until = min(ends, default=None)
        return replace(
            facts, expires_at=until, jwt_issuer=self.issuer, jwt_subject=self.subject, jwt_signer=self.signer
        )


@dataclass(frozen=True, slots=True)
class Trust:
    """One row of the reader: an issuer that is trusted for one gateway token."""

    id: str
    audience: str
    jwks_url: str
    keys: list[Any]
    algs: list[str]
    claims: Mapping[str, str]
    token_hash: bytes = field(repr=False)

    @property
    def said(self) -> str:
        """Return all that was decided when a JWT was believed by it."""
        return json.dumps([self.id, self.audience, self.jwks_url, self.keys, self.algs, self.claims], sort_keys=True)


class JWTSignIn:
    """Finds the gateway token that a JWT opens. One per process."""

    def __init__(
        self, reader: Reader, *, key_sets: KeySets | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._reader = reader
        self._key_sets = key_sets or KeySets(clock=clock)
        self._clock = clock
        self._salt = os.urandom(16)
        self._believed: OrderedDict[bytes, float] = OrderedDict()

    async def bearer(self, text: str, slug: str, *, now: datetime) -> Bearer:
        """Return what a JWT opens here; raises Problem token_invalid, token_ambiguous or unavailable."""
        try:
            token = cut(text, most=MOST_CHARACTERS)
        except NotAJWT:
            raise Problem("token_invalid") from None
        issuer, ends = _issuer(token), _ends(token, now.timestamp())
        rows = await self._reader.trusted(issuer, slug)
        if len(rows) > MOST_TRUSTED:  # more than anybody sets up: none of them is guessed
            raise Problem("token_ambiguous")
        fitting = [trust for row in rows if _says_what_is_wanted(token, trust := _trust(row))]
        opened = {trust.token_hash for trust in fitting if await self._is_signed(token, text, trust)}
        if not opened:
            raise Problem("token_invalid")
        if len(opened) > 1:
            raise Problem("token_ambiguous")
        until = datetime.fromtimestamp(ends + LEEWAY_S, UTC)
        subject = token.claims.get("sub")
        return Bearer(opened.pop(), until, issuer[:MOST_SHOWN], _shown(subject), _signer(issuer, subject))

    async def _is_signed(self, token: UnverifiedJWT, text: str, trust: Trust) -> bool:
        """Tell whether the trusted issuer signed this; what was believed is believed for five minutes."""
        said = f"{text}\n{trust.said}".encode()
        digest = hashlib.blake2b(said, key=self._salt, digest_size=16).digest()
        if self._believed.get(digest, 0.0) > self._clock():
            return True
        keys = await self._keys(token, trust)
        key = chosen(keys, token)
        if key is None or is_weak(key, token.alg) or not key.made(token):
            return False
        self._believed[digest] = self._clock() + BELIEVED_S
        if len(self._believed) > MOST_BELIEVED:
            self._believed.popitem(last=False)
        return True

    async def _keys(self, token: UnverifiedJWT, trust: Trust) -> tuple[CheckingKey, ...]:
        if trust.jwks_url:
            return await self._key_sets.keys_for(token, trust.jwks_url)
        try:
            return of_jwks(trust.keys)
        except BadKey:
            return ()

    def close(self) -> None:
        """End the thread that fetches keys."""
        self._key_sets.close()


def _trust(row: Any) -> Trust:
    id_, audience, jwks_url, keys, algs, claims, token_hash = row
    keys, algs, claims = (json.loads(each) if isinstance(each, str) else each for each in (keys, algs, claims))
    return Trust(str(id_), audience, jwks_url, keys, algs, claims, bytes(token_hash))


def _issuer(token: UnverifiedJWT) -> str:
    """Return the issuer that a JWT names, once its header is one that may be read on; raises Problem."""
    header, issuer = token.header, token.claims.get("iss")
    type_ = header.get("typ", "JWT")
    kid = header.get("kid", "")
    is_plain = isinstance(type_, str) and type_.lower() in TYPES and isinstance(kid, str) and len(kid) <= MOST_TEXT
    if token.alg not in ASYMMETRIC or not is_plain or any(name in header for name in REFUSED_HEADERS):
        raise Problem("token_invalid")
    if (
        not isinstance(issuer, str)
        or not 0 < len(issuer) <= MOST_TEXT
        or not (issuer.isascii() and issuer.isprintable())
    ):
        raise Problem("token_invalid")
    return issuer


def _ends(token: UnverifiedJWT, now_s: float) -> float:
    """Return when the JWT ends, if it counts now and lives no longer than a day; raises Problem."""
    times = {name: seconds(token.claims, name) for name in ("exp", "nbf", "iat")}
    if any(name in token.claims and at is None for name, at in times.items()):
        raise Problem("token_invalid")
    expires, begins, issued = times["exp"], times["nbf"], times["iat"]
    if expires is None or expires + LEEWAY_S <= now_s:
        raise Problem("token_invalid")
    if max(begins or now_s, issued or now_s) > now_s + LEEWAY_S:
        raise Problem("token_invalid")
    if expires - min(now_s, issued if issued is not None else now_s) > LONGEST_LIFE_S + LEEWAY_S:
        raise Problem("token_invalid")
    return expires


def _says_what_is_wanted(token: UnverifiedJWT, trust: Trust) -> bool:
    """Tell whether algorithm, audience and every wanted claim are those of this trust; the signature is checked later.

    A trust that wants no claim opens nothing: an issuer for the whole world signs for strangers, too.
    """
    meant = audiences(token.claims)
    if token.alg not in trust.algs or not meant or not trust.audience or trust.audience not in meant:
        return False
    return bool(trust.claims) and all(
        matches(pattern, token.claims.get(name)) for name, pattern in trust.claims.items()
    )


def matches(pattern: str, value: Any) -> bool:
    """Tell whether a claim is as wanted: the same text, * standing for anything. A list or object never is."""
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else value
    text = str(text) if isinstance(text, int) else text
    if not isinstance(text, str) or len(text) > MOST_TEXT:
        return False
    if "*" not in pattern:
        return pattern == text
    first, *middle, last = pattern.split("*")
    at = len(first)
    for piece in middle:  # the nearest place is always the best, so that no text makes this slow
        found = text.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return text.startswith(first) and len(text) - len(last) >= at and text.endswith(last)


def _signer(issuer: str, subject: Any) -> bytes:
    """Return who signed in, as two calls are compared by; b"" for nobody in particular."""
    if not isinstance(subject, str) or not subject:
        return b""
    return vault.keyed_hash("jwt-signer", json.dumps([issuer, subject]).encode("ascii"))


def _shown(subject: Any) -> str:
    """Return a subject for the call log: one short line."""
    text = subject if isinstance(subject, str) else ""
    return "".join(char for char in text if char.isprintable())[:MOST_SHOWN] or "without a subject"
