"""Every action that the code writes into the book has plain words, and every word belongs to one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.db import transaction

from dashboard.audit_words import AREAS, WORDS, detail_words, prefixes_of, words_of
from secrets_vault import audit
from secrets_vault.actor import Actor

ROOT = Path(__file__).parents[2]
FLOORS = ("config", "secrets_vault", "integrations", "dashboard")
ACTION = re.compile(r"[a-z_]+\.[a-z_]+")
# Spelled like an action, and something else: a setting, a host, an event of the sandbox, a session's drawer.
NO_ACTION = {
    "rotation.provider_days",
    "demo.invalid",
    "sandbox.event",
    "sandbox.json",
    "vault.import",
    "export.attributes",  # members of 1Password's archive
    "export.data",
    "handover.link",
    "handover.sealed",
}
WRITERS = {"record", "_record", "_tell", "_write"}


def texts(path: Path) -> list[tuple[str, bool]]:
    """Return the texts of a file that look like an action, and whether each is handed to a writer of the book."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append((node.value, False))
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in WRITERS:
            found += [(arg.value, True) for arg in node.args if isinstance(arg, ast.Constant)]
    return [(text, written) for text, written in found if isinstance(text, str) and ACTION.fullmatch(text)]


def recorded() -> set[str]:
    """Return every action the code can write: what a writer is given, and what is spelled like its kin."""
    files = [path for floor in FLOORS for path in (ROOT / floor).rglob("*.py") if path.name != "audit_words.py"]
    all_texts = [pair for path in files for pair in texts(path)]
    kin = {text.split(".")[0] for text, written in all_texts if written} | {action.split(".")[0] for action in WORDS}
    return {text for text, written in all_texts if written or text.split(".")[0] in kin} - NO_ACTION


def test_every_action_has_words_and_no_words_are_left_over():
    assert recorded() == set(WORDS), "Give it words in dashboard/audit_words.py, or take away those of an action gone."


def test_no_action_is_put_together_where_nobody_finds_it():
    built = re.compile(r"(?:record|_tell|_write)\(\s*f[\"']")
    files = [path for floor in FLOORS for path in (ROOT / floor).rglob("*.py")]
    assert [str(path) for path in files if built.search(path.read_text(encoding="utf-8"))] == []


def test_every_action_but_the_vaults_own_is_in_one_area():
    for action in WORDS:
        areas = [area for area in AREAS if action.startswith(prefixes_of(area))]
        assert len(areas) == (action != "vault.made"), action


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"old": ["GET"], "new": []}, "GET → none"),
        ({"old": None, "new": 30}, "none → 30"),
        ({"client": "acme"}, "client acme"),
        (True, "yes"),
        (0, "0"),
        ("acme-hubspot", "acme-hubspot"),
    ],
)
def test_details_read_like_sentences(value, words):
    assert detail_words(value) == words


def test_an_action_nobody_knows_is_shown_as_it_is():
    assert words_of("moon.first_landing") == "moon, first landing"


@pytest.mark.django_db
def test_the_pages_say_the_words_and_keep_the_name_in_the_title(browser_of, ada, acme):
    with transaction.atomic():
        audit.record("secret.revealed", actor=Actor(kind="user", label="Ben"), client=acme, label="A key")
    for url in ("/audit/", f"/clients/{acme.slug}/access/", "/audit/?q=looked"):
        page = browser_of(ada).get(url).content.decode()
        assert '<span title="secret.revealed">Looked at the value</span>' in page, url
