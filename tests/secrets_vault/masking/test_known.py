"""A value the vault knows goes, whatever it is dressed in."""

import base64
import gzip
import html
import json
import quopri
import shlex
import unicodedata
import zlib
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secrets_vault.masking import Masker, mask_head, mask_path, mask_text
from secrets_vault.masking.known import KnownValues, cached
from secrets_vault.masking.lexicon import words
from secrets_vault.masking.names import classify

pytestmark = pytest.mark.matrix  # no database: one engine is enough

VALUES = [
    "zebra/lion+42=\"'<ü&",
    "plain-known-value-42",
    "Grüße aus Köln 7",
    "a b\\c\td{e}f#g?h",
    "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
]
DRESSES = {
    "raw": lambda v: v,
    "nfd": lambda v: unicodedata.normalize("NFD", v),
    "percent": lambda v: quote(v, safe=""),
    "percent lower": lambda v: quote(v, safe="").lower() if v.islower() else quote(v, safe=""),
    "plus": quote_plus,
    "percent twice": lambda v: quote(quote(v, safe=""), safe=""),
    "json": lambda v: json.dumps(v)[1:-1],
    "json utf-8": lambda v: json.dumps(v, ensure_ascii=False)[1:-1],
    "json slashes": lambda v: json.dumps(v)[1:-1].replace("/", "\\/"),
    "json in json": lambda v: json.dumps(json.dumps(v))[1:-1],
    "unicode escapes": lambda v: "".join(f"\\u{u:04x}" for u in memoryview(v.encode("utf-16-le")).cast("H")),
    "html": html.escape,
    "html decimal": lambda v: "".join(f"&#{ord(c)};" for c in v),
    "html hex": lambda v: "".join(f"&#x{ord(c):x};" for c in v),
    "python": lambda v: repr(v)[1:-1],
    "python bytes": lambda v: repr(v.encode())[2:-1],
    "utf-8 read as latin-1": lambda v: v.encode().decode("latin-1"),
    "shell": shlex.quote,
    "base64": lambda v: base64.b64encode(v.encode()).decode(),
    "base64url": lambda v: base64.urlsafe_b64encode(v.encode()).decode().rstrip("="),
    "base64 shifted 1": lambda v: base64.b64encode(b"x" + v.encode() + b"yz").decode(),
    "base64 shifted 2": lambda v: base64.b64encode(b"xy" + v.encode() + b"z").decode(),
    "base64 twice": lambda v: base64.b64encode(base64.b64encode(v.encode())).decode(),
    "hex": lambda v: v.encode().hex(),
    "hex upper": lambda v: v.encode().hex().upper(),
    "quoted-printable": lambda v: quopri.encodestring(v.encode()).decode().rstrip("\n"),
    "gzip": lambda v: base64.b64encode(gzip.compress(b"some text " + v.encode(), mtime=0)).decode(),
    "zlib": lambda v: base64.b64encode(zlib.compress(b"some text " + v.encode())).decode(),
}


@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("value", VALUES)
def test_a_known_value_goes_in_every_dress(value, dress):
    dressed = DRESSES[dress](value)
    masked = mask_text(f"before [{dressed}] after", known=[value])
    assert dressed not in masked
    assert dressed[4:-4] not in masked
    assert masked.startswith("before [")
    assert masked.endswith("] after")


@settings(max_examples=60, deadline=None)
@given(
    value=st.text(min_size=8, max_size=40, alphabet=st.characters(exclude_categories=["Cs", "Cc"])).filter(
        lambda v: len(v.strip()) >= 8 and len(set(v)) > 4 and "*" not in v
    ),
    dress=st.sampled_from(sorted(DRESSES)),
)
def test_no_known_value_survives_any_dress(value, dress):
    dressed = DRESSES[dress](value)
    masked = mask_text(f"<{dressed}>", known=[value])
    assert dressed not in masked


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300))
def test_masking_is_idempotent_and_never_fails(text):
    once = mask_text(text)
    assert mask_text(once) == once


def test_a_value_with_accents_goes_from_a_head_and_a_path_in_whatever_bytes_it_came():
    value = "Größe-à-Köln-7"
    for raw in (value.encode(), value.encode("latin-1")):
        head = mask_head([(b"x-echo", b"got " + raw)], [value])
        path = mask_path(raw.decode("latin-1"), [value])
        assert [head, path] == ["x-echo: got ****", "****"]


def test_a_short_value_is_a_whole_word():
    assert mask_text("pin 4821, order 148213", known=["4821"]) == "pin ****, order 148213"


def test_a_uuid_is_kept_unless_known_or_named():
    value = VALUES[-1]
    assert mask_text(f"id {value}") == f"id {value}"
    assert "0305e82c3301" not in mask_text(f"id {value.replace('-', '')}", known=[value])
    assert "0305e82c" not in mask_text(f"hapikey={value}")


def test_an_automaton_is_kept_by_its_key():
    first = cached(("acme", 1), ["value-one-1"])
    assert cached(("acme", 1), ["other"]) is first
    assert cached(("acme", 2), ["value-two-2"]) is not first


def test_wrapped_values_are_found():
    value = "".join(chr(97 + i % 26) + str(i % 10) for i in range(100))
    assert value[70:90] not in mask_text(value[:76] + "\n" + value[76:152] + "\n" + value[152:], known=[value])


def test_a_tag_tells_two_values_apart_and_nothing_else():
    masker = Masker(log_key=b"k" * 32)
    one, two = masker.mask("password=hunter2"), masker.mask("password=hunter3")
    assert one != two
    assert len(one) == len("password=****~123456")
    assert masker.mask(one) == one


def test_no_automaton_is_empty_handed():
    assert KnownValues([]).is_in("anything") is False


@pytest.mark.parametrize("heading", ["starred_names", "tailed_names"])
def test_every_name_of_the_lexicon_holds_a_stem(heading):
    stems = words("stems")
    assert [n for n in words(heading) if not any(s in n for s in stems)] == []


@pytest.mark.parametrize("heading", ["starred_names", "tailed_names"])
def test_every_name_of_the_lexicon_is_sensitive(heading):
    assert [n for n in words(heading) if classify(n) is None] == []


@pytest.mark.parametrize("value", ["p@ss", "k9-Xy2", "1234567"])
def test_a_short_value_goes_in_base64_too_where_it_stands_alone(value):
    coded = base64.b64encode(value.encode()).decode()
    assert coded not in Masker([value]).mask(f"before {coded} after")
    assert Masker([value]).mask(f"before x{coded}x after") == f"before x{coded}x after"
