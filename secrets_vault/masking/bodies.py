"""Bytes to text before masking: content coding undone up to a cap, then charset and byte-order mark."""

import re
import zlib
from collections.abc import Iterable

import brotli

MAX_DECODED = 8 * 1024 * 1024
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.\-]+)", re.I)
_BOMS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


def to_text(body: bytes, *, media: str | None = None, encoding: str | None = None, most: int = MAX_DECODED) -> str:
    """Return a body as text, whatever content coding and charset it came in, up to `most` bytes. It never raises."""
    plain = decompress(body, encoding=encoding, most=most)
    for mark, charset in _BOMS:
        if plain.startswith(mark):
            return plain.decode(charset, "replace")
    named = _CHARSET.search(media or "")
    for charset in ([named[1]] if named else []) + ["utf-8"]:
        try:
            return plain.decode(charset)
        except (UnicodeDecodeError, LookupError):
            continue
    if plain.count(b"\0") * 3 > len(plain):
        return plain.decode("utf-16-be" if plain[:1] == b"\0" else "utf-16-le", "replace")
    return plain.decode("latin-1")


def decompress(body: bytes, *, encoding: str | None = None, most: int = MAX_DECODED) -> bytes:
    """Undo gzip, zlib, deflate and br, by magic number or by the named coding, up to `most` bytes.

    A cut stream gives what it held.
    """
    for _ in range(3):
        plain = _once(body, (encoding or "").lower(), most)
        if plain is None:
            return body
        body, encoding = plain, None
    return body


def _once(body: bytes, encoding: str, most: int) -> bytes | None:
    if body[:2] == b"\x1f\x8b":
        return _inflate(body, (31,), most)
    if body[:1] == b"\x78" and len(body) > 2 and (body[0] * 256 + body[1]) % 31 == 0:
        return _inflate(body, (15,), most)
    if "deflate" in encoding:
        return _inflate(body, (15, -15), most)
    if "br" in encoding.split(",")[-1] or (not encoding and _looks_binary(body)):
        return _unbrotli(body, most) or (None if encoding else _inflate(body, (-15,), most))
    return None


def _looks_binary(body: bytes) -> bool:
    try:
        head = body[:256].decode("utf-8")
    except UnicodeDecodeError as broken:
        return broken.start < 250
    return sum(ord(c) < 9 for c in head) * 10 > len(head)


def _inflate(body: bytes, windows: Iterable[int], most: int) -> bytes | None:
    for window in windows:
        reader = zlib.decompressobj(window)
        out = b""
        try:
            for at in range(0, len(body), 4096):
                out += reader.decompress(body[at : at + 4096], most - len(out))
                if len(out) >= most:
                    break
        except zlib.error:
            if not out:
                continue
        if out:
            return out
    return None


def _unbrotli(body: bytes, most: int) -> bytes | None:
    reader = brotli.Decompressor()
    try:
        out = reader.process(body, output_buffer_limit=most)
    except brotli.error:
        return None
    return bytes(out[:most]) or None  # its limit is a hint: it ends with the buffer that passes it
