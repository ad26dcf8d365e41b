"""The wrapping key: the one key outside the database, from the environment or a file made once.

43 base64url characters, 32 bytes. It is never derived from anything and never overwritten.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from pathlib import Path

from django.conf import settings

from secrets_vault.envelope import KEY_BYTES
from secrets_vault.errors import WrongWrappingKey

FILE_NAME = "wrapping_key"
TEXT_CHARS = 43
FEWEST_DISTINCT_BYTES = 16  # 32 random bytes have 30 on average; fewer than 16 never happens by chance


def path_in(home: Path) -> Path:
    """Return where the key file is, if there is one."""
    return Path(home) / FILE_NAME


def read(home: Path) -> bytes | None:
    """Return the wrapping key, from KEYLODGE_WRAPPING_KEY first; None when there is none.

    Raises WrongWrappingKey for one that cannot be meant: short, an example, made from SECRET_KEY.
    """
    text = settings.KEYLODGE_WRAPPING_KEY.strip()
    if text:
        return parse(text)
    try:
        return parse(path_in(home).read_text().strip())
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise WrongWrappingKey(f"The wrapping key file {path_in(home)} cannot be read.") from error


def make(home: Path) -> bytes:
    """Make the key file with mode 0600 and return the key. A file already there is read, never overwritten."""
    path = path_in(home)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{FILE_NAME}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as out:
        out.write(as_text(os.urandom(KEY_BYTES)) + "\n")
        out.flush()
        os.fsync(out.fileno())
    try:
        os.link(draft, path)  # fails when there is one: two starts at once agree on the first
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    _sync_folder(path.parent)
    return parse(path.read_text().strip())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def as_text(key: bytes) -> str:
    """Return the 43 characters of a key."""
    return base64.urlsafe_b64encode(key).rstrip(b"=").decode()


def parse(text: str) -> bytes:
    """Return the key of 43 base64url characters, or raise WrongWrappingKey with the reason."""
    if len(text) != TEXT_CHARS:
        raise WrongWrappingKey(
            f"The wrapping key must be {TEXT_CHARS} base64url characters (32 bytes); this one has {len(text)}."
        )
    try:
        key = base64.b64decode(text + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise WrongWrappingKey("The wrapping key holds characters that base64url does not have.") from None
    if len(set(key)) < FEWEST_DISTINCT_BYTES or as_text(key) != text:
        raise WrongWrappingKey("The wrapping key is an example, not a random key. Leave it out and one is made.")
    if _is_made_from_secret_key(text, key):
        raise WrongWrappingKey("The wrapping key is made from SECRET_KEY. It must be a random key of its own.")
    return key


def _is_made_from_secret_key(text: str, key: bytes) -> bool:
    """Tell whether the key is one of the usual ways to make 32 bytes out of SECRET_KEY."""
    secret_key = settings.SECRET_KEY.encode()
    if len(secret_key) < KEY_BYTES:
        return False
    made = [secret_key[:KEY_BYTES], secret_key[-KEY_BYTES:], hashlib.sha256(secret_key).digest()]
    made += [
        hashlib.sha512(secret_key).digest()[:KEY_BYTES],
        hashlib.blake2b(secret_key, digest_size=KEY_BYTES).digest(),
    ]
    made += [hashlib.sha3_256(secret_key).digest(), hashlib.md5(secret_key, usedforsecurity=False).hexdigest().encode()]
    by_bytes = any(hmac.compare_digest(key, one) for one in made)
    return by_bytes or hmac.compare_digest(text.encode(), secret_key[:TEXT_CHARS])
