"""Base64 blobs, plain or deflated: decoded once, and covered whole when a secret is inside."""

import re
from collections.abc import Callable, Iterator

from secrets_vault.masking import bodies
from secrets_vault.masking.page import Page
from secrets_vault.masking.spans import Kind, Span
from secrets_vault.masking.tokens import decode_base64
from secrets_vault.masking.values import HEX

_BLOB = re.compile(r"[A-Za-z0-9+/_\-]{24,}(?:\\?\r?\n[ \t]*[A-Za-z0-9+/_\-]{4,})*={0,2}")
_LONGEST = 64 * 1024
_WORDY = re.compile(r"[a-z_\-/]+\Z|[A-Z_\-/]+\Z|[0-9a-f\-]+\Z|[0-9\-]+\Z")


def find_blobs(page: Page, is_secret: Callable[[str], bool]) -> Iterator[Span]:
    """Yield the blobs whose decoded text holds something the masker would cover."""
    read_to = 0
    for run in page.runs:
        found = _BLOB.match(page.text, run.start()) if run.start() >= read_to else None
        if found is None:
            continue
        read_to, value = found.end(), found[0]
        if len(value) > _LONGEST or _WORDY.match(value):
            continue
        raw = decode_base64(re.sub(r"[\\\s]", "", value))
        inner = _readable(raw) if raw else None
        if inner and is_secret(inner):
            yield Span(*found.span(), Kind.SECRET)
    for run in page.runs:
        if HEX.match(run[0]) and len(run[0]) % 2 == 0 and len(run[0]) not in (32, 40, 64, 128):
            inner = _readable(bytes.fromhex(run[0]))
            if inner and is_secret(inner):
                yield Span(*run.span(), Kind.SECRET)


def _readable(raw: bytes) -> str | None:
    """Return decoded bytes as text if they are text, at once or after inflating."""
    if raw[:2] == b"\x1f\x8b" or raw[:1] == b"\x78":
        raw = bodies.decompress(raw)
    try:
        inner = raw.decode("utf-8")
    except UnicodeDecodeError as broken:
        if broken.start < 12 or broken.start < len(raw) - 4:
            return None
        inner = raw[: broken.start].decode("utf-8")
    if sum(c.isprintable() or c.isspace() for c in inner) < len(inner) * 0.95:
        return None
    return inner
