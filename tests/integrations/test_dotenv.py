"""A pasted .env is read as its author meant it, and what cannot be read is named by its line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.dotenv import Entry, format_env, parse_env
from secrets_vault.secret import Secret

pytestmark = pytest.mark.matrix  # no database: one engine is enough


def values(text: str) -> list[tuple[str, str]]:
    """Return the names and plain values of a text without problems."""
    parsed = parse_env(text)
    assert parsed.problems == []
    return [(entry.name, entry.value.expose()) for entry in parsed.entries]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1", [("A", "1")]),
        ("A=", [("A", "")]),
        ("A = 1 ", [("A", "1")]),
        ("export A=1", [("A", "1")]),
        ("  export\tA=1", [("A", "1")]),
        ("A: 1", [("A", "1")]),
        ("\ufeffA=1\r\nB=2\r\n", [("A", "1"), ("B", "2")]),
        ("A=1\rB=2", [("A", "1"), ("B", "2")]),
        ("A=a=b==", [("A", "a=b==")]),
        ("A=a#b", [("A", "a#b")]),
        ("A=a #b", [("A", "a")]),
        ("A=#b", [("A", "")]),
        ("A='a # b'", [("A", "a # b")]),
        ("A='a\\n'", [("A", "a\\n")]),
        ('A="a\\nb\\t\\"c\\" \\$d \\\\ \\x"', [("A", 'a\nb\t"c" $d \\ \\x')]),
        ("A=`a'b\"`", [("A", "a'b\"")]),
        ('A="-----BEGIN-----\nabc\n-----END-----"\nB=2', [("A", "-----BEGIN-----\nabc\n-----END-----"), ("B", "2")]),
        ("A='x\n# no comment\ny' # a comment", [("A", "x\n# no comment\ny")]),
        ("A=$HOME/${B}", [("A", "$HOME/${B}")]),
        ("A=$(rm -rf /)", [("A", "$(rm -rf /)")]),
        ("SCHLÜSSEL=größe ☂", [("SCHLÜSSEL", "größe ☂")]),
        ("a.b-c=1", [("a.b-c", "1")]),
        ("\n\n# only\n", []),
        ("", []),
    ],
)  # fmt: skip
def test_values_are_read_as_meant(text: str, expected: list[tuple[str, str]]) -> None:
    assert values(text) == expected


@pytest.mark.parametrize(
    ("text", "line", "reason", "kept"),
    [
        ("A=1\njust text\nB=2", 2, "no =", ["A", "B"]),
        ("=1\nB=2", 1, "name", ["B"]),
        ("1A=1", 1, "name", []),
        ("A B=1", 1, "name", []),
        ('A="open\nB=2', 1, "opened and not closed", ["B"]),
        ('A="open\nB="2"\nC=3', 1, "opened and not closed", ["B", "C"]),
        ("A='x'y\nB=2", 1, "after the closing quote", ["B"]),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line_and_kept(text: str, line: int, reason: str, kept: list[str]) -> None:
    parsed = parse_env(text)
    assert [(problem.line, reason in problem.reason) for problem in parsed.problems] == [(line, True)]
    assert parsed.problems[0].text.expose() == text.split("\n")[line - 1]
    assert [entry.name for entry in parsed.entries] == kept


def test_duplicates_are_kept_and_named() -> None:
    parsed = parse_env("A=1\nB=2\nA=3")
    assert [entry.value.expose() for entry in parsed.entries] == ["1", "2", "3"]
    assert parsed.duplicates == {"A": [1, 3]}


def test_comments_go_with_their_variable() -> None:
    parsed = parse_env("# a heading\n\n# Acme's key\n# from 2025\nA=1 # live\nB=2")
    assert [(entry.comment, entry.line) for entry in parsed.entries] == [("Acme's key from 2025 live", 5), ("", 6)]


def test_a_text_that_is_too_long_is_not_read_to_the_end() -> None:
    assert "too long" in parse_env("A=1\n" + "#" * 1_000_001).problems[0].reason
    many = parse_env("".join(f"A{number}=1\n" for number in range(10_002)))
    assert (len(many.entries), len(many.problems)) == (10_000, 2)


def test_nothing_prints_a_value() -> None:
    parsed = parse_env("A=canary-value\nbroken canary-value")
    assert "canary" not in repr(parsed)


NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(st.lists(st.tuples(NAMES, TEXTS), max_size=5))
def test_what_is_written_is_read_back(pairs: list[tuple[str, str]]) -> None:
    text = format_env([Entry(name, Secret(value), 0) for name, value in pairs])
    assert values(text) == pairs


ODD = [
    "", " ", "plain", "a b", "it's", 'say "hi"', """both ' and " """, "a#b", "a #b", "#", "$HOME", "${HOME}", "$(id)",
    "`id`", "it's `id`", "it's $(id)", "\\", "\\n", "a\\'b\\", "it's \\$x\\", "line one\nline two\n", "it's\nmore",
    "-----BEGIN X-----\nabc\n-----END X-----\n", "größe ☂ 日本", "~", "~/x", "a:~/b", "*", "=", "a=b==", "export X=1",
    "\t tab ", "!x", "x;y", "a&&b", "<>|", "{a,b}", "[x]", "postgres://u:p%40ss@h:5432/d?x=1&y=2",
]  # fmt: skip


def test_bash_reads_what_is_written_as_it_was(tmp_path: Path) -> None:
    names = [f"V{number}" for number in range(len(ODD))]
    file = tmp_path / ".env"
    file.write_text(format_env([Entry(name, Secret(value), 0) for name, value in zip(names, ODD, strict=True)]))
    script = 'set -a; . "$0"; shift 0; for name in "$@"; do printf "%s\\0" "${!name}"; done'
    bash = subprocess.run(["bash", "-c", script, str(file), *names], capture_output=True, check=True, timeout=20)
    assert bash.stderr == b""
    assert bash.stdout.decode().split("\0")[:-1] == ODD
    assert [entry.value.expose() for entry in parse_env(file.read_text()).entries] == ODD


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_no_text_breaks_the_reader_and_every_line_is_somewhere(text: str) -> None:
    parsed = parse_env(text)
    lines = [entry.line for entry in parsed.entries] + [problem.line for problem in parsed.problems]
    assert len(set(lines)) == len(lines)


def test_a_mapping_is_written_too() -> None:
    assert format_env({"A": Secret("it's $5"), "B": Secret("x")}) == 'A="it\'s \\$5"\nB=x\n'
