"""What every command shares: answers on stdout, words on stderr, exit codes of the contract."""

from __future__ import annotations

import json

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import OperationalError

from secrets_vault import commands
from secrets_vault.commands import KeylodgeCommand
from secrets_vault.errors import BadInput, VaultError, WrongWrappingKey


class Trouble(Exception):
    """An error of another floor."""

    exit_code = 1


def run(outcome):
    """Run a command that raises or returns the outcome; return its exit code."""

    class Command(KeylodgeCommand):
        answered = (*KeylodgeCommand.answered, Trouble)

        def run(self, **options):
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

    try:
        call_command(Command())
    except SystemExit as ended:
        return ended.code
    return 0


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        ({"a": "é"}, 0),
        (None, 0),
        (VaultError("words"), 1),
        (BadInput("words"), 2),
        (WrongWrappingKey("words"), 3),
        (ImproperlyConfigured("words"), 2),
        (OperationalError("no such table"), 2),
        (Trouble("words"), 1),
    ],
    ids=str,
)
def test_each_outcome_has_its_exit_code(outcome, code, capsys):
    assert run(outcome) == code
    out = capsys.readouterr()
    assert (json.loads(out.out) if out.out else None) == (None if code else outcome)
    assert bool(out.err) == bool(code)


def test_an_unexpected_error_is_not_swallowed():
    with pytest.raises(ZeroDivisionError):
        run(ZeroDivisionError())


@pytest.mark.django_db
def test_a_prepared_command_finds_tables_and_keys_as_they_are():
    commands.prepare()
    assert commands.tables_of("default").waiting == 0
