"""`run --client C --environment E -- COMMAND`: start a program with an environment's secrets as its variables."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.management.base import CommandError, CommandParser
from django.db import connections, transaction

from config.env import SCHEME
from integrations.environment_values import Values, values_for_a_command
from secrets_vault import audit
from secrets_vault.actor import COMMAND
from secrets_vault.commands import KeylodgeCommand
from secrets_vault.models import Environment

NOT_EXECUTABLE, NOT_FOUND = 126, 127  # as a shell ends
# A stored value must not decide which code runs: whoever may store one would run it as whoever calls this.
NEVER_SET = frozenset({"PATH", "ENV", "BASH_ENV", "IFS", "SHELLOPTS", "BASHOPTS", "PS4"})
NEVER_BEGINS = ("LD_", "DYLD_", "BASH_FUNC_")


class Command(KeylodgeCommand):
    """Becomes the program: its input, output, signals and exit code are the program's own, and nothing stays behind."""

    help = "Run a program with the secrets of one client's environment as environment variables."
    prepares = True
    child: ClassVar[list[str]] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take whose values; the program stands behind `--`."""
        parser.usage = "keylodge run --client C --environment E -- COMMAND [ARGUMENT …]"
        parser.add_argument("--client", required=True, help="the slug of the client")
        parser.add_argument("--environment", required=True, help="the slug of its environment")

    def run_from_argv(self, argv: list[str]) -> None:
        """Cut the program off before anything reads its arguments as ours."""
        at = argv.index("--") if "--" in argv else len(argv)
        self.child = argv[at + 1 :]  # type: ignore[misc]
        super().run_from_argv(argv[:at])

    def run(self, **options: Any) -> None:
        """Replace this process. Exit 2 for an unknown place or no program, 126 or 127 where it cannot be started."""
        if not self.child:
            raise CommandError("Name the program behind --: run --client acme --environment test -- env", returncode=2)
        place = _place(client=options["client"], environment=options["environment"])
        with transaction.atomic():
            # Only the program's name: its arguments may hold anything.
            details = {"program": os.path.basename(self.child[0])[:60], "environment": place.slug}
            audit.record("environment.run", actor=COMMAND, client=place.client, subject=place, details=details)
        found = values_for_a_command(place, actor=COMMAND)
        variables = self._variables(found)
        connections.close_all()
        sys.exit(_become(self.child, variables))

    def _variables(self, found: Values) -> dict[str, str]:
        """Return this process's variables without Keylodge's own settings, and the environment's values."""
        inherited = {name: text for name, text in os.environ.items() if not _is_ours(name)}
        given: dict[str, str] = {}
        for variable in found.variables:
            if variable.name in NEVER_SET or variable.name.startswith(NEVER_BEGINS):
                self.say(f"{variable.name} is left out: it would decide which programs run.")
                continue
            given[variable.name] = variable.value.expose()
            if "\0" in given[variable.name]:
                raise CommandError(f"{variable.name} holds a NUL byte, which no variable can.", returncode=2)
        return inherited | given


def _place(*, client: str, environment: str) -> Environment:
    rows = Environment.objects.filter(client__slug=client, slug=environment).select_related("client")
    found = rows.first()
    if found is None:
        raise CommandError(f"There is no environment {environment!r} of a client {client!r}.", returncode=2)
    return found


def _is_ours(name: str) -> bool:
    return name.removesuffix("_FILE") in SCHEME or name == "DJANGO_SETTINGS_MODULE"


def _become(child: list[str], variables: Mapping[str, str]) -> int:
    """Turn this process into the program; return only when that cannot be done."""
    sys.stdout.flush()
    sys.stderr.flush()
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores both, and a program would inherit that
        signal.signal(ignored, signal.SIG_DFL)
    try:
        os.execvpe(child[0], child, dict(variables))  # noqa: S606  # this is what the person typed
    except FileNotFoundError:
        sys.stderr.write(f"keylodge: {child[0]}: there is no such program.\n")
        return NOT_FOUND
    except OSError as problem:
        sys.stderr.write(f"keylodge: {child[0]}: {problem.strerror}.\n")
        return NOT_EXECUTABLE
