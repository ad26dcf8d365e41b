"""The `mask` command, run within the test process: what it reads, what it answers, how it ends."""

from __future__ import annotations

import base64
import io
import json
import os
import sys
from types import SimpleNamespace

import pytest
from django.core.management import call_command

TOKEN = "ghp_" + "A1b2" * 9


@pytest.fixture
def mask(monkeypatch):
    """Return a function that pipes bytes through `mask` and gives back its output and exit status."""

    def run(given: bytes, *arguments: str) -> tuple[bytes, int]:
        reading, writing = os.pipe()
        os.write(writing, given)
        os.close(writing)
        out = io.BytesIO()
        with os.fdopen(reading, "rb") as source:
            monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=source))
            monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=out, write=lambda _: 0, flush=lambda: None))
            try:
                call_command("mask", *arguments)
            except SystemExit as ended:
                return out.getvalue(), int(str(ended.code or 0))
        return out.getvalue(), 0

    return run


def test_a_text_comes_out_masked_and_the_rest_untouched(mask):
    out, status = mask(f"at 12:00 token={TOKEN} done\n".encode() + b"\xff raw byte stays\n")
    assert status == 0
    assert TOKEN.encode() not in out
    assert out.startswith(b"at 12:00 ")
    assert out.endswith(b" done\n\xff raw byte stays\n")


def test_utf_16_goes_out_as_utf_16(mask):
    out, _ = mask(f"\ufefftoken={TOKEN}\nende".encode("utf-16-le"))
    assert TOKEN not in out.decode("utf-16-le")
    assert out.decode("utf-16-le").endswith("\nende")


def test_gzip_is_refused_in_words(mask):
    assert mask(b"\x1f\x8b\x08binary")[1] == 2


@pytest.mark.parametrize(
    "asked",
    [
        {"input": f"token={TOKEN}"},
        {"input_b64": base64.b64encode(f"token={TOKEN}".encode()).decode(), "media": "text/plain"},
        {"chunks": ["token=" + TOKEN[:9], TOKEN[9:]]},
        {"input": "the word is quiet-lake", "known": ["quiet-lake"]},
    ],
)
def test_a_line_of_jsonl_is_answered_by_a_line(mask, asked):
    out, status = mask(json.dumps(asked).encode() + b"\n\n", "--jsonl")
    answer = json.loads(out)["output"]
    assert status == 0
    assert TOKEN not in answer
    assert "quiet-lake" not in answer
    assert "****" in answer


@pytest.mark.parametrize("line", [b"no json", b'{"input": 7}', b'{"input_b64": "abc"}', b"{}", b'{"chunks": [1]}'])
def test_a_broken_line_is_told_and_the_next_one_answered(mask, line):
    out, status = mask(line + b'\n{"input": "fine"}\n', "--jsonl")
    first, second = (json.loads(text) for text in out.splitlines())
    assert "line 1" in first["error"]
    assert second == {"output": "fine"}
    assert status == 2
