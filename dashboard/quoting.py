"""A text as a literal of the language that a snippet is in: whatever it holds, it stays one text."""

from __future__ import annotations

import json
import shlex


def shell(text: str) -> str:
    """Return one word of a POSIX shell. Quoted always, so that an edited value stays one."""
    quoted = shlex.quote(text)
    return quoted if quoted != text else f"'{text}'"


def literal(text: str) -> str:
    """Return a string of JSON, which is also one of Python and of JavaScript."""
    return json.dumps(text, ensure_ascii=False).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
