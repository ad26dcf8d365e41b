"""Written signatures and keys to bytes, strictly: one signature has one writing."""

from __future__ import annotations

import base64
import binascii
import re

HEX = re.compile(r"(?:[0-9a-fA-F]{2})*")
BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
ENCODINGS = ("hex", "base64", "base64url", "text", "basic")


def decoded(written: str, encoding: str) -> bytes:
    """Return the bytes that `written` stands for. Raises ValueError for anything that is not exactly that encoding.

    Padding must be as the encoding has it, and spare bits zero: a signature cut short or with a last
    character changed must not decode to the same bytes.
    """
    if encoding == "hex":
        return _hex(written)
    if encoding in ("base64", "basic"):
        return _base64(written)
    if encoding == "base64url":
        return _base64url(written)
    return written.encode()


def encoded(value: bytes, encoding: str) -> str:
    """Return bytes as the encoding writes them."""
    if encoding == "hex":
        return value.hex()
    if encoding in ("base64", "basic"):
        return base64.b64encode(value).decode()
    if encoding == "base64url":
        return base64.urlsafe_b64encode(value).decode().rstrip("=")
    return value.decode("utf-8", "replace")


def _hex(written: str) -> bytes:
    if not HEX.fullmatch(written):
        raise ValueError("is not hexadecimal")
    return bytes.fromhex(written)


def _base64(written: str) -> bytes:
    if not BASE64.fullmatch(written):
        raise ValueError("is not base64")
    try:
        value = base64.b64decode(written, validate=True)
    except binascii.Error:
        raise ValueError("is not base64") from None
    if base64.b64encode(value).decode() != written:
        raise ValueError("is not base64 as it is written")
    return value


def _base64url(written: str) -> bytes:
    if not BASE64URL.fullmatch(written):
        raise ValueError("is not base64url without padding")
    try:
        value = base64.urlsafe_b64decode(written + "=" * (-len(written) % 4))
    except binascii.Error:
        raise ValueError("is not base64url") from None
    if encoded(value, "base64url") != written:
        raise ValueError("is not base64url as it is written")
    return value
