"""`./keylodge serve`, which is what `make run` calls: the whole installation in one process group."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from config.run import Child, Supervisor, is_address_here, port_is_free, wait_until_open
from secrets_vault import keys
from secrets_vault.commands import refuse_newer, tables_of
from secrets_vault.models import StoredSecret, User
from secrets_vault.people import setup_link


class Command(BaseCommand):
    help = "Run web, worker and beat until Ctrl-C."
    requires_system_checks = ()  # `make lint` and continuous integration run them; the start need not load every page

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare the installation, then supervise it."""
        home = Path(settings.KEYLODGE_HOME)
        held = hold_home(home)
        bind, port = settings.KEYLODGE_BIND, settings.KEYLODGE_PORT
        if not is_address_here(bind):
            raise CommandError(f"KEYLODGE_BIND is {bind}, which is no address of this machine.", returncode=2)
        if not port_is_free(bind, port):
            raise CommandError(
                f"Port {port} on {bind} is in use. Stop what uses it, or set KEYLODGE_PORT to another port.",
                returncode=2,
            )
        prepare(home)
        webs = [Child("web") for _ in range(max(1, settings.KEYLODGE_WEB_PROCESSES))]
        supervisor = Supervisor([*webs, Child("worker"), Child("beat")], say=self._say)
        supervisor.run(when_started=lambda: self._welcome(supervisor, bind, port))
        self._say("Keylodge has stopped.")
        held.close()

    def _welcome(self, supervisor: Supervisor, bind: str, port: int) -> None:
        if not wait_until_open(bind, port, until=supervisor.stopping.is_set):
            return
        link = owner_link()
        lines = [f"Keylodge is running at {settings.KEYLODGE_PUBLIC_URL} (Ctrl-C stops it)"]
        if link is not None:
            lines.append(f"Make the owner's account with this link, once, within the hour: {link}")
        self._say("\n".join(lines))

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def hold_home(home: Path) -> IO[str]:
    """Take KEYLODGE_HOME for this process; a second Keylodge on the same files is refused."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    held = (home / "running.lock").open("a+")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise CommandError(
            f"Keylodge is already running on {home}. Stop it first, or set KEYLODGE_HOME to another folder.",
            returncode=2,
        ) from None
    return held


def prepare(home: Path) -> None:
    """Bring the tables up to date and open the keys, before anything listens."""
    try:
        refuse_newer(tables_of(alias) for alias in settings.DATABASES)
    except ImproperlyConfigured as newer:
        raise CommandError(str(newer), returncode=2) from None
    for alias in settings.DATABASES:
        call_command("migrate", database=alias, interactive=False, verbosity=0)
    keys.initialise(home)
    if settings.KEYLODGE_DEBUG and holds_a_real_secret():
        raise CommandError("DEBUG is on and this installation holds a client's secret. Turn DEBUG off.", returncode=2)
    connections.close_all()


def holds_a_real_secret() -> bool:
    """Tell whether anything is stored for a client that is neither the sandbox's nor the demo's."""
    return StoredSecret.objects.filter(client__is_sandbox=False, client__is_demo=False).exists()


def owner_link() -> str | None:
    """Return a new one-time link that makes the owner, or None when there is a user."""
    return None if User.objects.exists() else setup_link.make_setup_url()
