"""Bodies become text whatever coding and charset they came in, so that nothing is stored unread."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import brotli
import pytest

from secrets_vault.masking import Masker
from secrets_vault.masking.bodies import MAX_DECODED, to_text

pytestmark = pytest.mark.matrix  # no database: one engine is enough

TEXT = '{"name": "Zoë", "note": "Grüße aus Köln, alles ist gut gegangen"}'
PLAIN = TEXT.encode()


def raw_deflate(body: bytes) -> bytes:
    maker = zlib.compressobj(wbits=-15)
    return maker.compress(body) + maker.flush()


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (PLAIN, None),
        (gzip.compress(PLAIN, mtime=0), "gzip"),
        (gzip.compress(PLAIN, mtime=0), None),
        (zlib.compress(PLAIN), None),
        (zlib.compress(PLAIN), "deflate"),
        (raw_deflate(PLAIN), "deflate"),
        (raw_deflate(PLAIN), None),
        (brotli.compress(PLAIN), "br"),
        (gzip.compress(gzip.compress(PLAIN, mtime=0), mtime=0), "gzip, gzip"),
        (gzip.compress(PLAIN, mtime=0), "br"),
        (PLAIN, "br"),
        (PLAIN, "deflate"),
    ],
)
def test_a_content_coding_is_undone_however_it_is_named(body, encoding):
    assert to_text(body, encoding=encoding) == TEXT


@pytest.mark.parametrize(
    ("charset", "media"),
    [
        ("utf-8", "application/json; charset=utf-8"),
        ("latin-1", 'text/plain; charset="iso-8859-1"'),
        ("latin-1", None),
        ("utf-8", "text/plain; charset=no-such-charset"),
        ("utf-16", None),
        ("utf-32", None),
        ("utf-16-le", None),
        ("utf-16-be", None),
    ],
)
def test_a_charset_is_read_by_its_name_its_mark_or_its_look(charset, media):
    assert to_text(TEXT.encode(charset), media=media).removeprefix("\ufeff") == TEXT


def test_a_stream_that_was_cut_gives_what_it_held():
    long = ("a line that says a number: " + "".join(f"{n} " for n in range(4000))).encode()
    cut = gzip.compress(long, mtime=0)[:-2000]
    assert len(to_text(cut)) > 1000
    assert long.decode().startswith(to_text(cut))


def test_what_only_looks_packed_stays_as_it_is():
    assert to_text(b"\x1f\x8b\x08 not gzip at all") == "\x1f\x8b\x08 not gzip at all"
    assert to_text(b"") == ""


@pytest.mark.parametrize("pack", [gzip.compress, brotli.compress])
def test_a_bomb_is_unpacked_up_to_a_cap(pack):
    text = to_text(pack(b"\0" * (MAX_DECODED + 5_000_000)), encoding="br" if pack is brotli.compress else None)
    assert len(text) <= MAX_DECODED


@pytest.mark.parametrize(
    "packed", [gzip.compress(bytes(50_000_000)), brotli.compress(b"word " * 10_000_000)], ids=["gzip", "br"]
)
def test_a_body_that_unpacks_to_much_more_than_is_kept_takes_little_memory(packed):
    tracemalloc.start()
    try:
        masked = Masker().mask_body(packed, encoding="gzip" if packed[:1] == b"\x1f" else "br")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(masked) <= 66_000
    assert most < 8_000_000
