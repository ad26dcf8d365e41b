"""JWTs as tests need them: right ones, and ones that only an attacker makes."""

from __future__ import annotations

import hmac
import json
import warnings
from base64 import urlsafe_b64encode
from functools import cache

from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry


def key_of(alg, name="first"):
    """Return a private key for an algorithm; another name gives another key."""
    return _made("RSA" if alg[:2] in ("RS", "PS") else alg, name)


@cache
def _made(alg, name):
    if alg.startswith("ES"):
        return ECKey.generate_key({"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[alg])
    return OKPKey.generate_key("Ed25519") if alg == "EdDSA" else RSAKey.generate_key(2048)


def part(value):
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(claims, *, alg="RS256", key=None, kid="k1", **header):
    """Return a JWT; `claims` may be bytes, for what json.dumps does not write."""
    head = {"alg": alg, "typ": "JWT"} | ({"kid": kid} if kid is not None else {}) | header
    first = f"{part(head)}.{part(claims)}"
    if alg == "none":
        return f"{first}."
    if isinstance(key, bytes):  # a library would refuse to sign with a public key; an attacker does not ask one
        return f"{first}.{part(hmac.digest(key, first.encode(), f'sha{alg[2:]}'))}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        algorithm = JWSRegistry(algorithms=[alg]).get_alg(alg)
        return f"{first}.{part(algorithm.sign(first.encode(), key or key_of(alg)))}"


def jwks(*names, alg="RS256", **more):
    """Return the key set of the keys of these names, k1 being the first."""
    rows = [
        key_of(alg, name).as_dict(private=False) | {"kid": f"k{number}", "use": "sig"} | more
        for number, name in enumerate(names or ("first",), 1)
    ]
    return {"keys": rows}
