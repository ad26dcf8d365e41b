"""A field set in the bytes of a JSON body: nothing else in it moves."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.injecting.json_body import MAX_BYTES, BodyNotInjectable, with_fields

KEY = [("key", 'md-CANARY"\\é')]
SENT = json.dumps(KEY[0][1]).encode()


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        (b"{}", b'{"key": %b}' % SENT),
        (b" {\n} \n", b' {"key": %b\n} \n' % SENT),
        (b'{"a":1.50,"b":[ 1,2 ]}', b'{"key": %b, "a":1.50,"b":[ 1,2 ]}' % SENT),
        (b'{"a":1,"key" :\t"theirs" , "z":null}', b'{"a":1,"key" :\t%b , "z":null}' % SENT),
        (b'{"key":{"key":"inner"},"x":{"key":"stays"}}', b'{"key":%b,"x":{"key":"stays"}}' % SENT),
        (b'{"key":1,"key":2}', b'{"key":%b,"key":%b}' % (SENT, SENT)),
        (b'{"\\u006bey":"theirs"}', b'{"\\u006bey":%b}' % SENT),
        ('{"t":"é\\u00e9 ü"}'.encode(), b'{"key": %b, ' % SENT + '"t":"é\\u00e9 ü"}'.encode()),
        (b'{"n":1e400,"i":-0}', b'{"key": %b, "n":1e400,"i":-0}' % SENT),
    ],
)
def test_the_field_is_set_and_every_other_byte_stays(body: bytes, sent: bytes) -> None:
    assert with_fields(body, KEY) == sent


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b'"key"', b"null", b"{", b'{"a"}', b'{"a":1,}', b'{"a":1}{}', b'{"a":1} x', b"{'a':1}", b"key=1",
        b"\xef\xbb\xbf{}", b'{"a":"\xff"}', '{"a":1}'.encode("utf-16"), b'{"a":"\n"}', b'{"a":' * 5000,
        b'{"a":"' + b"x" * MAX_BYTES + b'"}', b'{1:2}', b'{"a":1 "b":2}', b'{"a":[1}',
    ],
)  # fmt: skip
def test_what_is_no_json_object_is_refused_without_a_word_of_it(body: bytes) -> None:
    with pytest.raises(BodyNotInjectable) as refused:
        with_fields(body, KEY)
    assert "CANARY" not in str(refused.value)
    assert refused.value.__cause__ is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from(["key", "Key", "a", "ké", "k\\u0065y", "{}"]), VALUES, max_size=5)


@given(OBJECTS, st.booleans(), st.sampled_from([None, 1, "\t"]), st.text(max_size=20))
def test_any_object_reads_the_same_but_for_the_field(data: dict[str, object], is_ascii: bool, indent: object, value):  # type: ignore[no-untyped-def]
    value = value.encode("utf-8", "replace").decode()
    body = json.dumps(data, ensure_ascii=is_ascii, indent=indent).encode("utf-8", "surrogatepass")  # type: ignore[arg-type]
    assert json.loads(with_fields(body, [("key", value)])) == data | {"key": value}
