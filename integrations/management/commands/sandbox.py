"""`sandbox`: providers to try everything with, on this machine only."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    """Becomes the sandbox's own process, so that a signal reaches it directly."""

    help = "Start sandbox providers on loopback. Prints one JSON line and runs until SIGTERM."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the port; a free one when left out."""
        parser.add_argument("--port", type=int, default=0)

    def handle(self, *args: Any, port: int, **options: Any) -> None:
        """Replace this process."""
        command = [sys.executable, "-m", "integrations.sandbox", "--port", str(port)]
        os.execve(sys.executable, command, os.environ | {"PYTHONPATH": str(settings.BASE_DIR)})  # noqa: S606  ours, no shell
