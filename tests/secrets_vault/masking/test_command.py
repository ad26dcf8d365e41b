"""`mask` as a process: from outside, with no home to write to."""

import base64
import gzip
import json
import os
import subprocess
import sys

import pytest

from config.env import HOMELESS_COMMANDS
from secrets_vault.management.commands.mask import masked_line
from secrets_vault.masking import Masker
from secrets_vault.masking.stream import StreamMasker

pytestmark = pytest.mark.matrix  # no database: one engine is enough

KEY = "sk_" + "live_" + "a1B2c3D4e5F6g7H8"
PEM = (
    "-----BEGIN " + "PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n" * 3 + "-----END " + "PRIVATE KEY-----\n"
)
STREAM = (
    f"first line\npassword: hunter2\n{PEM}after the key\ntoken={KEY} end\n"
    + '{"credentials": {\n  "a": "b1c2"\n}}\nlast'
)


def run_mask(stdin: bytes, *flags: str) -> subprocess.CompletedProcess[bytes]:
    env = {"PATH": os.environ["PATH"], "KEYLODGE_HOME": "/proc/nowhere/keylodge"}
    return subprocess.run(
        [sys.executable, "manage.py", "mask", *flags], input=stdin, env=env, capture_output=True, check=False
    )


def test_it_runs_without_a_home_and_passes_other_bytes_through():
    done = run_mask(b"caf\xe9 \xff\x00 password=hunter2\r\nno newline at the end")
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"caf\xe9 \xff\x00 password=****\r\nno newline at the end"


def test_jsonl_answers_every_line_and_ends_with_2_after_a_bad_one():
    done = run_mask(
        b'{"input": "pin is zebra42", "known": ["zebra42"]}\nnot json\n{"chunks": ["api_key=abc", "def12"]}\n',
        "--jsonl",
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 2
    assert answers[0] == {"output": "pin is ****"}
    assert "error" in answers[1]
    assert answers[2] == {"output": "api_key=****"}


def test_the_commands_without_a_home_are_named():
    assert "mask" in HOMELESS_COMMANDS


def test_packed_bytes_are_unpacked_first():
    body = base64.b64encode(gzip.compress(b'{"password": "hunter2"}')).decode()
    assert masked_line({"media": "application/json", "input_b64": body}) == '{"password": "****"}'


@pytest.mark.parametrize("split", range(1, len(STREAM), 3))
def test_where_a_stream_is_split_changes_nothing(split):
    whole = str(Masker().mask(STREAM))
    stream = StreamMasker(Masker())
    out = stream.feed(STREAM[:split]) + stream.feed(STREAM[split:], is_idle=True) + stream.finish()
    assert out == whole


def test_a_stream_fed_by_characters_says_the_same():
    stream = StreamMasker(Masker())
    out = "".join(stream.feed(c, is_idle=True) for c in STREAM) + stream.finish()
    assert out == str(Masker().mask(STREAM))


def test_a_line_without_an_end_is_answered_in_the_end():
    stream = StreamMasker(Masker())
    text = "word " * 300_000
    assert stream.feed(text) + stream.finish() == text
