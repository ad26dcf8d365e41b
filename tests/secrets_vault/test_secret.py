"""A Secret gives itself away by `expose()` only."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from django.template import Context, Engine
from hypothesis import given
from hypothesis import strategies as st

from secrets_vault.secret import Secret, mask

pytestmark = pytest.mark.matrix  # no database: one engine is enough

CANARY = "sk_live_canary_0123456789"

SHOWN = [
    lambda s: repr(s),
    lambda s: str(s),
    lambda s: f"{s}",
    lambda s: f"{s!r:>40}",
    lambda s: f"{s:>40}",
    lambda s: "%s" % s,  # noqa: UP031
    lambda s: "{:x<30}".format(s),  # noqa: UP032
    lambda s: repr([s]) + repr({"a": s}) + str((s,)),
    lambda s: json.dumps({"s": s}, default=str),
    lambda s: json.dumps({"s": s}, default=repr),
]
REFUSED = [
    lambda s: "".join([s]),
    lambda s: "x" + s,
    lambda s: s + "x",
    lambda s: s[0:3],
    lambda s: list(s),
    lambda s: s.encode(),
    lambda s: bytes(s),
    lambda s: json.dumps(s),
    lambda s: json.dumps(s, cls=DjangoJSONEncoder),
    lambda s: pickle.dumps(s),
    lambda s: copy.copy(s),
    lambda s: copy.deepcopy(s),
    lambda s: vars(s),
    lambda s: {s: 1},
    lambda s: len(s),
]
TEMPLATES = [
    "{{ s }}",
    "{{ s.expose }}",
    "{{ s.expose_bytes }}",
    "{{ s|safe }}",
    "{{ s|pprint }}",
    "{{ s|json_script:'x' }}",
]


@pytest.mark.parametrize("show", SHOWN)
def test_every_text_form_is_masked(show):
    assert CANARY not in show(Secret(CANARY))


@pytest.mark.parametrize("act", REFUSED)
def test_everything_else_is_refused(act):
    with pytest.raises((TypeError, AttributeError)) as refused:
        act(Secret(CANARY))
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_shows_nothing(template):
    engine = Engine(builtins=["django.template.defaultfilters"])
    try:
        shown = engine.from_string(template).render(Context({"s": Secret(CANARY)}))
    except TypeError:
        shown = ""
    assert CANARY not in shown


def test_logs_and_tracebacks_show_nothing(caplog):
    secret = Secret(CANARY)
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("%s %r", secret, {"a": secret})
    try:
        raise ValueError(secret)
    except ValueError as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert CANARY not in caplog.text + shown.replace(f"CANARY = '{CANARY}'", "")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_what_went_in_is_exposed(text):
    assert Secret(text).expose() == text
    assert Secret(text.encode()).expose_bytes() == text.encode()
    assert Secret(text) == Secret(text.encode())


def test_secrets_compare_with_secrets_only():
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert not Secret("")
    assert Secret("a")
    with pytest.raises(TypeError):
        Secret(5)


def test_the_bytes_are_wiped_when_the_secret_goes():
    held = bytearray(b"plaintext")
    secret = Secret(held)
    del secret
    assert held == bytes(9)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sk_live_0123456789abcd", "****abcd"),
        ("0123456789abcdef", "****cdef"),
        ("0123456789abcde", "****"),
        ("0123456789abc====", "****"),
        ("0123456789abcdefg==", "****defg"),
        ("", "****"),
        ("pässwörter-sind-geheim", "****"),
        ("two words of a passphrase", "****"),
        ("https://hooks.slack.com/services/T0/B0/x", "****"),
        ("-----BEGIN-PRIVATE-KEY-----", "****"),
        ("line\nbreak0123456789", "****"),
    ],
)
def test_a_mask_shows_the_last_four_of_a_long_token_only(text, shown):
    assert mask(text) == shown
    assert mask(text, is_token=False) == "****"
