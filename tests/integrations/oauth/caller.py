"""A process that uses a connection, for the tests in which several meet. Run as `python -m`, commands on stdin."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from datetime import datetime
from typing import Any

import django


def main(action: str, asked: dict[str, Any]) -> None:
    """Do one thing and print one JSON line about it."""
    django.setup()
    print(json.dumps(ACTIONS[action](**asked)), flush=True)


def make(line: dict[str, Any]) -> dict[str, str]:
    """Make the installation, a connection, and consent."""
    from django.core.management import call_command
    from django.db import connections

    from secrets_vault import keys
    from tests.factories import make_user
    from tests.integrations.oauth.world import connected, make_connection
    from tests.integrations.sandbox.conftest import Sandbox

    for alias in connections:
        call_command("migrate", database=alias, verbosity=0)
    keys.initialise()
    ada = make_user("Ada", is_owner=True)
    sandbox = Sandbox.__new__(Sandbox)
    sandbox.line, sandbox.port = line, int(line["url"].rpartition(":")[2])
    connection = connected(sandbox, make_connection(line, user=ada), ada)
    return {"slug": connection.slug}


def call(slug: str, now: str, threads: int) -> dict[str, Any]:
    """Ask for a token in many threads at once, when a line comes on stdin."""
    from django.db import connections

    from integrations.errors import IntegrationError
    from integrations.models import Connection
    from integrations.oauth.refresh import access_token

    moment, found = datetime.fromisoformat(now), []
    gun = threading.Barrier(threads + 1)
    connection = Connection.objects.get(slug=slug)

    def one() -> None:
        gun.wait()
        try:
            found.append(hashlib.sha256(access_token(connection, now=moment).expose_bytes()).hexdigest())
        except IntegrationError as error:
            found.append(type(error).__name__)
        finally:
            connections.close_all()

    running = [threading.Thread(target=one) for _ in range(threads)]
    for thread in running:
        thread.start()
    print("ready", flush=True)
    sys.stdin.readline()
    gun.wait()
    for thread in running:
        thread.join()
    connection.refresh_from_db()
    return {"found": found, "status": connection.status}


def turns(slug: str, begin: str, threads: int, count: int, every_s: int) -> dict[str, Any]:
    """Ask for a token in many threads, once for each line on stdin, each time one life of a token later."""
    from datetime import timedelta

    from django.db import connections

    from integrations.errors import IntegrationError
    from integrations.models import Connection
    from integrations.oauth.refresh import access_token

    connection = Connection.objects.get(slug=slug)
    print("ready", flush=True)
    for turn in range(count):
        sys.stdin.readline()
        moment, found = datetime.fromisoformat(begin) + timedelta(seconds=every_s * turn), []

        def one(moment: datetime = moment, found: list[str] = found) -> None:
            try:
                found.append(hashlib.sha256(access_token(connection, now=moment).expose_bytes()).hexdigest())
            except IntegrationError as error:
                found.append(f"{type(error).__name__}: {error}")
            finally:
                connections.close_all()

        gun = [threading.Thread(target=one) for _ in range(threads)]
        for thread in gun:
            thread.start()
        for thread in gun:
            thread.join()
        print(json.dumps(found), flush=True)
    connection.refresh_from_db()
    return {"status": connection.status}


def hang(slug: str, now: str, after: bool) -> dict[str, Any]:
    """Refresh, and stand still just before or just after the provider has answered, to be killed there."""
    from integrations import outbound
    from integrations.models import Connection
    from integrations.oauth.refresh import refresh

    def send(*args: Any, **kwargs: Any) -> Any:
        answer = outbound.send(*args, **kwargs) if after else None
        print("here", flush=True)
        time.sleep(60)
        return answer

    refresh(Connection.objects.get(slug=slug), now=datetime.fromisoformat(now), send=send)
    return {}


ACTIONS = {"make": make, "call": call, "turns": turns, "hang": hang}

if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
