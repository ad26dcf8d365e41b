"""A private key that a person gave us: read, judged in plain words, and what it signs.

A complaint never quotes the key, and is never chained: a parser's own message may.
"""

from __future__ import annotations

import json
import re
import warnings
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from django.utils.translation import gettext as _
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from integrations.errors import IntegrationError
from integrations.oauth.key_names import THUMBPRINT, header_of
from integrations.oauth.signing_kinds import AnyKey as AnyKey
from integrations.providers.grant_facts import BY_KEY, AssertionFacts
from secrets_vault.secret import Secret

MIN_RSA_BITS = 2048
MIN_SECRET_BYTES = 32
BACKDATED_S = 60
FAR = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())
PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL)
CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
OF_SEC = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
# The others of RFC 8037 agree on keys and sign nothing.
SIGNING_CURVES = ("Ed25519", "Ed448")
HEADER_CLAIMS = ("kid",)


class BadPrivateKey(IntegrationError):
    """A key that cannot sign what the provider wants. The message is a sentence for a person."""

    code = "bad_private_key"


def read_private_key(secret: Secret, facts: AssertionFacts) -> AnyKey:
    """Return the key that signs as the facts say. Raises BadPrivateKey."""
    text = tidy(secret.expose())
    return _from_pem(text, facts.alg) if facts.key_encoding == "pem" else _from_text(text, facts)


def tidy(text: str) -> str:
    r"""Return a pasted key with plain line ends: a variable of the environment often carries them as \n."""
    if "\n" not in text.strip():
        text = text.replace("\\n", "\n")
    return text.replace("\r\n", "\n").strip().strip('"').strip()


def _from_pem(text: str, alg: str) -> AnyKey:
    if problem := _problem_with(text):
        raise BadPrivateKey(problem)
    text = _block_of(text)
    kind, words = _wanted(alg, text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a short key is refused below, in a sentence of ours
            key: AnyKey = kind.import_key(text)
    except (ValueError, TypeError, JoseError):
        other = _kind_of(text)
        problem = (
            _("{alg} wants a key of the kind {wanted}, and this one is of the kind {other}.").format(
                alg=alg, wanted=words, other=other[1]
            )
            if other
            else _("The private key is damaged or not whole. Copy it from -----BEGIN to the end of the -----END line.")
        )
    else:
        problem = _weakness(key, alg)
    if problem:
        raise BadPrivateKey(problem)
    return key


def _block_of(text: str) -> str:
    """Return the block with the key: a certificate, and lines that name the key, may stand beside it."""
    blocks = list(PEM.finditer(text))
    return next((found[0] for found in blocks if "PRIVATE KEY" in found[1]), blocks[0][0])


def unlocked(text: str, passphrase: str) -> str:
    """Return a private key without its passphrase: as Box hands it out, both in one file. Raises BadPrivateKey."""
    try:
        return RSAKey.import_key(tidy(text), password=passphrase).as_pem(private=True).decode()
    except (ValueError, TypeError, JoseError):
        pass
    raise BadPrivateKey(_("The passphrase in the file does not open its private key."))  # out here: it may be quoted


def _problem_with(text: str) -> str:
    """Return why a text holds no private key that we can use, by its first line alone; "" where it may."""
    found = next((one for one in PEM.finditer(text) if "PRIVATE KEY" in one[1]), PEM.search(text))
    if "-----BEGIN" not in text:
        return _("This is no private key: a PEM file begins with -----BEGIN PRIVATE KEY-----.")
    if found is None:
        return _("The private key is damaged or not whole. Copy it from -----BEGIN to the end of the -----END line.")
    if "ENCRYPTED" in text:
        return _(
            "This private key is locked with a passphrase. Store it without: openssl pkey -in locked.pem -out key.pem"
        )
    if found[1] == "OPENSSH PRIVATE KEY":
        return _("This is an SSH key in a form of its own. Turn it into PEM: ssh-keygen -p -m PEM -f the-key")
    if "PRIVATE KEY" not in found[1]:
        return _(
            "This is a certificate or a public key. What is needed is the private key: -----BEGIN PRIVATE KEY-----."
        )
    return ""


def _wanted(alg: str, text: str) -> tuple[type[AnyKey], str]:
    if alg == BY_KEY:
        return _kind_of(text) or (RSAKey, "RSA")
    if alg.startswith("ES"):
        return ECKey, "EC"
    return (OKPKey, "Ed25519") if alg == "EdDSA" else (RSAKey, "RSA")


def _kind_of(text: str) -> tuple[type[AnyKey], str] | None:
    kinds: list[tuple[type[AnyKey], str]] = [(RSAKey, "RSA"), (ECKey, "EC"), (OKPKey, "Ed25519")]
    for kind, words in kinds:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                kind.import_key(text)
        except (ValueError, TypeError, JoseError):
            continue
        return kind, words
    return None


def alg_of(key: AnyKey) -> str:
    """Return how this key signs where the provider leaves it to us."""
    if isinstance(key, ECKey):
        return next(alg for alg, curve in CURVES.items() if curve == key.curve_name)
    return "EdDSA" if isinstance(key, OKPKey) else "RS256"


def read_app_key(secret: Secret) -> AnyKey:
    """Return the key by which an OAuth app signs, of whatever kind it is. Raises BadPrivateKey."""
    return _from_pem(tidy(secret.expose()), BY_KEY)


def _weakness(key: AnyKey, alg: str) -> str:
    if isinstance(key, RSAKey) and (bits := key.raw_value.key_size) < MIN_RSA_BITS:
        return _("This RSA key has {bits} bits and is too short: make one of at least {least} at the provider.").format(
            bits=bits, least=MIN_RSA_BITS
        )
    if isinstance(key, ECKey) and (curve := _curve_of(key)) not in (wanted := _curves_for(alg)):
        return _("{alg} wants a key on the curve {wanted}, and this one is on {curve}.").format(
            alg="JWT" if alg == BY_KEY else alg, wanted=", ".join(wanted), curve=curve
        )
    if isinstance(key, OKPKey) and key.curve_name not in SIGNING_CURVES:
        return _("{alg} wants a key of the kind {wanted}, and this one is of the kind {other}.").format(
            alg="EdDSA", wanted=SIGNING_CURVES[0], other=key.curve_name
        )
    return ""


def _curves_for(alg: str) -> tuple[str, ...]:
    return (CURVES[alg],) if alg in CURVES else tuple(CURVES.values())


def _curve_of(key: ECKey) -> str:
    """Return the curve as JOSE names it; one that it has no name for, by its own."""
    name = key.raw_value.curve.name
    return OF_SEC.get(name, name)


def _from_text(text: str, facts: AssertionFacts) -> OctKey:
    try:
        raw = bytes.fromhex(text) if facts.key_encoding == "hex" else text.encode()
    except ValueError:
        raw = None
    if raw is None:
        raise BadPrivateKey(_("This signing secret should be hexadecimal digits only (0-9 and a-f)."))
    if len(raw) < MIN_SECRET_BYTES:
        raise BadPrivateKey(
            _("This signing secret has {n} bytes and is too short: {alg} wants at least {least}.").format(
                n=len(raw), alg=facts.alg, least=MIN_SECRET_BYTES
            )
        )
    return OctKey.import_key(raw)


def signed(secret: Secret, facts: AssertionFacts, claims: Mapping[str, Any], *, jti: str, now: datetime) -> Secret:
    """Return the signed JWT (RFC 7519) with its times: begun a little ago, for a clock there that is behind ours.

    `claims` are those of the grant; a `kid` among them goes into the header. Raises BadPrivateKey.
    """
    key = read_private_key(secret, facts)
    begun = now - timedelta(seconds=min(BACKDATED_S, facts.lifetime_s // 3))
    times = {"iat": int(begun.timestamp()), "exp": int(begun.timestamp()) + facts.lifetime_s, "jti": jti}
    alg = alg_of(key) if facts.alg == BY_KEY else facts.alg
    header = {"alg": alg, "typ": "JWT"} | _names_of(secret, key, facts, claims)
    payload = {name: value for name, value in claims.items() if name not in HEADER_CLAIMS and value not in ("", None)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # RFC 9864 has a newer name for EdDSA, which no provider takes yet
        return Secret(jwt.encode(header, payload | times, key, algorithms=[alg]))


def _names_of(secret: Secret, key: AnyKey, facts: AssertionFacts, claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the header says of the key: a claim that a person filled in goes before what stands beside it."""
    told = {name: claims[name] for name in HEADER_CLAIMS if claims.get(name)}
    if told.get("kid") == THUMBPRINT:
        told["kid"] = key.thumbprint()
    return (header_of(tidy(secret.expose()), key, kid=facts.kid) if facts.key_encoding == "pem" else {}) | told


def fingerprint(secret: Secret, facts: AssertionFacts) -> str:
    """Return the SHA-256 of the public half (its SubjectPublicKeyInfo in DER), as Snowflake shows it."""
    key = read_private_key(secret, facts)
    assert not isinstance(key, OctKey)  # noqa: S101 - for the type checker: only a pair's facts name its fingerprint
    public = key.as_der(private=False)
    return f"SHA256:{b64encode(sha256(public).digest()).decode()}"


def end_of_ready_made(secret: Secret) -> datetime | None:
    """Return when a JWT that the provider signed ends, None where it names no end. Raises BadPrivateKey for no JWT."""
    parts = secret.expose().split(".")
    try:
        claims = json.loads(urlsafe_b64decode(parts[1] + "===")) if len(parts) == 3 and all(parts) else None
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise BadPrivateKey(
            _("This is no JWT: it has three parts between dots. Copy it whole, as the provider shows it.")
        )
    ends = claims.get("exp")
    return datetime.fromtimestamp(min(ends, FAR), UTC) if isinstance(ends, int) and ends >= 0 else None


def lives_for_s(facts: AssertionFacts) -> int:
    """Return how long a JWT signed now may be used."""
    return facts.lifetime_s - min(BACKDATED_S, facts.lifetime_s // 3)
