"""A private key as a person gives it: a PEM, the provider's file, or a JWT that the provider signed itself."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from integrations.connections.credential import BadValue
from integrations.oauth.key_names import BadKeyName, check_names
from integrations.oauth.private_keys import BadPrivateKey, end_of_ready_made, read_private_key, tidy, unlocked
from integrations.providers.grant_facts import AssertionFacts, Claim
from secrets_vault.secret import Secret

MOST_KEY_LENGTH = 32 * 1024
LONGEST_CLAIM = 500
CLAIMS_OF_OURS = ("iat", "exp", "nbf", "jti")


@dataclass(frozen=True)
class Pasted:
    """A private key as a person gave it, and the claims that stood in the same file."""

    private_key: Secret
    claims: Mapping[str, str]


def read_pasted(text: Secret, facts: AssertionFacts) -> Pasted:
    """Return the key in a PEM, in the provider's JSON file (Google, Box), or in an `id:secret` (Ghost).

    Where the token is fetched says the provider's facts, never the file. Raises BadValue.
    """
    plain = text.expose().strip()
    if len(plain) > MOST_KEY_LENGTH:
        raise BadValue("private_key", _("this is too long for a private key; was another file pasted?"))
    if plain.startswith("{"):
        return _from_file(plain, facts)
    if facts.key_encoding == "hex" and ":" in plain:
        kid, _colon, rest = plain.partition(":")
        return Pasted(Secret(rest.strip()), {"kid": kid.strip()})
    return Pasted(Secret(tidy(plain)), {})


def _from_file(plain: str, facts: AssertionFacts) -> Pasted:
    try:
        table = json.loads(plain)
    except (ValueError, RecursionError):
        table = None
    if not isinstance(table, dict):
        raise BadValue("private_key", _("this begins like a JSON file and is none; copy the whole file"))
    found = {name: text for name, at in facts.file.items() if (text := _text_at(table, at))}
    key, passphrase = found.pop("private_key", ""), found.pop("passphrase", "")
    if not key:
        raise BadValue(
            "private_key",
            _("this JSON file has no private_key; download a key of the service account, not the app's client secret"),
        )
    return Pasted(Secret(_opened(key, passphrase) if passphrase else tidy(key)), found)


def _text_at(table: Any, path: str) -> str:
    """Return the text at a dotted path, "" where there is none."""
    for step in path.split("."):
        table = table.get(step) if isinstance(table, dict) else None
    return table.strip() if isinstance(table, str) else ""


def _opened(key: str, passphrase: str) -> str:
    try:
        return unlocked(key, passphrase)
    except BadPrivateKey as error:
        reason = str(error)
    raise BadValue("private_key", reason)


def check_claims(claims: Mapping[str, Any], facts: AssertionFacts) -> dict[str, str]:
    """Return the claims to keep. Raises BadValue for one that is missing, ours to set, or no text."""
    kept = {name: value for name, value in claims.items() if value not in ("", None)}
    for name, value in kept.items():
        if name in CLAIMS_OF_OURS:
            raise BadValue(name, _("{name} is set for each token anew; leave it out").format(name=name))
        if not isinstance(value, str) or len(value) > LONGEST_CLAIM or not value.isprintable():
            raise BadValue(name, _("{name} must be one line of text").format(name=name))
    kept = {name: value.strip() for name, value in kept.items()}
    for claim in facts.claims:
        _check_claim(claim, kept)
    return kept


def _check_claim(claim: Claim, kept: dict[str, str]) -> None:
    if claim.default:
        kept.setdefault(claim.name, claim.default)
    if not kept.get(claim.name):
        if claim.is_optional:
            return
        raise BadValue(claim.name, _("{words} is missing").format(words=_(claim.words)))
    if claim.is_upper:
        kept[claim.name] = kept[claim.name].upper()
    if claim.pattern and not re.fullmatch(claim.pattern, kept[claim.name]):
        words = _("this does not look like it, for example {example}").format(example=claim.example or claim.default)
        raise BadValue(claim.name, words)


def check_key(private_key: Secret, facts: AssertionFacts, *, now: datetime) -> datetime | None:
    """Return when what was pasted ends, where it says so. Raises BadValue for what cannot sign, or has ended."""
    ends_at = None
    try:
        if facts.is_ready_made:
            ends_at = end_of_ready_made(private_key)
        else:
            key = read_private_key(private_key, facts)
            ends_at = check_names(tidy(private_key.expose()), key, now=now) if facts.key_encoding == "pem" else None
    except BadPrivateKey as error:
        reason = str(error)
    except BadKeyName as error:
        raise BadValue(error.field, str(error)) from None
    else:
        reason = _("this JWT has ended; have the provider make a new one") if ends_at and ends_at <= now else ""
    if reason:
        raise BadValue("private_key", reason)  # out here: a parser's own exception may carry the key
    return ends_at
