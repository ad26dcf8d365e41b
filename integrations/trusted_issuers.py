"""Whose JWTs open a gateway token: an issuer is trusted, changed and trusted no longer."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from integrations.errors import IntegrationError
from integrations.jwt.keys import ASYMMETRIC, PUBLIC_MEMBERS, BadKey, CheckingKey, is_weak, public_keys
from integrations.jwt.unreadable import no_key_sentence
from integrations.models import GatewayToken, TrustedIssuer
from integrations.providers.templates import url_problem
from secrets_vault import audit, generation
from secrets_vault.actor import Actor

MOST_ISSUERS = 10
MOST_CLAIMS = 10
MOST_TEXT = 500
LEAST_FIXED = 3
_NAME = re.compile(r"[!-~]{1,100}\Z")
# What is checked by rules of its own, and cannot be asked for once more.
OWN_RULES = frozenset({"iss", "aud", "exp", "nbf", "iat"})


class BadIssuer(IntegrationError):
    """An issuer that cannot be trusted like this. `field` names what is wrong, the message is a sentence."""

    code = "bad_issuer"

    def __init__(self, field_name: str, sentence: str) -> None:
        self.field = field_name
        super().__init__(sentence)


@dataclass(frozen=True)
class Terms:
    """What a JWT must be to open a gateway token: `keys_text` is a JWK, a JWKS or PEM where there is no address."""

    issuer: str
    audience: str
    algs: list[str]
    claims: dict[str, str]
    jwks_url: str = ""
    keys_text: str = field(default="", repr=False)


def trust(token: GatewayToken, terms: Terms, *, actor: Actor) -> TrustedIssuer:
    """Let an issuer's JWTs open a gateway token, from the next call on. Raises BadIssuer."""
    keys = _checked(terms, kept_keys=[])
    with transaction.atomic():
        GatewayToken.objects.select_for_update().get(pk=token.pk)
        if token.issuers.count() >= MOST_ISSUERS:
            raise BadIssuer("issuer", _("A token trusts at most {n} issuers.").format(n=MOST_ISSUERS))
        row = TrustedIssuer.objects.create(token=token, **_columns(terms, keys))
        _record("token.issuer_trusted", row, actor=actor)
    return row


def change(row: TrustedIssuer, terms: Terms, *, actor: Actor) -> None:
    """Change what is wanted of an issuer's JWTs; without new keys or an address the pasted keys stay. BadIssuer."""
    keys = _checked(terms, kept_keys=row.keys)
    with transaction.atomic():
        for name, value in _columns(terms, keys).items():
            setattr(row, name, value)
        row.save(update_fields=["issuer", "audience", "jwks_url", "keys", "algs", "claims"])
        _record("token.issuer_changed", row, actor=actor)


def is_as_wanted(row: TrustedIssuer, terms: Terms) -> bool:
    """Tell whether a row says exactly this already. Raises BadIssuer for terms that could not be kept."""
    wanted = _columns(terms, _checked(terms, kept_keys=row.keys))
    return all(getattr(row, name) == value for name, value in wanted.items())


def end(row: TrustedIssuer, *, actor: Actor) -> None:
    """Trust an issuer no longer: its JWTs open nothing from the next call on."""
    with transaction.atomic():
        _record("token.issuer_removed", row, actor=actor)
        row.delete()


def _columns(terms: Terms, keys: list[Any]) -> dict[str, Any]:
    return {
        "issuer": terms.issuer,
        "audience": terms.audience,
        "jwks_url": terms.jwks_url,
        "keys": keys,
        "algs": list(terms.algs),
        "claims": dict(terms.claims),
    }


def _record(action: str, row: TrustedIssuer, *, actor: Actor) -> None:
    token = row.token
    details = {
        "issuer": row.issuer,
        "audience": row.audience,
        "keys": row.jwks_url or f"{len(row.keys)} pasted",
        "algs": row.algs,
        "claims": [f"{name}={pattern}" for name, pattern in sorted(row.claims.items())],
    }
    audit.record(action, actor=actor, client=token.client, subject=token, label=token.name, details=details)
    generation.bump()


def _checked(terms: Terms, *, kept_keys: list[Any]) -> list[Any]:
    """Return the pasted keys as JWKs, once everything else may be. Raises BadIssuer."""
    for name, text in (("issuer", terms.issuer), ("audience", terms.audience)):
        if not 0 < len(text) <= MOST_TEXT or not (text.isascii() and text.isprintable()):
            raise BadIssuer(name, _("Write it exactly as the token says it: plain characters, at most 500."))
    if not terms.algs or set(terms.algs) - set(ASYMMETRIC):
        raise BadIssuer("algs", _("Choose how its tokens are signed."))
    _check_claims(terms.claims)
    if terms.jwks_url:
        if terms.keys_text:
            raise BadIssuer("keys_text", _("Give an address or keys, not both."))
        if len(terms.jwks_url) > MOST_TEXT or url_problem(terms.jwks_url.partition("?")[0]):
            raise BadIssuer("jwks_url", _("This is no https address."))
        return []
    if not terms.keys_text:
        if not kept_keys:
            raise BadIssuer("jwks_url", _("Give the address of the issuer's keys, or paste them."))
        return kept_keys
    return _pasted(terms)


def _check_claims(claims: dict[str, str]) -> None:
    if not claims:
        words = _("Name at least one claim, such as sub: the issuer signs tokens for others, too.")
        raise BadIssuer("claims", words)
    if len(claims) > MOST_CLAIMS:
        raise BadIssuer("claims", _("At most {n} claims.").format(n=MOST_CLAIMS))
    for name, pattern in claims.items():
        if name in OWN_RULES:
            raise BadIssuer("claims", _("{name} is checked by itself.").format(name=name))
        if not _NAME.match(name) or not 0 < len(pattern) <= MOST_TEXT or not pattern.isprintable():
            raise BadIssuer("claims", _("One claim to a line, as in sub = repo:acme/site:*"))
    if all(len(pattern.replace("*", "")) < LEAST_FIXED and "*" in pattern for pattern in claims.values()):
        raise BadIssuer("claims", _("These patterns fit everybody. Say more of at least one claim."))


def _pasted(terms: Terms) -> list[Any]:
    try:
        found = public_keys(terms.keys_text)
    except BadKey as error:
        raise BadIssuer("keys_text", no_key_sentence(error.code)) from None
    if any(is_weak(each, "RS256") for each in found):
        raise BadIssuer("keys_text", _("An RSA key in it is too weak: at least 2048 bits are needed."))
    if not any(each.fits(alg) for each in found for alg in terms.algs):
        raise BadIssuer("keys_text", _("No key in it is made for the ways of signing you chose."))
    return [_as_jwk(each) for each in found]


def _as_jwk(key: CheckingKey) -> dict[str, Any]:
    public = key.key.as_dict(private=False)
    kept = {name: public[name] for name in PUBLIC_MEMBERS if name in public}
    return kept | ({"kid": key.kid} if key.kid is not None else {}) | ({"alg": key.alg} if key.alg else {})
