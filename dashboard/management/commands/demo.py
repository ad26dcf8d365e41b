"""`demo` / `demo --remove`: six made-up clients and a month of their calls."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from dashboard.demo_data import make, remove
from secrets_vault.commands import FOUND_SOMETHING, KeylodgeCommand
from secrets_vault.models import Client


class Command(KeylodgeCommand):
    """Makes the demo once, or takes it away. Exit 1 when it is there already."""

    help = "Make six demo clients with a month of calls, or take them away with --remove."
    prepares = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --remove and the seed."""
        parser.add_argument("--remove", action="store_true", help="take everything of the demo away")
        parser.add_argument("--seed", type=int, default=1, help="another seed tells another story")

    def run(self, **options: Any) -> object | None:
        """Return what was made or removed."""
        if options["remove"]:
            return {"removed_clients": remove()}
        if Client.objects.filter(is_demo=True).exists():
            self.say("The demo is there already. `demo --remove` takes it away.")
            self.exit_code = FOUND_SOMETHING
            return None
        return asdict(make(now=timezone.now(), seed=options["seed"]))
