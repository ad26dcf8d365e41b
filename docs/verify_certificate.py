"""Checks a certificate or an evidence that Keylodge signed, with nothing of Keylodge: Python 3.9 or newer, no packages.

    python3 verify_certificate.py offboarding-acme.json [KEY]

KEY is what you were told by other means than the file: the agency's key id (3f0a-91c2-77de-0b64) or its public key in
base64. Without it the script shows that the file is as it was signed, and by which key, not whose key that is.

What is signed: the text "keylodge/certificate/1", one zero byte, then the object beside "signature" as JSON with
sorted keys, in ASCII, without spaces. The signature is Ed25519 (RFC 8032), the key id the first 16 hexadecimal digits
of SHA-512 over "keylodge/fingerprint/1" and the public key. Exit status: 0 valid, 1 not, 2 not a file of this kind.
"""

import base64
import hashlib
import json
import sys
from typing import Any

Point = tuple[int, int, int, int]

DOMAIN = b"keylodge/certificate/1\0"
KINDS = {"certificate": "keylodge/offboarding-certificate/1", "evidence": "keylodge/rotation-evidence/1"}
# The curve of RFC 8032 section 5.1.
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def added(one: Point, two: Point) -> Point:
    """Return the sum of two points in extended coordinates."""
    a, b = (one[1] - one[0]) * (two[1] - two[0]) % P, (one[1] + one[0]) * (two[1] + two[0]) % P
    c, d = 2 * one[3] * two[3] * D % P, 2 * one[2] * two[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number: int, point: Point) -> Point:
    """Return a point added to itself that often."""
    found = (0, 1, 1, 0)
    while number:
        if number & 1:
            found = added(found, point)
        point, number = added(point, point), number >> 1
    return found


def opened(raw: bytes) -> Point:
    """Return the point that 32 bytes stand for. Raises ValueError for none."""
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if len(raw) != 32 or y >= P:
        raise ValueError("not a point")
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if (x * x - square) % P == 0 else x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        raise ValueError("not a point")
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE = opened((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_signed(public: bytes, signature: bytes, content: bytes) -> bool:
    """Tell whether this is the Ed25519 signature of the content by the owner of the public key."""
    try:
        key, nonce = opened(public), opened(signature[:32])
    except ValueError:
        return False
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or s >= ORDER or times(8, key)[0] % P == 0:  # a key of so few points signs for anybody
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + content).digest(), "little") % ORDER
    left, right = times(s, BASE), added(nonce, times(h, key))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 == (left[1] * right[2] - right[1] * left[2]) % P


def name_of(public: bytes) -> str:
    """Return the id of a key."""
    name = hashlib.sha512(b"keylodge/fingerprint/1" + public).hexdigest()[:16]
    return "-".join(name[at : at + 4] for at in range(0, 16, 4))


def without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object. Raises ValueError for a name that stands in it twice: another program may read the other."""
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a name stands twice")
    return table


def read(path: str) -> tuple[dict[str, Any], bytes, bytes]:
    """Return the statement, the public key and the signature of a file. Raises ValueError, KeyError, TypeError."""
    with open(path, encoding="utf-8") as file:
        table = json.load(file, object_pairs_hook=without_twins)
    kind = next(kind for kind in KINDS if kind in table)
    statement = table[kind]
    if statement["type"] != KINDS[kind]:
        raise ValueError("of another kind")
    public = base64.b64decode(statement["key"]["public"], validate=True)
    return statement, public, base64.b64decode(table["signature"], validate=True)


def main(arguments: list[str]) -> int:
    """Check one file, say what was found, and return the exit status."""
    try:
        statement, public, signature = read(arguments[0])
    except (IndexError, OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError):
        print("This is no certificate or evidence of Keylodge.", file=sys.stderr)
        return 2
    signed = json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    if not is_signed(public, signature, DOMAIN + signed):
        print("NOT VALID: it was changed, or signed by another key than it names.")
        return 1
    if len(arguments) > 1 and arguments[1] not in (name_of(public), base64.b64encode(public).decode()):
        print(f"NOT VALID: signed by the key {name_of(public)}, which is not the one that you named.")
        return 1
    told = "" if len(arguments) > 1 else " Ask the agency, by other means than this file, whether that is its key."
    print(f"Valid: signed by the key {name_of(public)}.{told}")
    print(f"SHA-256 of what is signed: {hashlib.sha256(signed).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
