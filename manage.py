#!/usr/bin/env python
"""The switch: runs any command of Keylodge."""

import os
import sys


def main() -> None:
    """Run one command. Exit 2 for bad settings, 3 for a locked vault or a wrong key, each with one clear sentence."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import ManagementUtility, get_commands
    from django.core.management.base import BaseCommand

    class Switch(ManagementUtility):
        """Django's switch, but that an unknown command is bad input, exit 2, and bad settings come first."""

        def fetch_command(self, subcommand: str) -> BaseCommand:
            if self.settings_exception is not None:
                raise self.settings_exception
            if subcommand not in get_commands():
                _stop(f"There is no command {subcommand!r}. `./keylodge help` lists what there is.", 2)
            return super().fetch_command(subcommand)

    try:
        Switch(["keylodge", *sys.argv[1:]]).execute()  # the name that help shows
    except ImproperlyConfigured as problem:
        _stop(str(problem), 2)
    except Exception as problem:
        if (exit_code := getattr(problem, "exit_code", None)) is None:
            raise
        _stop(str(problem), exit_code)


def _stop(sentence: str, exit_code: int) -> None:
    sys.stderr.write(f"keylodge: {sentence}\n")
    sys.exit(exit_code)


if __name__ == "__main__":
    main()
