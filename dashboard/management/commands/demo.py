"""`demo` / `demo --remove`: six made-up clients and a month of their calls."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from dashboard.demo_data import make, remove
from secrets_vault import keys
from secrets_vault.models import Client


class Command(BaseCommand):
    """Makes the demo once, or takes it away."""

    help = "Make six demo clients with a month of calls, or take them away with --remove."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --remove and the seed."""
        parser.add_argument("--remove", action="store_true", help="take everything of the demo away")
        parser.add_argument("--seed", type=int, default=1, help="another seed tells another story")

    def handle(self, *args: Any, seed: int, **options: Any) -> None:
        """Print what was made or removed as JSON. Exit 1 when the demo is there already."""
        keys.unlock()
        if options["remove"]:
            self.stdout.write(json.dumps({"removed_clients": remove()}))
            return
        if Client.objects.filter(is_demo=True).exists():
            raise CommandError("The demo is there already. `demo --remove` takes it away.", returncode=1)
        self.stdout.write(json.dumps(asdict(make(now=timezone.now(), seed=seed))))
