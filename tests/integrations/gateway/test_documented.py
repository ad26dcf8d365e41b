"""What callers are told in docs/gateway.md is what the gateway does."""

from __future__ import annotations

import re
from pathlib import Path

from integrations.gateway.asked import READ
from integrations.gateway.problems import _PROBLEMS

DOC = (Path(__file__).resolve().parents[3] / "docs/gateway.md").read_text(encoding="utf-8")


def test_every_code_is_documented_with_its_status():
    told = {(code, int(status)) for code, status in re.findall(r"^\| `([a-z_]+)` \| (\d{3}) \|", DOC, re.MULTILINE)}
    assert told == {(code, status) for code, (status, _, _) in _PROBLEMS.items()}


def test_every_header_that_a_caller_may_send_is_documented():
    asked = DOC.partition("## What a caller may ask for")[2].partition("## ")[0]
    assert {name.lower().encode() for name in re.findall(r"^\| `(X-[A-Za-z-]+)`", asked, re.MULTILINE)} == set(READ)
