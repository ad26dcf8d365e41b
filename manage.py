#!/usr/bin/env python
"""The switch: runs any command of Keylodge."""

import os
import sys


def main() -> None:
    """Run one command. Exit 2 for bad settings, 3 for a locked vault or a wrong key, each with one clear sentence."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
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
