"""The table of security requirements names every requirement, and only tests that exist."""

from __future__ import annotations

import ast
import re

from tests.house.source import ROOT

TABLE = ROOT / "docs" / "security-requirements.md"
COUNTS = {"K": 10, "M": 8, "A": 12, "Z": 10, "O": 12, "G": 10, "W": 5, "F": 7, "L": 6, "C": 5}
LINE = re.compile(r"^\| ([A-Z]\d+) \|(.*)\|(.*)\|$", re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows() -> dict[str, tuple[str, str]]:
    """Return what we do and what proves it, by requirement."""
    return {name: (does.strip(), proof.strip()) for name, does, proof in LINE.findall(TABLE.read_text())}


def names_in(path: str) -> set[str]:
    """Return the names of the tests in a file; none when there is no such file."""
    file = ROOT / path
    tree = ast.parse(file.read_text()) if file.is_file() else ast.Module(body=[], type_ignores=[])
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_requirement_has_one_line():
    wanted = [f"{letter}{number}" for letter, count in COUNTS.items() for number in range(1, count + 1)]
    assert [name for name, *_ in LINE.findall(TABLE.read_text())] == wanted


def test_every_test_that_the_table_names_exists():
    named = {found for _, proof in rows().values() for found in NAMED.findall(proof)}
    strays = sorted(f"{path}::{name}" for path, name in named if name not in names_in(path))
    assert not strays, f"Renamed or gone; name in {TABLE.name} the test that proves it now: {strays}"
    assert not [proof for _, proof in rows().values() if proof.count("::") != len(NAMED.findall(proof))]


def test_what_no_test_proves_is_called_not_built():
    bare = [name for name, (does, proof) in rows().items() if does and not proof and "Not built yet" not in does]
    assert not bare, f"Name the test that proves it, or say what is not built yet: {bare}"
