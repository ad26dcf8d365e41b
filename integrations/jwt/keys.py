"""Keys that check a signature: read from a JWK, a JWKS or PEM, and chosen by what they are, never by the token."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from integrations.errors import IntegrationError
from integrations.jwt.parts import UnverifiedJWT

ASYMMETRIC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
HMAC = ("HS256", "HS384", "HS512")
CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519"}
PUBLIC_MEMBERS = ("kty", "n", "e", "crv", "x", "y")
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 8192
MAX_KEYS = 64
MOST_CHARACTERS = 128 * 1024
_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----.+?-----END \1-----", re.DOTALL)
_KINDS: tuple[type[RSAKey] | type[ECKey] | type[OKPKey], ...] = (RSAKey, ECKey, OKPKey)

AnyKey = RSAKey | ECKey | OKPKey | OctKey


class BadKey(IntegrationError):
    """A text that holds no key to check with. `code` says why; never holds any of the text."""

    code = "bad_key"

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(f"no key: {code}")


@dataclass(frozen=True, slots=True)
class CheckingKey:
    """One key, and what its owner says that it is for."""

    key: AnyKey = field(repr=False)
    kid: str | None = None
    alg: str = ""

    def fits(self, alg: str) -> bool:
        """Tell whether the key is of the algorithm's own kind: what was published for RS256 never checks an HS256."""
        if self.alg not in ("", alg):
            return False
        if isinstance(self.key, OctKey):
            return alg in HMAC
        if isinstance(self.key, RSAKey):
            return alg in ASYMMETRIC and alg[:2] in ("RS", "PS")
        return alg in CURVES and self.key.curve_name == CURVES[alg]

    @property
    def bits(self) -> int:
        """Return the size of an RSA key or of a shared secret, 0 for a curve's."""
        if isinstance(self.key, RSAKey):
            return int(self.key.raw_value.key_size)
        return len(self.key.raw_value) * 8 if isinstance(self.key, OctKey) else 0

    def made(self, token: UnverifiedJWT) -> bool:
        """Tell whether this key made the token's signature. The caller has asked `fits`."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # RFC 9864 has a newer name for EdDSA
            algorithm = JWSRegistry(algorithms=[token.alg]).get_alg(token.alg)
        try:
            return bool(algorithm.verify(token.signed, token.signature, self.key))
        except (JoseError, ValueError, TypeError):
            return False


def shared_secret(text: str) -> CheckingKey:
    """Return the key of an HMAC. Raises BadKey for an empty one."""
    if not text:
        raise BadKey("empty")
    if "-----BEGIN" in text:  # whoever checks an HMAC by a public key believes everybody
        raise BadKey("public")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a short one is said in a sentence of ours
        try:
            return CheckingKey(OctKey.import_key(text.encode("utf-8")))
        except (ValueError, JoseError):
            raise BadKey("public") from None


def public_keys(text: str) -> tuple[CheckingKey, ...]:
    """Return the keys in a JWK, a JWKS or PEM (public keys and certificates). Raises BadKey."""
    text = text.strip()
    if len(text) > MOST_CHARACTERS:
        raise BadKey("too_long")
    if "-----BEGIN" in text:
        return _of_pem(text)
    try:
        table = json.loads(text)
    except (ValueError, RecursionError):
        raise BadKey("neither") from None
    rows = table.get("keys", [table]) if isinstance(table, dict) else None
    if not isinstance(rows, list):
        raise BadKey("neither")
    return of_jwks(rows)


def of_jwks(rows: Sequence[Any]) -> tuple[CheckingKey, ...]:
    """Return the keys of a set that can check a signature, without those made for something else. Raises BadKey."""
    if len(rows) > MAX_KEYS:
        raise BadKey("too_many")
    if any(isinstance(row, dict) and ("d" in row or row.get("kty") == "oct") for row in rows):
        raise BadKey("private")
    found = [made for row in rows if isinstance(row, dict) and (made := _of_jwk(row)) is not None]
    if not found:
        raise BadKey("none_usable")
    return tuple(found)


def _of_jwk(row: Mapping[str, Any]) -> CheckingKey | None:
    operations = row.get("key_ops", ["verify"])
    if row.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return None
    public = {name: row[name] for name in PUBLIC_MEMBERS if isinstance(row.get(name), str)}
    kind = next((kind for kind in _KINDS if kind.key_type == public.get("kty")), None)
    if kind is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is too weak is left out or said by whoever asks
            key = kind.import_key(public)
            key.raw_value  # noqa: B018 - a key is made when it is first looked at, and may be none
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    kid, alg = row.get("kid"), row.get("alg", "")
    if not isinstance(alg, str) or (isinstance(key, RSAKey) and key.raw_value.key_size > MAX_RSA_BITS):
        return None
    return CheckingKey(key, kid if isinstance(kid, str) else None, alg)


def _of_pem(text: str) -> tuple[CheckingKey, ...]:
    blocks = list(_PEM.finditer(text))
    if not blocks or len(blocks) > MAX_KEYS:
        raise BadKey("damaged")
    if any("PRIVATE" in match[1] for match in blocks):
        raise BadKey("private")
    found = []
    for match in blocks:
        key = _of_block(match[0])
        if key is None:
            raise BadKey("damaged")
        found.append(CheckingKey(key))
    return tuple(found)


def _of_block(block: str) -> AnyKey | None:
    for kind in _KINDS:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                key = kind.import_key(block)
                key.raw_value  # noqa: B018 - the same
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        return key
    return None


def chosen(keys: Sequence[CheckingKey], token: UnverifiedJWT) -> CheckingKey | None:
    """Return the one key that may have made this token's signature: by its id, and without one the only that fits.

    A key that was pasted without an id is taken for any id where it stands alone.
    """
    fitting = [key for key in keys if key.fits(token.alg)]
    if token.kid is not None:
        named = [key for key in fitting if key.kid == token.kid]
        fitting = named or [key for key in fitting if key.kid is None and len(keys) == 1]
    return fitting[0] if len(fitting) == 1 else None


def is_weak(key: CheckingKey, alg: str) -> bool:
    """Tell whether a key is too short for what it does (RFC 7518 sections 3.2 and 3.3)."""
    if isinstance(key.key, OctKey):
        return key.bits < int(alg[2:])
    return isinstance(key.key, RSAKey) and key.bits < MIN_RSA_BITS
