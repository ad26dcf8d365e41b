"""Reads the product's own source for the rules of the house."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FLOORS = ("secrets_vault", "integrations", "dashboard", "config")


@dataclass(frozen=True)
class Module:
    """One Python file of the product."""

    path: Path

    @property
    def name(self) -> str:
        """Its path from the root of the checkout."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def floor(self) -> str:
        """The floor it stands on."""
        return self.name.partition("/")[0]

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.path.read_text(), self.name)

    def imports(self) -> Iterator[tuple[int, str]]:
        """Yield the line and full name of every module it imports, wherever the import stands."""
        yield from _imports(self.path)

    def names_used(self, *wanted: str) -> Iterator[tuple[int, str]]:
        """Yield the line of every use of a plain or attribute name."""
        for node in ast.walk(self.tree):
            name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
            if name in wanted:
                yield node.lineno, name  # type: ignore[attr-defined]

    def calls(self, *chain: str) -> Iterator[int]:
        """Yield the line of every call that ends in these names: `calls("objects", "get")`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and _chain(node.func)[-len(chain) :] == list(chain):
                yield node.lineno


@cache  # a score of rules ask for them, and to read all our source takes a second
def _imports(path: Path) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(Module(path).tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.append((node.lineno, node.module))
    return found


def _chain(node: ast.expr) -> list[str]:
    """Return the names of `a.b.c`, as far to the left as they are names."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    return [node.id, *names] if isinstance(node, ast.Name) else names


def modules(*floors: str) -> list[Module]:
    """Return every module of these floors, migrations apart."""
    found = (path for floor in floors or FLOORS for path in sorted((ROOT / floor).rglob("*.py")))
    return [Module(path) for path in found if "migrations" not in path.parts]


def templates() -> list[Path]:
    """Return every HTML template."""
    return sorted((ROOT / "templates").rglob("*.html"))


def template_text(path: Path) -> str:
    """Return a template without its comments."""
    return re.sub(r"{%\s*comment\s*%}.*?{%\s*endcomment\s*%}|{#.*?#}", "", path.read_text(), flags=re.DOTALL)


def is_behind(name: str, doors: tuple[str, ...]) -> bool:
    """Tell whether a path is one of these files, or inside one of these folders (written with a slash at the end)."""
    return any(name == door or (door.endswith("/") and name.startswith(door)) for door in doors)
