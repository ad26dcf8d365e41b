"""Values that stand far from their names: in SQL rows, behind names of several words, and in pieces of a stream."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.call_log.rows import masked_body
from secrets_vault.masking import Masker
from tests.secrets_vault.masking.corpus import made

pytestmark = pytest.mark.matrix  # no database: one engine is enough

MASKER = Masker()
V = "v-9-x-lit"
ROWS = [
    f"INSERT INTO users (id, password, name) VALUES (1, '{V}', 'ada')",
    f"INSERT INTO `users` (`id`,`Passwort`) VALUES (1,'w-8'),(2,'o''k {V}');",
    f"insert into u (email, api_key, n) values ('a', crypt('{V}', gen_salt('bf')), 3)",
    f'INSERT INTO "a"."users" ("name", "secret") VALUES (\'x\', \'{V}\') ON CONFLICT DO NOTHING',
    f"INSERT INTO [dbo].[u] ([Name],[ApiKey]) VALUES (N'x', N'{V}')",
    f"INSERT INTO t (token) VALUES ('{V}",
    f"INSERT INTO u (name, password) VALUES ('it\\'s', 'it\\'s {V}')",
    f"REPLACE INTO u (a, client_secret) VALUES ('(,', '{V}')",
    json.dumps({"query": f"INSERT INTO u (a, password) VALUES (1, '{V}')"}),
    f"COPY users (id, password, name) FROM stdin;\n1\tw-8-x\tada\n2\t{V}\tben\n\\.\nSELECT 1;",
]
NAMES = [
    "clé api",
    "clave api",
    "Stripe API key (live)",
    "pass word",
    "session id",
    "api key",
    "Mot de passe",
    "Secret key for the shop",
]
KEPT = [
    "INSERT INTO users (id, password, name) VALUES ($1, $2, $3)",
    "INSERT INTO users (id, password) VALUES (?, ?)",
    "INSERT INTO users (id, password) VALUES (:id, :password)",
    "INSERT INTO users (id, password) VALUES (%(id)s, %(password)s), (%s, %s)",
    "INSERT INTO users (id, password) VALUES (NULL, DEFAULT)",
    "INSERT INTO users (id, token_count, name) VALUES (1, 12, 'ada')",
    "INSERT INTO orders (id, sku) VALUES (1, 'A-1001'), (2, 'B-2002')",
    "COPY orders (id, total) FROM stdin;\n1\t12.50\n\\.\n",
    '{"total tokens used": 12, "tokens per minute": 90000, "key figures": "up 3 %"}',
    '{"public key of the shop": "pk 1", "the author": "Ada"}',
    'data: {"content": "The pass"}\n\ndata: {"content": "word is not known to me."}\n\ndata: [DONE]\n\n',
    'data: {"index": 0, "content": "one"}\n\ndata: {"index": 1, "content": "two"}\n\n',
]


@pytest.mark.parametrize("text", ROWS)
def test_the_value_of_a_column_named_for_a_secret_is_covered(text):
    assert V in text
    masked = MASKER.mask(text)
    assert V not in masked
    assert "w-8" not in masked
    assert MASKER.mask(masked) == masked


def test_the_other_columns_stay():
    assert MASKER.mask(ROWS[0]) == "INSERT INTO users (id, password, name) VALUES (1, '****', 'ada')"
    assert MASKER.mask(ROWS[-1]).splitlines()[1:3] == ["1\t****\tada", "2\t****\tben"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", ['{{"{}": "{}"}}', "{{'{}': '{}'}}", '{{\\"{}\\": \\"{}\\"}}', '"{}" => "{}"'])
def test_a_quoted_name_of_several_words_covers_its_value(name, form):
    text = form.format(name, V)
    assert V not in MASKER.mask(text)
    assert name in MASKER.mask(text)


@pytest.mark.parametrize("text", KEPT)
def test_what_only_looks_like_it_stays(text):
    assert MASKER.mask(text) == text


def events(text: str, *, size: int, shape: str = '{{"choices":[{{"index":0,"delta":{{"content":{}}}}}]}}') -> str:
    """Return a stream of events with a few letters of a text each, as a language model's answer comes."""
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    return "".join(f"data: {shape.format(json.dumps(piece))}\n\n" for piece in pieces) + "data: [DONE]\n\n"


@pytest.mark.parametrize("size", [1, 3, 5, 11])
@pytest.mark.parametrize(
    "secret", [made("sk-" + "proj-", 40), "password=hunter2Zebra", '"api key": "v-9-x-lit"', "four plain words here"]
)
def test_a_secret_in_pieces_is_covered_in_every_piece(secret, size):
    value = secret.rpartition("=")[2].rpartition('": "')[2].rstrip('"')
    masked = Masker(["four plain words here"]).mask(events(f"It is {secret} .", size=size))
    left = "".join(
        json.loads(line[6:])["choices"][0]["delta"]["content"] for line in masked.splitlines() if "{" in line
    )
    assert value not in left
    assert left.startswith("It is ")


def test_two_texts_in_one_stream_are_joined_each_for_itself():
    key = made("sk-" + "proj-", 20)
    lines = [
        f'data: {{"index": {n}, "delta": "{piece}"}}\n\n'
        for at in range(0, len(key), 4)
        for n, piece in enumerate((key[at : at + 4], "word"))
    ]
    masked = MASKER.mask("".join(lines))
    assert masked.count("****") == len(lines) / 2
    assert masked.count('"word"') == len(lines) / 2


@given(st.text(alphabet="abc \"\\\n'é", max_size=60), st.integers(1, 9))
def test_no_stream_breaks_the_masker(text, size):
    stream = events(text, size=size)
    assert MASKER.mask(stream) == stream


def test_the_call_log_keeps_of_a_stream_only_its_size():
    body = events(made("sk-" + "proj-", 40), size=3).encode()
    kept = masked_body(body, [(b"Content-Type", b"text/event-stream; charset=utf-8")], MASKER)
    assert kept == f"[a stream of 17 events, {len(body)} bytes: not kept]"
