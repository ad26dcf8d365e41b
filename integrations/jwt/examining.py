"""What is wrong with a JWT, in sentences: for a person who pasted one. Nothing of it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from integrations.jwt.keys import ASYMMETRIC, HMAC, MIN_RSA_BITS, CheckingKey, chosen, is_weak
from integrations.jwt.parts import UnverifiedJWT, audiences, seconds

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

TIMES = ("exp", "nbf", "iat")
LEEWAY_S = 60
LONG_LIFE = timedelta(hours=24)
# A header that brings its own key, or says where one is: whoever forges a token can write that too.
BRINGS_A_KEY = ("jwk", "jku", "x5u", "x5c")
EARLIEST, LATEST = 0, 253_402_300_799


@dataclass(frozen=True)
class Finding:
    """One sentence about a JWT, and how bad it is: bad, warn, ok or info."""

    tone: str
    text: StrOrPromise


@dataclass(frozen=True)
class Wanted:
    """What a person expects of the token; what is empty is not asked."""

    keys: Sequence[CheckingKey] = field(default=(), repr=False)
    is_checked: bool = False
    issuer: str = ""
    audience: str = ""


@dataclass(frozen=True)
class Examined:
    """What came of looking at a JWT. `signature`: fits, differs, unchecked or none."""

    token: UnverifiedJWT
    signature: str
    findings: list[Finding]

    @property
    def tone(self) -> str:
        """Return how bad the worst finding is."""
        tones = [finding.tone for finding in self.findings]
        return next((tone for tone in ("bad", "warn") if tone in tones), "ok" if self.signature == "fits" else "info")


def examine(token: UnverifiedJWT, wanted: Wanted, *, now: datetime) -> Examined:
    """Judge a JWT against what is wanted of it."""
    signature, found = _signature(token, wanted)
    return Examined(token, signature, [*found, *_header(token), *_times(token, now), *_parties(token, wanted)])


def _signature(token: UnverifiedJWT, wanted: Wanted) -> tuple[str, list[Finding]]:
    alg = token.alg
    if alg.lower() == "none":
        words = _("It is not signed at all (alg: none). Anybody can write such a token: never accept it.")
        return "none", [Finding("bad", words)]
    if alg not in ASYMMETRIC + HMAC:
        words = _("Its header names an algorithm that is not accepted here, or none. Only registered ones are safe.")
        return "unchecked", [Finding("bad", words)]
    if not wanted.is_checked:
        words = _("The signature was not checked. What you see is what the token says of itself, which may be forged.")
        return "unchecked", [Finding("info", words)]
    key = chosen(wanted.keys, token)
    if key is None:
        return "unchecked", [Finding("bad", _no_key(token, wanted.keys))]
    weak = [Finding("bad", _weakness(key, alg))] if is_weak(key, alg) else []
    if key.made(token):
        return "fits", [
            *weak,
            Finding("ok", _("The signature fits the key: the token is unchanged since it was signed.")),
        ]
    words = _("The signature does not fit the key: the token was changed, or another key signed it.")
    return "differs", [Finding("bad", words), *weak]


def _no_key(token: UnverifiedJWT, keys: Sequence[CheckingKey]) -> str:
    """Return why none of the keys can check this token."""
    fitting = [key for key in keys if key.fits(token.alg)]
    if not fitting and token.alg in HMAC:
        return _(
            "The token says {alg}, which takes a shared secret, and what you gave is a public key. A forger who knows "
            "the public key signs like this (key confusion): never accept it."
        ).format(alg=token.alg)
    if not fitting:
        return _("The token says {alg}, and no key you gave is made for that.").format(alg=token.alg)
    if token.kid is not None:
        return _(
            "No key has the id that the token names (kid). Either the issuer changed its keys, or it is another issuer."
        )
    return _("The token names no key (kid), and several could have signed it.")


def _weakness(key: CheckingKey, alg: str) -> str:
    if alg in HMAC:
        return _("The shared secret has {bits} bits; {alg} wants at least {least}. It can be guessed.").format(
            bits=key.bits, alg=alg, least=alg[2:]
        )
    return _("The RSA key has {bits} bits and is too weak: at least {least} are needed.").format(
        bits=key.bits, least=MIN_RSA_BITS
    )


def _header(token: UnverifiedJWT) -> list[Finding]:
    found = []
    if any(name in token.header for name in BRINGS_A_KEY):
        words = _("The header brings its own key or names an address for one ({names}). Nobody should believe that.")
        names = ", ".join(name for name in BRINGS_A_KEY if name in token.header)
        found.append(Finding("warn", words.format(names=names)))
    if "crit" in token.header:
        words = _("The header demands rules that must be understood (crit). Whoever does not know them must refuse it.")
        found.append(Finding("warn", words))
    if "kid" in token.header and token.kid is None:
        found.append(Finding("bad", _("The id of its key (kid) is no text.")))
    return found


def moment(token: UnverifiedJWT, name: str) -> datetime | None:
    """Return one of the claims' times, None where it is none that a calendar knows."""
    at = seconds(token.claims, name)
    return datetime.fromtimestamp(at, UTC) if at is not None and EARLIEST <= at <= LATEST else None


def _times(token: UnverifiedJWT, now: datetime) -> list[Finding]:
    found = [
        Finding("bad", _("{name} is no time: a number of seconds since 1970 is wanted.").format(name=name))
        for name in TIMES
        if name in token.claims and moment(token, name) is None
    ]
    expires, begins, issued = (moment(token, name) for name in TIMES)
    leeway = timedelta(seconds=LEEWAY_S)
    if "exp" not in token.claims:
        found.append(Finding("warn", _("It never expires (no exp): whoever copies it can use it for ever.")))
    elif expires is not None and expires <= now:
        found.append(Finding("bad", _("It expired {long} ago.").format(long=in_words(now - expires))))
    if begins is not None and begins > now + leeway:
        found.append(Finding("bad", _("It is not valid yet: in {long}.").format(long=in_words(begins - now))))
    if issued is not None and issued > now + leeway:
        words = _("It was issued in the future, in {long}: one of the clocks is wrong.")
        found.append(Finding("warn", words.format(long=in_words(issued - now))))
    if expires is not None and issued is not None and expires - issued > LONG_LIFE and expires > now:
        words = _("It lives for {long}. A copy that leaks stays useful as long.")
        found.append(Finding("warn", words.format(long=in_words(expires - issued))))
    return found


def in_words(span: timedelta) -> str:
    """Return a length of time: "40 seconds", "3 hours", "12 days"."""
    whole = int(span.total_seconds())
    if whole < 120:
        return ngettext("{n} second", "{n} seconds", whole).format(n=whole)
    if whole < 2 * 3600:
        return ngettext("{n} minute", "{n} minutes", whole // 60).format(n=whole // 60)
    if whole < 2 * 86_400:
        return ngettext("{n} hour", "{n} hours", whole // 3600).format(n=whole // 3600)
    return ngettext("{n} day", "{n} days", whole // 86_400).format(n=whole // 86_400)


def _parties(token: UnverifiedJWT, wanted: Wanted) -> list[Finding]:
    found, meant = [], audiences(token.claims)
    if wanted.issuer and token.claims.get("iss") != wanted.issuer:
        found.append(Finding("bad", _("It is from another issuer (iss) than you expect.")))
    if wanted.audience and (meant is None or wanted.audience not in meant):
        found.append(Finding("bad", _("It is not meant for the audience (aud) you expect.")))
    elif "aud" not in token.claims:
        found.append(
            Finding("warn", _("It names nobody it is meant for (no aud): it works wherever its issuer is trusted."))
        )
    return found


CLAIM_WORDS: dict[str, StrOrPromise] = {
    "iss": gettext_lazy("Issuer"),
    "sub": gettext_lazy("Subject, whom it is about"),
    "aud": gettext_lazy("Audience, whom it is meant for"),
    "azp": gettext_lazy("App it was made for"),
    "client_id": gettext_lazy("App it was made for"),
    "scope": gettext_lazy("Scopes"),
    "scp": gettext_lazy("Scopes"),
    "scopes": gettext_lazy("Scopes"),
    "roles": gettext_lazy("Roles"),
    "jti": gettext_lazy("Its own id"),
    "exp": gettext_lazy("Expires"),
    "nbf": gettext_lazy("Valid from"),
    "iat": gettext_lazy("Issued"),
    "auth_time": gettext_lazy("Signed in"),
    "email": gettext_lazy("E-mail"),
    "name": gettext_lazy("Name"),
}
